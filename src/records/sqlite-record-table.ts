import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase, SqlValue } from '../storage/index-database.ts'
import type { RecordId, SignedRecord, SpaceId } from './record.ts'
import { readRecord } from './record-codec.ts'
import type { RecordEntry, RecordQuery, RecordTable } from './record-table.ts'

/** Decoded records kept at hand, counted by their bytes and what V8 takes for the parts of one. */
const CACHE_BYTES_MAX = 24 * 1024 * 1024
const DECODED_BYTES = 1024

/** Sorts after whatever follows a prefix. */
const LAST_CHARACTER = '\u{10ffff}'.repeat(4)

const STEPS = [
  `CREATE TABLE record (
     space TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, author TEXT NOT NULL,
     created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, bytes BLOB NOT NULL,
     PRIMARY KEY (space, id)
   ) STRICT;
   CREATE INDEX record_by_key ON record (space, kind, key, author);
   CREATE INDEX record_by_author ON record (space, kind, author, created_at, id);
   CREATE INDEX record_by_date ON record (space, kind, created_at, id);
   CREATE INDEX record_by_expiry ON record (space, expires_at);`,
]

interface Row {
  id: string
  bytes: Uint8Array
}

/** Creates the tables when they are not there. */
export function migrateRecordTable(index: IndexDatabase): void {
  index.migrate('records', STEPS)
}

/** Drops every record of a space. */
export function dropRecordsOf(index: IndexDatabase, space: SpaceId): void {
  index.run('DELETE FROM record WHERE space = ?', space)
}

/** The durable records of one space in the index database. */
export class SqliteRecordTable implements RecordTable {
  readonly #index: IndexDatabase
  readonly #space: SpaceId
  /** In order of last use. */
  readonly #cache = new Map<string, SignedRecord>()
  #cacheBytes = 0

  constructor(index: IndexDatabase, space: SpaceId) {
    this.#index = index
    this.#space = space
  }

  get(id: RecordId): SignedRecord | undefined {
    return this.#one('SELECT id, bytes FROM record WHERE space = ? AND id = ?', id)
  }

  newest(kind: string, key: string, author?: PeerId): SignedRecord | undefined {
    const order = 'ORDER BY created_at DESC, id DESC LIMIT 1'
    // Without the hint the planner may walk all of an author's records to be spared a sort of one or two.
    const where =
      'SELECT id, bytes FROM record INDEXED BY record_by_key WHERE space = ? AND kind = ? AND key = ?'
    if (author === undefined) return this.#one(`${where} ${order}`, kind, key)
    return this.#one(`${where} AND author = ? ${order}`, kind, key, author)
  }

  list(query: RecordQuery, now: number): SignedRecord[] {
    const values: SqlValue[] = [this.#space, query.kind, now]
    let where = 'space = ? AND kind = ? AND expires_at > ?'
    if (query.author !== undefined) {
      where += ' AND author = ?'
      values.push(query.author)
    }
    if (query.key !== undefined) {
      where += ' AND key = ?'
      values.push(query.key)
    }
    if (query.keyPrefix !== undefined) {
      // The range lets the index by key find them; only the second condition is exact.
      where += ' AND key >= ? AND key <= ? AND substr(key, 1, ?) = ?'
      const { keyPrefix } = query
      values.push(keyPrefix, keyPrefix + LAST_CHARACTER, [...keyPrefix].length, keyPrefix)
    }
    const isByKey = query.key !== undefined || query.keyPrefix !== undefined
    const hint = isByKey ? 'INDEXED BY record_by_key' : ''
    const sql = `SELECT id, bytes FROM record ${hint} WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT ?`
    const rows = this.#index.all<Row>(sql, ...values, query.limit ?? -1)
    return rows.map((row) => this.#decode(row))
  }

  count(kind: string, now: number): number {
    const sql = 'SELECT count(*) AS count FROM record WHERE space = ? AND kind = ? AND expires_at > ?'
    return this.#index.get<{ count: number }>(sql, this.#space, kind, now)?.count ?? 0
  }

  oldest(kind: string, author: PeerId): SignedRecord | undefined {
    const where = 'SELECT id, bytes FROM record WHERE space = ? AND kind = ? AND author = ?'
    return this.#one(`${where} ORDER BY created_at, id LIMIT 1`, kind, author)
  }

  add(record: SignedRecord): void {
    this.#index.run(
      'INSERT OR REPLACE INTO record (space, id, kind, key, author, created_at, expires_at, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      this.#space,
      record.id,
      record.kind,
      record.key,
      record.author,
      record.createdAt,
      record.expiresAt,
      record.bytes,
    )
  }

  delete(id: RecordId): void {
    this.#index.run('DELETE FROM record WHERE space = ? AND id = ?', this.#space, id)
    const cached = this.#cache.get(id)
    if (cached !== undefined) this.#dropCached(id, cached)
  }

  entries(): Iterable<RecordEntry> {
    const sql = 'SELECT id, kind, author, created_at AS createdAt FROM record WHERE space = ?'
    return this.#index.iterate<RecordEntry>(sql, this.#space)
  }

  expired(now: number): RecordEntry[] {
    const columns = 'SELECT id, kind, author, created_at AS createdAt FROM record'
    return this.#index.all<RecordEntry>(`${columns} WHERE space = ? AND expires_at <= ?`, this.#space, now)
  }

  nextExpiry(): number | undefined {
    const sql = 'SELECT min(expires_at) AS next FROM record WHERE space = ?'
    return this.#index.get<{ next: number | null }>(sql, this.#space)?.next ?? undefined
  }

  #one(sql: string, ...values: SqlValue[]): SignedRecord | undefined {
    const row = this.#index.get<Row>(sql, this.#space, ...values)
    return row === undefined ? undefined : this.#decode(row)
  }

  /** What we stored was checked when it came; only its form is read again. */
  #decode(row: Row): SignedRecord {
    const cached = this.#cache.get(row.id)
    if (cached !== undefined) {
      this.#cache.delete(row.id)
      this.#cache.set(row.id, cached)
      return cached
    }
    const { record } = readRecord(row.bytes)
    this.#cache.set(record.id, record)
    this.#cacheBytes += DECODED_BYTES + record.bytes.byteLength
    for (const [id, oldest] of this.#cache) {
      if (this.#cacheBytes <= CACHE_BYTES_MAX) break
      this.#dropCached(id, oldest)
    }
    return record
  }

  #dropCached(id: string, record: SignedRecord): void {
    this.#cache.delete(id)
    this.#cacheBytes -= DECODED_BYTES + record.bytes.byteLength
  }
}
