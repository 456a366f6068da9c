import type { ContentId } from '../core/content-id.ts'

/** What a store holds. `diskBytes` counts everything it occupies, names and padding included. */
export interface ChunkStoreUsage {
  chunks: number
  sizeBytes: number
  diskBytes: number
}

/** A part of a chunk. */
export interface ChunkRange {
  /** First byte wanted. @default 0 */
  offset?: number
  /** How many bytes. @default to the end */
  length?: number
}

/**
 * Chunks on this machine, named by their content id. Every implementation passes `chunk-store.suite.ts`.
 */
export interface ChunkStore {
  /**
   * Stores a chunk. May be called again with the same chunk. When it resolves the chunk survives a power cut;
   * until then `bytes` must not change.
   * @throws InvalidChunkError when the bytes are not those that `id` names.
   * @throws LimitExceededError when longer than `CHUNK_BYTES_MAX`.
   * @throws QuotaExceededError, DiskFullError
   */
  put(id: ContentId, bytes: Uint8Array, options?: { signal?: AbortSignal }): Promise<'stored' | 'known'>
  /**
   * A chunk's bytes, verified against the id (the whole chunk, also when a range is asked).
   * @param options `into` is memory as long as the whole chunk, or longer, where its bytes may be put: what is
   *   returned may then be a part of it.
   * @throws ChunkNotFoundError, ChunkCorruptError; DiskError when the disk cannot read now, which says nothing
   *   about the bytes.
   */
  get(id: ContentId, options?: ChunkRange & { signal?: AbortSignal; into?: Uint8Array }): Promise<Uint8Array>
  /** Whether the chunk is held whole; never reads its bytes. */
  has(id: ContentId): Promise<boolean>
  /** Its length in bytes, or undefined when it is not held. */
  sizeOf(id: ContentId): Promise<number | undefined>
  /** True when there was something to delete. */
  delete(id: ContentId): Promise<boolean>
  /** Every id held; consistent under concurrent writes: what is there from beginning to end comes exactly once. */
  ids(): AsyncIterable<ContentId>
  usage(): Promise<ChunkStoreUsage>
  /** Finishes what runs; afterwards every call is refused. */
  close(): Promise<void>
}
