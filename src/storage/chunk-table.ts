import { type ContentId, contentIdFromDigest } from '../core/content-id.ts'
import type { IndexDatabase } from './index-database.ts'

/** Where a chunk's bytes are: in a file of its own, or in a pack from `offset` on. */
export interface ChunkRow {
  size: number
  /** Number of the pack; null for a file of its own. */
  pack: number | null
  offset: number | null
}

/** The row of a chunk in a pack. */
export type PackedChunkRow = ChunkRow & { pack: number; offset: number }

/** Whether a chunk stands in a pack. */
export function isPacked(row: ChunkRow): row is PackedChunkRow {
  return row.pack !== null && row.offset !== null
}

/** A live chunk in a pack. */
export interface PackedRow {
  digest: Uint8Array
  size: number
  offset: number
}

/** How many ids are read from the index at a time; bounds the memory of a listing. */
const PAGE_ROWS = 1_000

const STEPS = [
  `CREATE TABLE stored_chunk (
     digest BLOB PRIMARY KEY, size INTEGER NOT NULL, pack INTEGER, offset INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX stored_chunk_by_pack ON stored_chunk (pack, offset) WHERE pack IS NOT NULL;
   CREATE TABLE chunk_pack (number INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT;
   CREATE TABLE chunk_store_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;`,
]

/**
 * The file chunk store's rows: which chunks are held and where. A row is committed only after the bytes
 * are durable, so a row is the promise that `has` gives.
 */
export class ChunkTable {
  readonly #index: IndexDatabase

  constructor(index: IndexDatabase) {
    this.#index = index
    index.migrate('chunk-store', STEPS)
  }

  find(digest: Uint8Array): ChunkRow | undefined {
    return this.#index.get<ChunkRow>('SELECT size, pack, offset FROM stored_chunk WHERE digest = ?', digest)
  }

  transaction<Result>(work: () => Result): Result {
    return this.#index.transaction(work)
  }

  /** False when the chunk has a row already, which then stays. */
  insert(digest: Uint8Array, row: ChunkRow): boolean {
    const { changes } = this.#index.run(
      'INSERT OR IGNORE INTO stored_chunk (digest, size, pack, offset) VALUES (?, ?, ?, ?)',
      digest,
      row.size,
      row.pack,
      row.offset,
    )
    return changes > 0
  }

  /** The row that was deleted, or undefined when there was none. */
  delete(digest: Uint8Array): ChunkRow | undefined {
    return this.#index.get<ChunkRow>(
      'DELETE FROM stored_chunk WHERE digest = ? RETURNING size, pack, offset',
      digest,
    )
  }

  /** Lets a packed chunk stand elsewhere; false when it was deleted or moved meanwhile. */
  move(
    digest: Uint8Array,
    from: { pack: number; offset: number },
    to: { pack: number; offset: number },
  ): boolean {
    const { changes } = this.#index.run(
      'UPDATE stored_chunk SET pack = ?, offset = ? WHERE digest = ? AND pack = ? AND offset = ?',
      to.pack,
      to.offset,
      digest,
      from.pack,
      from.offset,
    )
    return changes > 0
  }

  /** Every id once, in the order of its digest; rows may come and go while it runs. */
  *ids(): Generator<ContentId[]> {
    let last: Uint8Array = new Uint8Array(0)
    for (;;) {
      const rows = this.#index.all<{ digest: Uint8Array }>(
        'SELECT digest FROM stored_chunk WHERE digest > ? ORDER BY digest LIMIT ?',
        last,
        PAGE_ROWS,
      )
      const end = rows.at(-1)
      if (end === undefined) return
      last = end.digest
      yield rows.map(({ digest }) => contentIdFromDigest(digest))
    }
  }

  totals(): { chunks: number; sizeBytes: number; files: number; fileDiskBytes: number } {
    return this.#index.get(
      `SELECT count(*) AS chunks, coalesce(sum(size), 0) AS sizeBytes, coalesce(sum(pack IS NULL), 0) AS files,
         coalesce(sum(CASE WHEN pack IS NULL THEN (size + 4095) / 4096 * 4096 ELSE 0 END), 0) AS fileDiskBytes
       FROM stored_chunk`,
    ) as { chunks: number; sizeBytes: number; files: number; fileDiskBytes: number }
  }

  /** Digests and lengths of chunks with a file of their own, in pages. */
  *files(): Generator<{ digest: Uint8Array; size: number }[]> {
    let last: Uint8Array = new Uint8Array(0)
    for (;;) {
      const rows = this.#index.all<{ digest: Uint8Array; size: number }>(
        'SELECT digest, size FROM stored_chunk WHERE pack IS NULL AND digest > ? ORDER BY digest LIMIT ?',
        last,
        PAGE_ROWS,
      )
      const end = rows.at(-1)
      if (end === undefined) return
      last = end.digest
      yield rows
    }
  }

  /** The packs with the length that is committed, and how many bytes of it live chunks take. */
  packs(): { number: number; size: number; liveBytes: number; liveChunks: number }[] {
    return this.#index.all(
      `SELECT number, p.size AS size, coalesce(sum(c.size), 0) AS liveBytes, count(c.digest) AS liveChunks
       FROM chunk_pack p LEFT JOIN stored_chunk c ON c.pack = p.number GROUP BY number ORDER BY number`,
    )
  }

  packed(pack: number, limit: number): PackedRow[] {
    return this.#index.all<PackedRow>(
      'SELECT digest, size, offset FROM stored_chunk WHERE pack = ? ORDER BY offset LIMIT ?',
      pack,
      limit,
    )
  }

  setPackSize(number: number, sizeBytes: number): void {
    this.#index.run('INSERT OR REPLACE INTO chunk_pack (number, size) VALUES (?, ?)', number, sizeBytes)
  }

  deletePack(number: number): void {
    this.#index.run('DELETE FROM chunk_pack WHERE number = ?', number)
  }

  /** Forgets a pack together with the chunks that stand in it; returns their ids. */
  forgetPack(number: number): ContentId[] {
    return this.#index.transaction(() => {
      this.deletePack(number)
      return this.#index
        .all<{ digest: Uint8Array }>('DELETE FROM stored_chunk WHERE pack = ? RETURNING digest', number)
        .map(({ digest }) => contentIdFromDigest(digest))
    })
  }

  /** Whether a folder was marked as this store's once. */
  wasMarked(): boolean {
    return this.#state('marked')
  }

  setMarked(): void {
    if (!this.wasMarked()) this.#setState('marked', true)
  }

  /** Whether the last use ended with `setClean(true)`; false at the very first use. */
  wasClean(): boolean {
    return this.#state('clean')
  }

  setClean(clean: boolean): void {
    this.#setState('clean', clean)
  }

  #state(name: string): boolean {
    const row = this.#index.get<{ value: number }>('SELECT value FROM chunk_store_state WHERE name = ?', name)
    return row?.value === 1
  }

  #setState(name: string, value: boolean): void {
    this.#index.run('INSERT OR REPLACE INTO chunk_store_state VALUES (?, ?)', name, value ? 1 : 0)
  }
}
