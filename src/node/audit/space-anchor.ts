import type { PeerId } from '../../core/signing-key.ts'
import type { RecordKind, RecordSets } from '../../records/record-sets.ts'
import type { AuditAnchor, AuditHead } from './audit-anchor.ts'

const KIND = 'audit-head'
const LIFETIME_MS = 400 * 24 * 60 * 60_000
/** The oldest go first; with one an hour at most, the last three weeks of a busy node. */
const HEADS_PER_AUTHOR_MAX = 512
const HASH = /^[0-9a-f]{64}$/
const SEQUENCE = /^[1-9][0-9]{0,14}$/

/** The record's rules; whoever keeps records of the space keeps these. */
export const auditHeadKind: RecordKind = {
  name: KIND,
  lifetimeMsMax: LIFETIME_MS,
  newestWins: 'per author and key',
  perAuthorMax: HEADS_PER_AUTHOR_MAX,
  refuse(record) {
    if (!SEQUENCE.test(record.key)) return 'its key is not a sequence number'
    const { body } = record
    return typeof body === 'string' && HASH.test(body) ? undefined : 'its body is not a hash'
  },
}

/** Heads as signed records of the space: every member keeps them, and this node cannot take them back. */
export class SpaceAnchor implements AuditAnchor {
  readonly name = 'space'
  readonly #records: RecordSets
  readonly #self: PeerId

  constructor(records: RecordSets, self: PeerId) {
    this.#records = records
    this.#self = self
    records.defineKind(auditHeadKind)
  }

  async publish(head: AuditHead): Promise<void> {
    const key = String(head.sequence)
    if (this.#records.newest(KIND, key, this.#self)?.body === head.hash) return
    await this.#records.put(KIND, key, head.hash, { lifetimeMs: LIFETIME_MS })
  }

  async heads(): Promise<AuditHead[]> {
    return this.#records
      .list(KIND, { author: this.#self })
      .map(({ key, body }) => ({ sequence: Number(key), hash: String(body) }))
  }
}
