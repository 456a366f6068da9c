import { ReconciliationSet } from '../core/set-reconciliation.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { MemoryRecordTable } from './memory-record-table.ts'
import type { RecordId, SignedRecord, SpaceId } from './record.ts'
import { isNewer, orderOfKey, RECONCILIATION_KEY_BYTES, reconciliationKey } from './record-codec.ts'
import type { RecordKind } from './record-sets.ts'
import type { RecordEntry, RecordQuery, RecordTable } from './record-table.ts'
import { SqliteRecordTable } from './sqlite-record-table.ts'

/** Kinds that live no longer are kept in memory. */
const TRANSIENT_LIFETIME_MS_MAX = 10 * 60 * 1000
/** In one space; more are refused, so that memory (about 100 bytes each) and disk stay bounded. */
export const RECORDS_MAX = 500_000

/** What became of a record that was put on the shelf. */
export type Placement = 'new' | 'known' | 'superseded'

/**
 * The winning records of one space and their reconciliation set, always in step.
 *
 * What is kept is a pure function of all records ever offered: the newest of each slot, and of these
 * the newest `perAuthorMax` of each author and kind. Both are maxima, so members who were offered the same records in
 * any order keep the same ones, and what a member has replaced cannot come back.
 */
export class RecordShelf {
  readonly space: SpaceId
  readonly #kinds: ReadonlyMap<string, RecordKind>
  readonly #durable: RecordTable
  readonly #transient: RecordTable = new MemoryRecordTable()
  #set = new ReconciliationSet(RECONCILIATION_KEY_BYTES)
  /** “kind author” → how many are kept; counting in the table would cost more than storing. */
  readonly #counts = new Map<string, number>()

  constructor(index: IndexDatabase, space: SpaceId, kinds: ReadonlyMap<string, RecordKind>) {
    this.space = space
    this.#kinds = kinds
    this.#durable = new SqliteRecordTable(index, space)
    this.reload()
  }

  get set(): ReconciliationSet {
    return this.#set
  }

  has(record: { createdAt: number; id: RecordId }): boolean {
    return this.#set.has(reconciliationKey(record))
  }

  /** The record behind a reconciliation key; undefined when it was replaced, expired or never here. */
  byKey(key: Uint8Array): SignedRecord | undefined {
    if (!this.#set.has(key)) return undefined
    const { id } = orderOfKey(key)
    return this.#transient.get(id) ?? this.#durable.get(id)
  }

  newest(kind: string, key: string, author?: PeerId): SignedRecord | undefined {
    return this.#tableOf(kind).newest(kind, key, author)
  }

  list(query: RecordQuery, now: number): SignedRecord[] {
    return this.#tableOf(query.kind).list(query, now)
  }

  count(kind: string, now: number): number {
    return this.#tableOf(kind).count(kind, now)
  }

  /** How many of this kind and author are kept, expired ones included. */
  countOf(kind: string, author: PeerId): number {
    return this.#counts.get(`${kind} ${author}`) ?? 0
  }

  /** Whether something kept replaces this record; cheap, so that it can be asked before the signature is checked. */
  isSuperseded(record: SignedRecord): boolean {
    const winner = this.winnerOf(record)
    if (winner !== undefined) return !isNewer(record, winner)
    if (this.countOf(record.kind, record.author) < this.#kindOf(record.kind).perAuthorMax) return false
    const oldest = this.#tableOf(record.kind).oldest(record.kind, record.author)
    return oldest !== undefined && !isNewer(record, oldest)
  }

  /** What is kept in the slot of this record. */
  winnerOf(record: { kind: string; key: string; author: PeerId }): SignedRecord | undefined {
    const author = this.#kindOf(record.kind).newestWins === 'per key' ? undefined : record.author
    return this.#tableOf(record.kind).newest(record.kind, record.key, author)
  }

  /** Keeps a checked record if it wins. */
  place(record: SignedRecord): Placement {
    if (this.has(record)) return 'known'
    if (this.isSuperseded(record)) return 'superseded'
    const table = this.#tableOf(record.kind)
    const winner = this.winnerOf(record)
    if (winner !== undefined) this.remove(winner)
    table.add(record)
    this.#set.add(reconciliationKey(record))
    this.#addCount(record, 1)
    if (this.countOf(record.kind, record.author) > this.#kindOf(record.kind).perAuthorMax) {
      const oldest = table.oldest(record.kind, record.author)
      if (oldest !== undefined) this.remove(oldest)
    }
    return 'new'
  }

  remove(entry: RecordEntry): void {
    this.#tableOf(entry.kind).delete(entry.id)
    if (this.#set.delete(reconciliationKey(entry))) this.#addCount(entry, -1)
  }

  *entries(): Iterable<RecordEntry> {
    yield* this.#durable.entries()
    yield* this.#transient.entries()
  }

  expired(now: number): RecordEntry[] {
    return [...this.#durable.expired(now), ...this.#transient.expired(now)]
  }

  nextExpiry(): number | undefined {
    const times = [this.#durable.nextExpiry(), this.#transient.nextExpiry()].filter(
      (time) => time !== undefined,
    )
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Builds the reconciliation set again from the tables; needed after a transaction that did not commit. */
  reload(): void {
    this.#set = new ReconciliationSet(RECONCILIATION_KEY_BYTES)
    this.#counts.clear()
    for (const entry of this.entries()) {
      this.#set.add(reconciliationKey(entry))
      this.#addCount(entry, 1)
    }
  }

  #addCount(entry: { kind: string; author: PeerId }, by: number): void {
    const slot = `${entry.kind} ${entry.author}`
    const count = (this.#counts.get(slot) ?? 0) + by
    if (count > 0) this.#counts.set(slot, count)
    else this.#counts.delete(slot)
  }

  #kindOf(name: string): RecordKind {
    const kind = this.#kinds.get(name)
    if (kind === undefined) throw new RangeError(`the kind ${name} is not defined`)
    return kind
  }

  #tableOf(kind: string): RecordTable {
    const lifetimeMsMax = this.#kinds.get(kind)?.lifetimeMsMax ?? Number.POSITIVE_INFINITY
    return lifetimeMsMax <= TRANSIENT_LIFETIME_MS_MAX ? this.#transient : this.#durable
  }
}
