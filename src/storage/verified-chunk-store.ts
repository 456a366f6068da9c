import { type ContentId, matchesContentId } from '../core/content-id.ts'
import { checkChunk } from './chunk.ts'
import { sliceRange } from './chunk-range.ts'
import type { ChunkStore } from './chunk-store.ts'
import { ChunkCorruptError } from './errors.ts'

/**
 * Puts the check of ids around a store that does not check by itself (a remote one, a plugin's):
 * wrong bytes neither get in nor out. A damaged chunk is deleted, so that it can be fetched anew.
 */
export function createVerifiedChunkStore(
  inner: ChunkStore,
  options: { onCorrupt?: (id: ContentId) => void } = {},
): ChunkStore {
  return {
    async put(id, bytes, putOptions) {
      checkChunk(id, bytes)
      return inner.put(id, bytes, putOptions)
    },
    async get(id, getOptions) {
      const { signal } = getOptions ?? {}
      const bytes = await inner.get(id, signal === undefined ? {} : { signal })
      try {
        return sliceRange(verifyChunk(id, bytes), getOptions)
      } catch (error) {
        if (error instanceof ChunkCorruptError) {
          await inner.delete(id)
          options.onCorrupt?.(id)
        }
        throw error
      }
    },
    has: (id) => inner.has(id),
    sizeOf: (id) => inner.sizeOf(id),
    delete: (id) => inner.delete(id),
    ids: () => inner.ids(),
    usage: () => inner.usage(),
    close: () => inner.close(),
  }
}

/**
 * The same bytes, when they are those that `id` names.
 * @throws ChunkCorruptError
 */
export function verifyChunk(id: ContentId, bytes: Uint8Array): Uint8Array {
  if (matchesContentId(bytes, id)) return bytes
  throw new ChunkCorruptError({ id, reason: 'its bytes do not match its id' })
}
