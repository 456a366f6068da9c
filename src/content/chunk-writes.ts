import type { ContentId } from '../core/content-id.ts'
import type { Chunk } from '../storage/chunk.ts'
import type { ChunkLease } from '../storage/chunk-leases.ts'
import type { ChunkMemory } from '../storage/chunk-memory.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'

/** Bytes on their way to the disk at once, the most that publishing holds besides a stripe, … */
const AT_ONCE_BYTES = 8 * 2 ** 20
/** … and chunks, however long they are; of short ones there are many, so that they share what makes them durable. */
const AT_ONCE_MIN = 4
const AT_ONCE_MAX = 32

/** Writes a bounded number of chunks at once; the first failure ends everything. */
export class ChunkWrites {
  readonly #chunks: ChunkStore
  readonly #memory: ChunkMemory
  readonly #lease: ChunkLease
  readonly #signal: AbortSignal | undefined
  readonly #running = new Set<Promise<void>>()
  #runningBytes = 0
  /** Chunks that were not there before. */
  readonly stored: ContentId[] = []
  #failed: { error: unknown } | undefined

  constructor(
    { chunks, memory }: { chunks: ChunkStore; memory: ChunkMemory },
    lease: ChunkLease,
    signal: AbortSignal | undefined,
  ) {
    this.#chunks = chunks
    this.#memory = memory
    this.#lease = lease
    this.#signal = signal
  }

  /** Resolves when there is room for the next. */
  async put(chunk: Chunk): Promise<void> {
    this.#lease.add(chunk.id)
    this.#memory.share(chunk.bytes)
    const write: Promise<void> = this.#chunks
      .put(chunk.id, chunk.bytes, this.#signal === undefined ? {} : { signal: this.#signal })
      .then(
        (outcome) => {
          if (outcome === 'stored') this.stored.push(chunk.id)
        },
        (error) => {
          this.#failed ??= { error }
        },
      )
      .finally(() => {
        this.#memory.release(chunk.bytes)
        this.#running.delete(write)
        this.#runningBytes -= chunk.bytes.byteLength
      })
    this.#running.add(write)
    this.#runningBytes += chunk.bytes.byteLength
    while (this.#isFull()) await Promise.race(this.#running)
    this.#check()
  }

  /** Resolves when all are durable. */
  async finish(): Promise<void> {
    await Promise.all(this.#running)
    this.#check()
  }

  #isFull(): boolean {
    const { size } = this.#running
    return size >= AT_ONCE_MAX || (size >= AT_ONCE_MIN && this.#runningBytes >= AT_ONCE_BYTES)
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed.error
  }
}
