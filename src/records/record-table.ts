import type { PeerId } from '../core/signing-key.ts'
import type { RecordId, SignedRecord } from './record.ts'

/** What records a list is to have; every part that is named must hold. */
export interface RecordQuery {
  kind: string
  key?: string
  keyPrefix?: string
  author?: PeerId
  limit?: number
}

/** A record without its body. */
export interface RecordEntry {
  id: RecordId
  kind: string
  author: PeerId
  createdAt: number
}

/**
 * Where the winning records of one space lie; decides nothing. Expired records stay until they are deleted,
 * but are never returned by the methods that take `now`.
 */
export interface RecordTable {
  get(id: RecordId): SignedRecord | undefined
  /** The newest with this kind and key, and this author when named. */
  newest(kind: string, key: string, author?: PeerId): SignedRecord | undefined
  /** Newest first. */
  list(query: RecordQuery, now: number): SignedRecord[]
  count(kind: string, now: number): number
  /** Of this kind and author. */
  oldest(kind: string, author: PeerId): SignedRecord | undefined
  add(record: SignedRecord): void
  delete(id: RecordId): void
  entries(): Iterable<RecordEntry>
  /** Those whose `expiresAt` is at or before `now`. */
  expired(now: number): RecordEntry[]
  /** The earliest `expiresAt`. */
  nextExpiry(): number | undefined
}
