import { hash } from 'node:crypto'
import { type CborValue, decodeCanonical, encodeCanonical } from '../../core/encoding.ts'
import { toKizunaError } from '../../core/kizuna-error.ts'
import type { Logger } from '../../core/log.ts'
import type { PersonalDataSource } from '../../core/personal-data.ts'
import type { Random } from '../../core/random.ts'
import { type SigningKey, verifySignature } from '../../core/signing-key.ts'
import type { IndexDatabase } from '../../storage/index-database.ts'
import type { AuditAnchor } from './audit-anchor.ts'

const STEPS = [
  `CREATE TABLE audit_entry (
     sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL, signature BLOB NOT NULL
   ) STRICT;
   CREATE TABLE audit_caller (tag TEXT PRIMARY KEY, caller TEXT NOT NULL UNIQUE) STRICT;`,
]
const TAG_BYTES = 16
const GENESIS = new Uint8Array(32)
/** Entries read at a time. */
const PAGE = 500
/** Entries that one question may bring. */
const LIST_MAX = 1_000

/** Something that was done and changed the node or its space. */
export interface AuditFacts {
  correlationId: string
  /** Milliseconds since 1970. */
  at: number
  caller: string
  group?: string
  command: string
  action?: string
}

/** An entry as it is shown; `caller` is undefined once that person had themselves erased. */
export interface AuditEntry extends Omit<AuditFacts, 'caller'> {
  sequence: number
  caller: string | undefined
  /** 64 hex digits. */
  hash: string
}

/** What a check of the whole log found. */
export interface AuditVerdict {
  intact: boolean
  entries: number
  /** The last entry's hash, 64 hex digits; undefined when there is none. */
  head: string | undefined
  /** Sequence of the first entry that is wrong, and how. */
  fault?: { sequence: number; reason: string }
  /** Heads that others keep and that were found to agree. */
  anchors: number
}

interface Row {
  sequence: number
  body: Uint8Array
  hash: Uint8Array
  signature: Uint8Array
}

/**
 * Who changed what, in a chain: each entry's hash covers the one before, and the node signs each. Whoever alters,
 * removes or inserts an entry afterwards has to make all later ones anew, and then disagrees with the heads that
 * were anchored elsewhere. People stand in it under random tags, so that one can be forgotten without breaking it.
 */
export class AuditLog implements PersonalDataSource {
  readonly name = 'audit log'
  readonly #parts: { index: IndexDatabase; key: SigningKey; random: Random; log: Logger }
  readonly #anchors: readonly AuditAnchor[]

  constructor(
    parts: { index: IndexDatabase; key: SigningKey; random: Random; log: Logger },
    anchors: readonly AuditAnchor[],
  ) {
    this.#parts = parts
    this.#anchors = anchors
    parts.index.migrate('audit log', STEPS)
  }

  /** Appends an entry. Never throws: what was done is done; that it could not be noted is an error in the log. */
  note(facts: AuditFacts): void {
    const { index, key, log } = this.#parts
    try {
      index.transaction(() => {
        const last = this.#last()
        const body = encodeCanonical(bodyOf(facts, this.#tagOf(facts.caller)))
        const digest = chainHash(last?.hash ?? GENESIS, body)
        index.run(
          'INSERT INTO audit_entry (sequence, body, hash, signature) VALUES (?, ?, ?, ?)',
          (last?.sequence ?? 0) + 1,
          body,
          digest,
          key.sign(digest),
        )
      })
    } catch (error) {
      log.error('audit entry lost', { command: facts.command, code: toKizunaError(error).code })
    }
  }

  /** Newest first. */
  list(options: { limit: number; before?: number }): AuditEntry[] {
    const { index } = this.#parts
    const limit = Math.min(options.limit, LIST_MAX)
    return index
      .all<Row>(
        'SELECT * FROM audit_entry WHERE sequence < ? ORDER BY sequence DESC LIMIT ?',
        options.before ?? Number.MAX_SAFE_INTEGER,
        limit,
      )
      .map((row) => this.#entryOf(row))
  }

  /** Reads the whole log and asks every anchor. */
  async verify(signal?: AbortSignal): Promise<AuditVerdict> {
    const { index } = this.#parts
    const heads = await this.#anchoredHeads(signal)
    let previous: Uint8Array = GENESIS
    let sequence = 0
    let anchors = 0
    const verdict = (fault?: { sequence: number; reason: string }): AuditVerdict => ({
      intact: fault === undefined,
      entries: sequence,
      head: sequence === 0 ? undefined : Buffer.from(previous).toString('hex'),
      anchors,
      ...(fault === undefined ? {} : { fault }),
    })
    for (;;) {
      const rows = index.all<Row>(
        'SELECT * FROM audit_entry WHERE sequence > ? ORDER BY sequence LIMIT ?',
        sequence,
        PAGE,
      )
      if (rows.length === 0) break
      for (const row of rows) {
        signal?.throwIfAborted()
        const reason = this.#faultOf(row, { previous, sequence })
        if (reason !== undefined) return verdict({ sequence: sequence + 1, reason })
        previous = row.hash
        sequence = row.sequence
        const anchored = heads.get(sequence)
        if (anchored === undefined) continue
        if (!anchored.every((digest) => digest === Buffer.from(row.hash).toString('hex')))
          return verdict({ sequence, reason: 'it differs from what was anchored elsewhere' })
        anchors += anchored.length
      }
    }
    const beyond = Math.max(0, ...heads.keys())
    if (beyond > sequence)
      return verdict({
        sequence: sequence + 1,
        reason: 'it is missing, though a later one was anchored elsewhere',
      })
    return verdict()
  }

  /** Tells every anchor the newest entry's hash; returns which took it. Nothing to do when the log is empty. */
  async anchor(signal?: AbortSignal): Promise<string[]> {
    const last = this.#last()
    if (last === undefined) return []
    const head = { sequence: last.sequence, hash: Buffer.from(last.hash).toString('hex') }
    const taken: string[] = []
    for (const anchor of this.#anchors) {
      await anchor.publish(head, signal)
      taken.push(anchor.name)
    }
    return taken
  }

  async *exportOf(person: string): AsyncGenerator<AuditEntry> {
    const { index } = this.#parts
    const tag = index.get<{ tag: string }>('SELECT tag FROM audit_caller WHERE caller = ?', person)?.tag
    if (tag === undefined) return
    for (const row of index.iterate<Row>('SELECT * FROM audit_entry ORDER BY sequence')) {
      const entry = this.#entryOf(row)
      if (entry.caller === person) yield entry
    }
  }

  /** The entries stay, without a name: nobody can tell any more whose they were. */
  async eraseOf(person: string): Promise<number> {
    return this.#parts.index.run('DELETE FROM audit_caller WHERE caller = ?', person).changes
  }

  #last(): Row | undefined {
    return this.#parts.index.get<Row>('SELECT * FROM audit_entry ORDER BY sequence DESC LIMIT 1')
  }

  #tagOf(caller: string): string {
    const { index, random } = this.#parts
    const known = index.get<{ tag: string }>('SELECT tag FROM audit_caller WHERE caller = ?', caller)
    if (known !== undefined) return known.tag
    const tag = Buffer.from(random.bytes(TAG_BYTES)).toString('hex')
    index.run('INSERT INTO audit_caller (tag, caller) VALUES (?, ?)', tag, caller)
    return tag
  }

  #faultOf(row: Row, before: { previous: Uint8Array; sequence: number }): string | undefined {
    if (row.sequence !== before.sequence + 1) return 'it is missing'
    if (!Buffer.from(chainHash(before.previous, row.body)).equals(row.hash)) return 'it was altered'
    if (!verifySignature(this.#parts.key.peerId, row.hash, row.signature))
      return 'its signature is not this node’s'
    return undefined
  }

  async #anchoredHeads(signal: AbortSignal | undefined): Promise<Map<number, string[]>> {
    const heads = new Map<number, string[]>()
    for (const anchor of this.#anchors) {
      for (const { sequence, hash: digest } of await anchor.heads(signal)) {
        heads.set(sequence, [...(heads.get(sequence) ?? []), digest])
      }
    }
    return heads
  }

  #entryOf(row: Row): AuditEntry {
    const body = decodeCanonical(row.body, 'The audit entry') as Record<string, string | number>
    const caller = this.#parts.index.get<{ caller: string }>(
      'SELECT caller FROM audit_caller WHERE tag = ?',
      String(body.caller),
    )?.caller
    return {
      sequence: row.sequence,
      correlationId: String(body.correlationId),
      at: Number(body.at),
      caller,
      ...(body.group === undefined ? {} : { group: String(body.group) }),
      command: String(body.command),
      ...(body.action === undefined ? {} : { action: String(body.action) }),
      hash: Buffer.from(row.hash).toString('hex'),
    }
  }
}

function bodyOf(facts: AuditFacts, caller: string): CborValue {
  const { correlationId, at, group, command, action } = facts
  return {
    correlationId,
    at,
    caller,
    command,
    ...(group === undefined ? {} : { group }),
    ...(action === undefined ? {} : { action }),
  }
}

function chainHash(previous: Uint8Array, body: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([previous, body]), 'buffer')
}
