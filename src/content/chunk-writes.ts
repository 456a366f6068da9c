import type { ContentId } from '../core/content-id.ts'
import type { Chunk } from '../storage/chunk.ts'
import type { ChunkLease } from '../storage/chunk-leases.ts'
import type { ChunkMemory } from '../storage/chunk-memory.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'

/** Chunks on their way to the disk at once; with 1 MiB chunks the most that publishing holds besides a stripe. */
const WRITES_AT_ONCE_MAX = 8

/** Writes a bounded number of chunks at once; the first failure ends everything. */
export class ChunkWrites {
  readonly #chunks: ChunkStore
  readonly #memory: ChunkMemory
  readonly #lease: ChunkLease
  readonly #signal: AbortSignal | undefined
  readonly #running = new Set<Promise<void>>()
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
      })
    this.#running.add(write)
    while (this.#running.size >= WRITES_AT_ONCE_MAX) await Promise.race(this.#running)
    this.#check()
  }

  /** Resolves when all are durable. */
  async finish(): Promise<void> {
    await Promise.all(this.#running)
    this.#check()
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed.error
  }
}
