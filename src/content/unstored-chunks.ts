import type { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'

/** Verified bytes on their way to the disk; beyond this, asking waits. */
const UNSTORED_BYTES_MAX = 8 * 2 ** 20

/** The chunks of a transfer that are verified and not on the disk yet: never more than a few megabytes. */
export class UnstoredChunks {
  readonly #parts: { chunks: ChunkStore; buffers: BufferPool; log: Logger }
  /** When the bytes are on the disk, for whoever has to know. */
  readonly #stores = new WeakMap<Uint8Array, Promise<unknown>>()
  #sizeBytes = 0
  #waiting: (() => void)[] = []

  constructor(parts: { chunks: ChunkStore; buffers: BufferPool; log: Logger }) {
    this.#parts = parts
  }

  /** Begins to store verified bytes, and uses them until they are stored. */
  store(id: ContentId, bytes: Uint8Array): void {
    const { chunks, buffers, log } = this.#parts
    this.#sizeBytes += bytes.byteLength
    buffers.share(bytes)
    const ended = () => {
      buffers.release(bytes)
      this.#sizeBytes -= bytes.byteLength
      this.wake()
    }
    const store = chunks.put(id, bytes)
    this.#stores.set(bytes, store)
    store.then(ended, (error) => {
      // A full disk stops no reader: the bytes were verified and go on to whoever asked.
      log.debug('fetched chunk not stored', { id, error })
      ended()
    })
  }

  /**
   * Ends when the store of these very bytes does, the same way; undefined when it was never begun.
   * @throws what the store throws, such as DiskFullError.
   */
  stored(bytes: Uint8Array): Promise<unknown> | undefined {
    return this.#stores.get(bytes)
  }

  /** Resolves when there is room for more, or whoever waits was woken. */
  async room(): Promise<void> {
    while (this.#sizeBytes > UNSTORED_BYTES_MAX) await this.#change()
  }

  /** Waits until everything is on the disk. */
  async flush(): Promise<void> {
    while (this.#sizeBytes > 0) await this.#change()
  }

  /** Lets those who wait look again. */
  wake(): void {
    if (this.#waiting.length === 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
