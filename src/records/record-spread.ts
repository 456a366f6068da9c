import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import { BROADCAST_BYTES_MAX, type Network } from '../network/network.ts'
import type { SignedRecord, SpaceId } from './record.ts'
import type { RecordIntake } from './record-intake.ts'
import type { SpreadSeal } from './record-sets.ts'
import type { RecordSync } from './record-sync.ts'

/** Our new records are gathered this long before they are pushed. */
const PUSH_DELAY_MS = 50
/** Members to whom our new records are pushed at once; the others have them from gossip or reconciliation. */
const PUSH_PEERS_MAX = 8
/** More new records than this are left to reconciliation. */
const PUSH_RECORDS_MAX = 200
const PUSH_TIMEOUT_MS = 5_000

/** What spreading is made of. */
export interface RecordSpreadParts {
  network: Network
  sync: RecordSync
  intake: RecordIntake
  isMember: (peer: PeerId) => boolean
  seal: () => SpreadSeal
  clock: Clock
  log: Logger
}

/**
 * Makes new records known at once, by gossip and by pushing to a few connected members.
 * Only ever an accelerator: everything arrives without it too, by reconciliation.
 */
export class RecordSpread {
  readonly #parts: RecordSpreadParts
  #stopListening: (() => void) | undefined
  #topic = ''
  #queue: SignedRecord[] = []
  #timer: Timer | undefined

  constructor(parts: RecordSpreadParts) {
    this.#parts = parts
  }

  /** Begins, or goes over to another space. */
  enterSpace(space: SpaceId): void {
    this.stop()
    this.#topic = topicOf(space)
    this.#stopListening = this.#parts.network.listen(this.#topic, (bytes, from) => {
      const record = this.#parts.isMember(from) ? this.#parts.seal().open(bytes) : undefined
      if (record !== undefined) this.#parts.intake.take([record])
    })
  }

  stop(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#timer?.stop()
    this.#timer = undefined
    this.#queue = []
  }

  /** Spreads one of our own records. */
  spread(record: SignedRecord): void {
    if (this.#stopListening === undefined) return
    const message = this.#parts.seal().seal(record)
    if (message !== undefined && message.byteLength <= BROADCAST_BYTES_MAX) {
      this.#parts.network.broadcast(this.#topic, message).catch((error: unknown) => {
        this.#parts.log.debug('record not broadcast', { kind: record.kind, error })
      })
    }
    if (this.#queue.length >= PUSH_RECORDS_MAX) return
    this.#queue.push(record)
    this.#timer ??= this.#parts.clock.after(PUSH_DELAY_MS, () => this.#push())
  }

  #push(): void {
    const { network, isMember, sync, clock, log } = this.#parts
    this.#timer = undefined
    const records = this.#queue.map((record) => record.bytes)
    this.#queue = []
    const peers = network.connectedPeers().filter(({ peer }) => isMember(peer))
    for (const { peer } of peers.slice(0, PUSH_PEERS_MAX)) {
      sync.push(peer, records, clock.deadline(PUSH_TIMEOUT_MS)).catch((error: unknown) => {
        log.debug('records not pushed', { peer, error })
      })
    }
  }
}

/** The gossip topic of a space's records. */
export function topicOf(space: SpaceId): string {
  return `/kizuna/${space}/records`
}
