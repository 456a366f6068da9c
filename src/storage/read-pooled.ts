import type { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import type { ChunkRange, ChunkStore } from './chunk-store.ts'

/**
 * A chunk's bytes, or a range of them, in memory of the pool; the caller is a user of it.
 * @param range `sizeBytes` is the whole chunk's length.
 * @throws as `ChunkStore.get`
 */
export async function readPooled(
  { chunks, buffers }: { chunks: ChunkStore; buffers: BufferPool },
  id: ContentId,
  { sizeBytes, ...range }: ChunkRange & { sizeBytes: number },
): Promise<Uint8Array> {
  const into = buffers.take(sizeBytes)
  let bytes: Uint8Array | undefined
  try {
    bytes = await chunks.get(id, { ...range, into })
    return bytes
  } finally {
    // Not every store has a use for it.
    if (bytes?.buffer !== into.buffer) buffers.release(into)
  }
}
