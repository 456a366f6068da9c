import { basename, dirname } from 'node:path'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import { isKizunaError, toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import { ChunkCache } from '../storage/chunk-cache.ts'
import { ChunkLeases } from '../storage/chunk-leases.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { Disk } from '../storage/disk.ts'
import { openFileChunkStore } from '../storage/file-chunk-store.ts'
import { createFileDisk } from '../storage/file-disk.ts'
import { createCollectedChunkStore, GarbageCollector } from '../storage/garbage-collector.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { Pins } from '../storage/pins.ts'
import { createQuotaChunkStore, quotaOfFolder } from '../storage/quota-chunk-store.ts'
import { storageFolderOf } from './config.ts'
import type { NodeConfig } from './config-schema.ts'

/** Content that nobody keeps any more stays for so long, in case it is wanted again or was just being stored. */
const GARBAGE_GRACE_MS = 60 * 60_000
/** Damaged chunks remembered until somebody listens; content looks for lost ones by itself when it starts. */
const EARLY_CORRUPT_MAX = 10_000
/** The folder of chunks when it lies in the data folder. */
const CHUNKS_FOLDER = 'chunks'

/** What storage is opened from. */
export interface StorageParts {
  /** Rooted at the data folder. */
  disk: Disk
  index: IndexDatabase
  clock: Clock
  log: Logger
  metrics: Metrics
  /** @default in this thread */
  digester?: Digester
}

/** Chunks on this machine, with everything that decides which of them stay. */
export interface NodeStorage {
  chunks: ChunkStore
  pins: Pins
  collector: GarbageCollector
  cache: ChunkCache
  /** What is being published or fetched; never collected. */
  leases: ChunkLeases
  /** The disk that holds the chunks. */
  disk: Disk
  /** Bytes that may still be stored, by quota and disk. */
  freeBytes(): Promise<number>
  /** Told from now on of each chunk that turns out damaged or gone, and at once of those found at the opening. */
  onCorrupt(listener: (id: ContentId) => void): void
  close(): Promise<void>
}

/** Opens the chunk store under its quota, with cache and garbage collection. */
export async function openStorage(parts: StorageParts, config: NodeConfig): Promise<NodeStorage> {
  const { index, clock, log, metrics, digester } = parts
  const { disk, folder } = placeOf(parts.disk, config)
  const corrupt = new CorruptChunks()
  const files = await openFileChunkStore(
    {
      disk,
      index,
      clock,
      log: log.named('chunks'),
      metrics,
      ...(digester === undefined ? {} : { digester }),
    },
    { folder, onCorrupt: (id) => corrupt.note(id) },
  )
  const sizeBytesMax = config.storageBytesMax === 0 ? Number.POSITIVE_INFINITY : config.storageBytesMax
  const quota = createQuotaChunkStore(files, {
    ...quotaOfFolder(sizeBytesMax),
    ...(config.storageChunksMax === 0 ? {} : { chunksMax: config.storageChunksMax }),
  })
  const pins = new Pins({ index, clock })
  const leases = new ChunkLeases()
  const cache = new ChunkCache({ chunks: files, pins, leases, index }, { sizeBytesMax: config.cacheBytesMax })
  const collector = new GarbageCollector(
    { chunks: files, pins, leases, cache, index, clock, log: log.named('garbage'), metrics },
    { graceMs: GARBAGE_GRACE_MS },
  )
  const chunks = withCache(createCollectedChunkStore(quota, collector), cache, {
    cacheBytesMax: config.cacheBytesMax,
    log,
  })
  return {
    chunks,
    pins,
    collector,
    cache,
    leases,
    disk,
    async freeBytes() {
      const space = await disk.space()
      return Math.floor(Math.min(space.freeBytes, await quota.freeBytes()))
    },
    onCorrupt: (listener) => corrupt.listen(listener),
    async close() {
      cache.flush()
      await chunks.close()
    },
  }
}

/** Hands on which chunks were found damaged, also to whoever asks a little later. */
class CorruptChunks {
  readonly #early: ContentId[] = []
  #listener: ((id: ContentId) => void) | undefined

  note(id: ContentId): void {
    if (this.#listener !== undefined) this.#listener(id)
    else if (this.#early.length < EARLY_CORRUPT_MAX) this.#early.push(id)
  }

  listen(listener: (id: ContentId) => void): void {
    this.#listener = listener
    for (const id of this.#early.splice(0)) listener(id)
  }
}

/** Chunks lie in the data folder unless the settings name another one, maybe on another medium. */
function placeOf(home: Disk, config: NodeConfig): { disk: Disk; folder: string } {
  if (config.storageFolder === '') return { disk: home, folder: CHUNKS_FOLDER }
  const path = storageFolderOf(config)
  return { disk: createFileDisk(dirname(path)), folder: basename(path) }
}

/** Notes every use, and makes room when the store is full of chunks that only the cache keeps. */
function withCache(
  inner: ChunkStore,
  cache: ChunkCache,
  { cacheBytesMax, log }: { cacheBytesMax: number; log: Logger },
): ChunkStore {
  let trimming: Promise<void> | undefined
  /** Never rejects. */
  const trim = async (sizeBytesMax: number): Promise<void> => {
    trimming ??= (async () => {
      cache.setSizeBytesMax(sizeBytesMax)
      try {
        await cache.trim()
      } catch (error) {
        log.warn('cache not trimmed', { code: toKizunaError(error).code })
      } finally {
        cache.setSizeBytesMax(cacheBytesMax)
        trimming = undefined
      }
    })()
    await trimming
  }
  const note = (id: ContentId, sizeBytes: number) => {
    cache.note(id, sizeBytes)
    // A tenth over the limit is let pass, so that not every chunk causes an eviction.
    if (cache.sizeBytes > cacheBytesMax * 1.1) void trim(cacheBytesMax)
  }
  return {
    ...inner,
    async put(id, bytes, options) {
      const put = async () => {
        const outcome = await inner.put(id, bytes, options)
        note(id, bytes.byteLength)
        return outcome
      }
      try {
        return await put()
      } catch (error) {
        if (!isKizunaError(error) || error.kind !== 'busy' || cache.sizeBytes === 0) throw error
        await trim(cache.sizeBytes / 2)
        return await put()
      }
    },
    async get(id, options) {
      const bytes = await inner.get(id, options)
      if (options?.length === undefined && (options?.offset ?? 0) === 0) note(id, bytes.byteLength)
      return bytes
    },
    async close() {
      await trimming
      await inner.close()
    },
  }
}
