import type { Clock } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import { type Digester, inlineDigester } from '../core/digester.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import { checkChunkWith } from './chunk.ts'
import { ChunkFiles } from './chunk-files.ts'
import { ChunkFolder } from './chunk-folder.ts'
import { ChunkPacks } from './chunk-packs.ts'
import { sliceRange } from './chunk-range.ts'
import type { ChunkRange, ChunkStore, ChunkStoreUsage } from './chunk-store.ts'
import { ChunkSums } from './chunk-sums.ts'
import { type ChunkRow, ChunkTable, isPacked, type PackedChunkRow } from './chunk-table.ts'
import type { Disk } from './disk.ts'
import { DiskRoom } from './disk-room.ts'
import { ChunkCorruptError, ChunkNotFoundError, DiskError, StoreClosedError } from './errors.ts'
import type { IndexDatabase } from './index-database.ts'
import { PACKED_CHUNK_BYTES_MAX } from './pack-entry.ts'
import { KeyedSerial, Slots } from './slots.ts'
import { stopIfAborted } from './stop-if-aborted.ts'

/** Files written at the same time; more wait, so that no burst of puts uses up the file handles. */
const WRITES_MAX = 32
/** Files read at the same time. */
const READS_MAX = 64
/** What a chunk takes besides its bytes: its name, its inode, its rows in the index, which is kept twice (bytes). */
const CHUNK_OVERHEAD_BYTES = 640
/** What the store needs. */
export interface FileChunkStoreParts {
  disk: Disk
  index: IndexDatabase
  clock: Clock
  log: Logger
  metrics: Metrics
  /** @default in this thread */
  digester?: Digester
}

/** Where, and who wants to know. */
export interface FileChunkStoreOptions {
  /** Folder on the disk; made when it does not exist. */
  folder: string
  /** Called when a held chunk turns out damaged or gone, so that it can be fetched again. */
  onCorrupt?: (id: ContentId) => void
  /** Length at which a pack is closed, in bytes. @default 32 MiB */
  packBytesMax?: number
}

/**
 * Chunks in files: long ones one file each, short ones in packs, all of them listed in the index.
 * Opening reads no chunk. After an unclean end it compares names with the index once.
 * @throws ChunkFolderMissingError when the folder that was used before is not there: its disk is not mounted.
 * @throws DiskError, DiskFullError
 */
export async function openFileChunkStore(
  parts: FileChunkStoreParts,
  options: FileChunkStoreOptions,
): Promise<ChunkStore> {
  const store = new FileChunkStore(parts, options)
  await store.open()
  return store
}

class FileChunkStore implements ChunkStore {
  readonly #parts: FileChunkStoreParts
  readonly #options: FileChunkStoreOptions
  readonly #digester: Digester
  readonly #table: ChunkTable
  readonly #folder: ChunkFolder
  readonly #files: ChunkFiles
  readonly #packs: ChunkPacks
  readonly #room: DiskRoom
  readonly #sums = new ChunkSums()
  readonly #serial = new KeyedSerial()
  readonly #writes = new Slots(WRITES_MAX)
  readonly #reads = new Slots(READS_MAX)
  readonly #running = new Set<Promise<unknown>>()
  /** How many deletions of a chunk are on their way. */
  readonly #deleting = new Map<ContentId, number>()
  #usage = { chunks: 0, sizeBytes: 0, fileDiskBytes: 0 }
  #compaction: Promise<void> | undefined
  #closed = false

  constructor(parts: FileChunkStoreParts, options: FileChunkStoreOptions) {
    const { disk, clock } = parts
    const { folder, packBytesMax } = options
    this.#parts = parts
    this.#options = options
    this.#digester = parts.digester ?? inlineDigester
    this.#room = new DiskRoom(disk)
    this.#table = new ChunkTable(parts.index)
    this.#folder = new ChunkFolder({ disk, table: this.#table }, { folder })
    this.#files = new ChunkFiles({ disk, table: this.#table, clock }, { folder })
    this.#packs = new ChunkPacks(
      { disk, table: this.#table },
      packBytesMax === undefined ? { folder } : { folder, packBytesMax },
    )
  }

  async open(): Promise<void> {
    const startedAt = this.#parts.clock.monotonic()
    await this.#folder.open()
    const wasClean = this.#table.wasClean() && this.#parts.index.wasRestored !== true
    this.#table.setClean(false)
    await this.#files.open()
    const packs = await this.#packs.open()
    let adopted = packs.adopted
    const lost = packs.lost
    if (!wasClean) {
      const files = await this.#files.reconcile()
      adopted += files.adopted
      lost.push(...files.lost)
    }
    for (const id of lost) if (!(await this.has(id))) this.#reportCorrupt(id, 'its file is gone')
    const { chunks, sizeBytes, fileDiskBytes } = this.#table.totals()
    this.#usage = { chunks, sizeBytes, fileDiskBytes }
    const durationMs = Math.round(this.#parts.clock.monotonic() - startedAt)
    this.#parts.log.info('chunk store opened', { chunks, sizeBytes, adopted, wasClean, durationMs })
  }

  put(id: ContentId, bytes: Uint8Array, options?: { signal?: AbortSignal }): Promise<'stored' | 'known'> {
    return this.#track(async () => {
      stopIfAborted(options?.signal, 'Storing a chunk')
      await checkChunkWith(this.#digester, id, bytes)
      return this.#serial.run(id, () =>
        this.#writes.run(async () => {
          const digest = digestOf(id)
          if (this.#table.find(digest) !== undefined) return 'known'
          stopIfAborted(options?.signal, 'Storing a chunk')
          await this.#room.take(bytes.byteLength, this.#options.folder)
          if (bytes.byteLength <= PACKED_CHUNK_BYTES_MAX) await this.#packs.write(digest, bytes)
          else await this.#files.write(id, digest, bytes)
          this.#sums.note(id, bytes)
          this.#count(bytes.byteLength, 1, bytes.byteLength > PACKED_CHUNK_BYTES_MAX)
          this.#parts.metrics.count('kizuna_chunks_stored_total')
          return 'stored'
        }),
      )
    })
  }

  get(
    id: ContentId,
    options?: ChunkRange & { signal?: AbortSignal; into?: Uint8Array },
  ): Promise<Uint8Array> {
    return this.#track(async () => {
      const bytes = await this.#reads.run(() => {
        stopIfAborted(options?.signal, 'Reading a chunk')
        return this.#readVerified(id, options?.into)
      })
      return sliceRange(bytes, options)
    })
  }

  async has(id: ContentId): Promise<boolean> {
    return (await this.sizeOf(id)) !== undefined
  }

  async sizeOf(id: ContentId): Promise<number | undefined> {
    this.#check()
    // What is being deleted is no longer held: whoever asks may rely on the answer and not store it again.
    return this.#deleting.has(id) ? undefined : this.#table.find(digestOf(id))?.size
  }

  delete(id: ContentId): Promise<boolean> {
    return this.#track(async () => {
      this.#deleting.set(id, (this.#deleting.get(id) ?? 0) + 1)
      try {
        return await this.#serial.run(id, async () => {
          if (this.#table.find(digestOf(id)) === undefined) return false
          return this.#remove(id, false)
        })
      } finally {
        const others = (this.#deleting.get(id) as number) - 1
        if (others > 0) this.#deleting.set(id, others)
        else this.#deleting.delete(id)
      }
    })
  }

  async *ids(): AsyncGenerator<ContentId> {
    this.#check()
    for (const page of this.#table.ids()) {
      yield* page
      this.#check()
    }
  }

  async usage(): Promise<ChunkStoreUsage> {
    this.#check()
    const { chunks, sizeBytes, fileDiskBytes } = this.#usage
    return {
      chunks,
      sizeBytes,
      diskBytes:
        fileDiskBytes + this.#packs.diskBytes + this.#files.folderBytes + chunks * CHUNK_OVERHEAD_BYTES,
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.allSettled([...this.#running])
    await this.#compaction
    await this.#packs.close()
    this.#table.setClean(!this.#files.hasLeftovers)
  }

  async #readVerified(id: ContentId, into: Uint8Array | undefined): Promise<Uint8Array> {
    const digest = digestOf(id)
    let row = this.#table.find(digest)
    while (row !== undefined) {
      let outcome = await this.#tryRead(id, row, into)
      // Twice: a cable or a memory cell can spoil what stands whole on the medium.
      if (outcome.bytes === undefined) outcome = await this.#tryRead(id, row, into)
      if (outcome.bytes !== undefined) return outcome.bytes
      const now = this.#table.find(digest)
      // Deleted or moved by a compaction while we read: not the disk's fault.
      if (now !== undefined && now.pack === row.pack && now.offset === row.offset) {
        await this.#condemn(id, row, outcome.reason)
        throw new ChunkCorruptError({ id, reason: outcome.reason })
      }
      row = now
    }
    throw new ChunkNotFoundError({ id })
  }

  async #tryRead(
    id: ContentId,
    row: ChunkRow,
    into: Uint8Array | undefined,
  ): Promise<{ bytes: Uint8Array; reason?: never } | { bytes?: never; reason: string }> {
    try {
      const bytes = isPacked(row)
        ? await this.#readPacked(id, row)
        : await this.#files.read(id, row.size, roomIn(into, row.size))
      return (await this.#matches(bytes, id)) ? { bytes } : { reason: 'its bytes do not match its id' }
    } catch (error) {
      if (isKizunaError(error, 'FILE_MISSING')) {
        if (await this.#folder.isThere()) return { reason: 'its file is gone' }
        throw new DiskError({
          operation: 'find',
          path: this.#options.folder,
          systemCode: 'ENOENT',
          cause: error,
        })
      }
      // A read that fails says nothing about the bytes: a loose cable must not cost every chunk that was asked for.
      throw error
    }
  }

  async #matches(bytes: Uint8Array, id: ContentId): Promise<boolean> {
    if (this.#sums.matches(id, bytes)) return true
    if (contentIdFromDigest(await this.#digester.sha256(bytes)) !== id) return false
    this.#sums.note(id, bytes)
    return true
  }

  async #readPacked(id: ContentId, place: PackedChunkRow): Promise<Uint8Array> {
    const { bytes, isFindable } = await this.#packs.read(digestOf(id), place)
    if (!isFindable && (await this.#matches(bytes, id))) {
      // Nobody waits for it; without it nothing is lost as long as the index is whole.
      this.#track(() => this.#packs.rewrite(digestOf(id), bytes, place)).catch((error) =>
        this.#parts.log.warn('pack entry not written anew', { id, error }),
      )
    }
    return bytes
  }

  /** From now on the chunk is not held, so that it can be fetched and stored again. */
  async #condemn(id: ContentId, seen: ChunkRow, reason: string): Promise<void> {
    const condemned = await this.#serial.run(id, async () => {
      const row = this.#table.find(digestOf(id))
      if (row === undefined || row.pack !== seen.pack || row.offset !== seen.offset) return false
      return this.#remove(id, true)
    })
    if (condemned) this.#reportCorrupt(id, reason)
  }

  async #remove(id: ContentId, damaged: boolean): Promise<boolean> {
    this.#sums.forget(id)
    const row = await this.#files.remove(id, digestOf(id), damaged)
    if (row === undefined) return false
    this.#count(row.size, -1, row.pack === null)
    if (row.pack !== null) {
      this.#packs.noteRemoved(row.pack, row.size)
      this.#compactIfNeeded()
    }
    return true
  }

  #reportCorrupt(id: ContentId, reason: string): void {
    this.#parts.metrics.count('kizuna_chunks_corrupt_total')
    this.#parts.log.warn('chunk corrupt', { id, reason })
    this.#options.onCorrupt?.(id)
  }

  #compactIfNeeded(): void {
    if (this.#compaction !== undefined || this.#closed || !this.#packs.needsCompaction) return
    this.#compaction = this.#compact().finally(() => {
      this.#compaction = undefined
    })
  }

  async #compact(): Promise<void> {
    try {
      await this.#packs.compact(
        () => this.#closed,
        (id, size) => {
          this.#count(size, -1, false)
          this.#reportCorrupt(id, 'its bytes in a pack do not match its id')
        },
      )
    } catch (error) {
      // Nothing is lost: the old pack stays until everything in it stands elsewhere.
      this.#parts.log.warn('pack compaction failed', { error })
    }
  }

  #count(size: number, direction: 1 | -1, ownFile: boolean): void {
    this.#usage.chunks += direction
    this.#usage.sizeBytes += direction * size
    if (ownFile) this.#usage.fileDiskBytes += direction * Math.ceil(size / 4096) * 4096
  }

  async #track<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#check()
    const run = work()
    this.#running.add(run)
    try {
      return await run
    } finally {
      this.#running.delete(run)
    }
  }

  #check(): void {
    if (this.#closed) throw new StoreClosedError({ store: 'chunk store' })
  }
}

/** Memory that is too short for what the row says is left alone. */
function roomIn(into: Uint8Array | undefined, sizeBytes: number): Uint8Array | undefined {
  return into === undefined || into.byteLength < sizeBytes ? undefined : into.subarray(0, sizeBytes)
}
