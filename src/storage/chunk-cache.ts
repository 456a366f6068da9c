import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import type { ChunkLeases } from './chunk-leases.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { IndexDatabase } from './index-database.ts'
import type { Pins } from './pins.ts'

/** Uses that are gathered before they are written to the index; lost in a crash, which costs only their order. */
const UNWRITTEN_MAX = 256
/** Chunks evicted at a time. */
const EVICT_CHUNKS = 64

const STEPS = [
  `CREATE TABLE cached_chunk (digest BLOB PRIMARY KEY, size INTEGER NOT NULL, used INTEGER NOT NULL)
   STRICT, WITHOUT ROWID;
   CREATE INDEX cached_chunk_by_use ON cached_chunk (used);`,
]

/** What the cache needs. */
export interface ChunkCacheParts {
  chunks: ChunkStore
  pins: Pins
  leases: ChunkLeases
  index: IndexDatabase
}

/**
 * Which unpinned chunks stay because they were used lately, up to a number of bytes: what was downloaded, what
 * others ask for. The least recently used go first. Pinned and leased chunks are never evicted.
 * Uses are ordered by a counter, not by the clock, which may jump.
 */
export class ChunkCache {
  readonly #parts: ChunkCacheParts
  readonly #unwritten = new Map<ContentId, { size: number; used: number }>()
  #sizeBytesMax: number
  #sizeBytes: number
  #counter: number

  /** @param options `sizeBytesMax` is the sum of the cached chunks' lengths; 0 caches nothing. */
  constructor(parts: ChunkCacheParts, options: { sizeBytesMax: number }) {
    this.#parts = parts
    this.#sizeBytesMax = options.sizeBytesMax
    parts.index.migrate('chunk-cache', STEPS)
    const { bytes, used } = parts.index.get<{ bytes: number; used: number }>(
      'SELECT coalesce(sum(size), 0) AS bytes, coalesce(max(used), 0) AS used FROM cached_chunk',
    ) as { bytes: number; used: number }
    this.#sizeBytes = bytes
    this.#counter = used
  }

  /** Sum of the lengths of the chunks kept here. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** A chunk that is stored was used just now. Call `trim` now and then. */
  note(id: ContentId, sizeBytes: number): void {
    if (!this.has(id)) this.#sizeBytes += sizeBytes
    this.#unwritten.set(id, { size: sizeBytes, used: ++this.#counter })
    if (this.#unwritten.size >= UNWRITTEN_MAX) this.flush()
  }

  /** Whether the cache wants the chunk to stay. */
  has(id: ContentId): boolean {
    if (this.#unwritten.has(id)) return true
    return this.#parts.index.get('SELECT 1 FROM cached_chunk WHERE digest = ?', digestOf(id)) !== undefined
  }

  /** Changes the limit; `trim` then makes it true. */
  setSizeBytesMax(sizeBytesMax: number): void {
    this.#sizeBytesMax = sizeBytesMax
  }

  /**
   * Evicts the least recently used until the rest fits. Chunks that were pinned meanwhile leave the cache's
   * count and stay in the store; leased ones stay until another time.
   */
  async trim(): Promise<{ evicted: number; freedBytes: number }> {
    this.flush()
    const { chunks, index, leases, pins } = this.#parts
    let evicted = 0
    let freedBytes = 0
    let after = -1
    while (this.#sizeBytes > this.#sizeBytesMax) {
      const rows = index.all<{ digest: Uint8Array; size: number; used: number }>(
        'SELECT digest, size, used FROM cached_chunk WHERE used > ? ORDER BY used LIMIT ?',
        after,
        EVICT_CHUNKS,
      )
      if (rows.length === 0) break
      for (const { digest, size, used } of rows) {
        after = used
        if (this.#sizeBytes <= this.#sizeBytesMax) break
        const id = contentIdFromDigest(digest)
        if (leases.has(id) || this.#unwritten.has(id)) continue
        const isPinned = pins.has(id)
        this.#forget(digest, size)
        if (isPinned || !(await chunks.delete(id))) continue
        evicted++
        freedBytes += size
      }
    }
    return { evicted, freedBytes }
  }

  /** Writes the latest uses to the index; call before closing. */
  flush(): void {
    if (this.#unwritten.size === 0) return
    const { index } = this.#parts
    index.transaction(() => {
      for (const [id, { size, used }] of this.#unwritten) {
        index.run(
          'INSERT OR REPLACE INTO cached_chunk (digest, size, used) VALUES (?, ?, ?)',
          digestOf(id),
          size,
          used,
        )
      }
    })
    this.#unwritten.clear()
  }

  #forget(digest: Uint8Array, size: number): void {
    this.#parts.index.run('DELETE FROM cached_chunk WHERE digest = ?', digest)
    this.#sizeBytes -= size
  }
}
