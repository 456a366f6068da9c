import type { ContentId } from '../core/content-id.ts'
import { checkChunk } from './chunk.ts'
import { sliceRange } from './chunk-range.ts'
import type { ChunkStore } from './chunk-store.ts'
import { ChunkNotFoundError, QuotaExceededError, StoreClosedError } from './errors.ts'
import { stopIfAborted } from './stop-if-aborted.ts'
import { verifyChunk } from './verified-chunk-store.ts'

/**
 * Chunks in memory, for tests and the simulator; durable only as long as the process.
 * @param options `sizeBytesMax` bounds the sum of the chunks' lengths; default unbounded.
 */
export function createMemoryChunkStore(options: { sizeBytesMax?: number } = {}): ChunkStore {
  const limitBytes = options.sizeBytesMax ?? Number.POSITIVE_INFINITY
  const held = new Map<ContentId, Uint8Array>()
  let sizeBytes = 0
  let closed = false
  const check = () => {
    if (closed) throw new StoreClosedError({ store: 'chunk store' })
  }
  return {
    async put(id, bytes, putOptions) {
      check()
      stopIfAborted(putOptions?.signal, 'Storing a chunk')
      checkChunk(id, bytes)
      if (held.has(id)) return 'known'
      if (sizeBytes + bytes.byteLength > limitBytes) {
        throw new QuotaExceededError({ quota: 'memory', limitBytes, usedBytes: sizeBytes })
      }
      held.set(id, bytes.slice())
      sizeBytes += bytes.byteLength
      return 'stored'
    },
    async get(id, getOptions) {
      check()
      stopIfAborted(getOptions?.signal, 'Reading a chunk')
      const bytes = held.get(id)
      if (bytes === undefined) throw new ChunkNotFoundError({ id })
      // Memory goes wrong too, and a caller may have a view of what it stored.
      return sliceRange(verifyChunk(id, bytes), getOptions).slice()
    },
    async has(id) {
      check()
      return held.has(id)
    },
    async sizeOf(id) {
      check()
      return held.get(id)?.byteLength
    },
    async delete(id) {
      check()
      sizeBytes -= held.get(id)?.byteLength ?? 0
      return held.delete(id)
    },
    async *ids() {
      check()
      // A map's iteration sees each entry once, also those added on the way.
      for (const id of held.keys()) {
        yield id
        check()
      }
    },
    async usage() {
      check()
      return { chunks: held.size, sizeBytes, diskBytes: 0 }
    },
    async close() {
      closed = true
      held.clear()
    },
  }
}
