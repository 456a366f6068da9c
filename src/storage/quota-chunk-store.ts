import type { ContentId } from '../core/content-id.ts'
import type { ChunkStore } from './chunk-store.ts'
import { QuotaExceededError } from './errors.ts'
import { PACKED_CHUNK_BYTES_MAX } from './pack-entry.ts'
import { KeyedSerial } from './slots.ts'

/** What each chunk is charged beyond its bytes: its name, its rows in the index, which is kept twice (bytes). */
export const CHUNK_CHARGE_BYTES = 640
/** What the index and its copy write ahead before they fold it in: 1,000 pages each (bytes). */
const INDEX_LOG_BYTES = 2 * 1_000 * (4_096 + 24)

/** Chunks longer than a pack takes fill whole blocks of the medium (bytes). */
const BLOCK_BYTES = 4096

/** Limits of a store. */
export interface ChunkQuota {
  /**
   * What all chunks may occupy: their bytes, each with `CHUNK_CHARGE_BYTES` on top so that many tiny ones cannot
   * pass for nothing, or what the store takes on its disk if that is more (padding, and room not given back yet).
   */
  sizeBytesMax: number
  /** @default unlimited */
  chunksMax?: number
}

/** The quota for chunks when the whole data folder may take so much, the index included. */
export function quotaOfFolder(sizeBytesMax: number): ChunkQuota {
  return { sizeBytesMax: Math.max(sizeBytesMax - INDEX_LOG_BYTES, Math.floor(sizeBytesMax / 2)) }
}

/** A store with limits that can change while it runs. */
export interface QuotaChunkStore extends ChunkStore {
  /** What is held may be over a lowered quota; then nothing more is taken until it fits. */
  setQuota(quota: ChunkQuota): void
  /** Bytes still free under the quota, never below 0. */
  freeBytes(): Promise<number>
}

/** Holds a store under a quota. What is being written counts from the moment it is asked. */
export function createQuotaChunkStore(inner: ChunkStore, initial: ChunkQuota): QuotaChunkStore {
  let quota = initial
  let reservedBytes = 0
  let reservedChunks = 0
  let finished = 0
  // A chunk that two ask to store at once is charged once.
  const serial = new KeyedSerial()

  /** Calls `use` with what is used, in the same turn in which that is true. */
  const withUsed = async <Result>(
    use: (used: { chunks: number; bytes: number }) => Result,
  ): Promise<Result> => {
    for (;;) {
      const before = finished
      const { chunks, sizeBytes, diskBytes } = await inner.usage()
      // A put that ended meanwhile gave its reservation back and may be missing from the figures.
      if (finished !== before) continue
      return use({
        chunks: chunks + reservedChunks,
        bytes: Math.max(sizeBytes + chunks * CHUNK_CHARGE_BYTES, diskBytes) + reservedBytes,
      })
    }
  }

  const reserve = (chargeBytes: number) =>
    withUsed(({ chunks: usedChunks, bytes: usedBytes }) => {
      const { sizeBytesMax: limitBytes, chunksMax: limitChunks = Number.POSITIVE_INFINITY } = quota
      if (usedBytes + chargeBytes > limitBytes) {
        throw new QuotaExceededError({ quota: 'storage', limitBytes, usedBytes })
      }
      if (usedChunks + 1 > limitChunks) {
        throw new QuotaExceededError({ quota: 'chunk count', limitChunks, usedChunks })
      }
      reservedBytes += chargeBytes
      reservedChunks++
    })

  const putUnder = async (id: ContentId, bytes: Uint8Array, options?: { signal?: AbortSignal }) => {
    if (await inner.has(id)) return inner.put(id, bytes, options)
    const chargeBytes = chargeOf(bytes.byteLength)
    await reserve(chargeBytes)
    try {
      return await inner.put(id, bytes, options)
    } finally {
      reservedBytes -= chargeBytes
      reservedChunks--
      finished++
    }
  }

  return {
    put: (id, bytes, options) => serial.run(id, () => putUnder(id, bytes, options)),
    get: (id, options) => inner.get(id, options),
    has: (id) => inner.has(id),
    sizeOf: (id) => inner.sizeOf(id),
    delete: (id) => inner.delete(id),
    ids: () => inner.ids(),
    usage: () => inner.usage(),
    close: () => inner.close(),
    setQuota(changed) {
      quota = changed
    },
    freeBytes: () => withUsed(({ bytes }) => Math.max(0, quota.sizeBytesMax - bytes)),
  }
}

function chargeOf(sizeBytes: number): number {
  const isPacked = sizeBytes <= PACKED_CHUNK_BYTES_MAX
  return (isPacked ? sizeBytes : Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES) + CHUNK_CHARGE_BYTES
}
