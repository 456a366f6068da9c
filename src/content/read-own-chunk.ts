import type { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { readPooled } from '../storage/read-pooled.ts'

const NOT_HERE = { bytes: undefined, isDamaged: false }
const DAMAGED = { bytes: undefined, isDamaged: true }

/**
 * A chunk from our own disk; no bytes when it is not there, damaged, or cannot be read now. What should be there and is
 * not whole is told of. The caller is a user of the bytes (`buffer-pool.ts`).
 */
export async function readOwnChunk(
  parts: {
    chunks: ChunkStore
    buffers: BufferPool
    /** Whether a chunk is kept on our own disk; kept and not there means that it was damaged. */
    isKept: (id: ContentId) => boolean
    onDamaged: (id: ContentId) => void
  },
  id: ContentId,
): Promise<{ bytes: Uint8Array | undefined; isDamaged: boolean }> {
  const sizeBytes = await parts.chunks.sizeOf(id)
  if (sizeBytes === undefined) {
    if (!parts.isKept(id)) return NOT_HERE
    parts.onDamaged(id)
    return DAMAGED
  }
  try {
    return { bytes: await readPooled(parts, id, { sizeBytes }), isDamaged: false }
  } catch (error) {
    if (isKizunaError(error, 'CHUNK_NOT_FOUND')) return NOT_HERE
    if (!isKizunaError(error, 'CHUNK_CORRUPT') && !isKizunaError(error, 'DISK_ERROR')) throw error
    parts.onDamaged(id)
    return DAMAGED
  }
}
