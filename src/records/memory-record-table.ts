import type { PeerId } from '../core/signing-key.ts'
import type { RecordId, SignedRecord } from './record.ts'
import { isNewer } from './record-codec.ts'
import type { RecordEntry, RecordQuery, RecordTable } from './record-table.ts'

/** For records that live minutes: nothing touches the disk. Walks a kind's records, of which there are about as many as members. */
export class MemoryRecordTable implements RecordTable {
  readonly #byId = new Map<RecordId, SignedRecord>()
  /** Kind → key → records, one for each author. */
  readonly #byKind = new Map<string, Map<string, SignedRecord[]>>()

  get(id: RecordId): SignedRecord | undefined {
    return this.#byId.get(id)
  }

  newest(kind: string, key: string, author?: PeerId): SignedRecord | undefined {
    const records = this.#byKind.get(kind)?.get(key) ?? []
    return newestOf(records.filter((record) => author === undefined || record.author === author))
  }

  list(query: RecordQuery, now: number): SignedRecord[] {
    const found: SignedRecord[] = []
    for (const record of this.#ofKind(query.kind)) {
      if (record.expiresAt <= now) continue
      if (query.author !== undefined && record.author !== query.author) continue
      if (query.key !== undefined && record.key !== query.key) continue
      if (query.keyPrefix !== undefined && !record.key.startsWith(query.keyPrefix)) continue
      found.push(record)
    }
    found.sort((a, b) => (isNewer(a, b) ? -1 : 1))
    return found.slice(0, query.limit)
  }

  count(kind: string, now: number): number {
    return this.list({ kind }, now).length
  }

  oldest(kind: string, author: PeerId): SignedRecord | undefined {
    let oldest: SignedRecord | undefined
    for (const record of this.#ofKind(kind)) {
      if (record.author === author && (oldest === undefined || isNewer(oldest, record))) oldest = record
    }
    return oldest
  }

  add(record: SignedRecord): void {
    this.#byId.set(record.id, record)
    const keys = this.#byKind.get(record.kind) ?? new Map<string, SignedRecord[]>()
    this.#byKind.set(record.kind, keys)
    keys.set(record.key, [...(keys.get(record.key) ?? []), record])
  }

  delete(id: RecordId): void {
    const record = this.#byId.get(id)
    if (record === undefined) return
    this.#byId.delete(id)
    const keys = this.#byKind.get(record.kind)
    const rest = (keys?.get(record.key) ?? []).filter((other) => other.id !== id)
    if (rest.length > 0) keys?.set(record.key, rest)
    else keys?.delete(record.key)
  }

  entries(): Iterable<RecordEntry> {
    return this.#byId.values()
  }

  expired(now: number): RecordEntry[] {
    return [...this.#byId.values()].filter((record) => record.expiresAt <= now)
  }

  nextExpiry(): number | undefined {
    let earliest: number | undefined
    for (const { expiresAt } of this.#byId.values()) {
      if (earliest === undefined || expiresAt < earliest) earliest = expiresAt
    }
    return earliest
  }

  *#ofKind(kind: string): Iterable<SignedRecord> {
    for (const records of this.#byKind.get(kind)?.values() ?? []) yield* records
  }
}

function newestOf(records: readonly SignedRecord[]): SignedRecord | undefined {
  let newest: SignedRecord | undefined
  for (const record of records) {
    if (newest === undefined || isNewer(record, newest)) newest = record
  }
  return newest
}
