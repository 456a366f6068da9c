import type { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'

/** Verified bytes on their way to the disk; beyond this, asking waits. */
const UNSTORED_BYTES_MAX = 8 * 2 ** 20

/** The chunks of a transfer that are verified and not on the disk yet: never more than a few megabytes. */
export class UnstoredChunks {
  readonly #parts: { chunks: ChunkStore; buffers: BufferPool; log: Logger }
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
    chunks
      .put(id, bytes)
      // A full disk stops no reader: the bytes were verified and go on to whoever asked.
      .catch((error) => log.debug('fetched chunk not stored', { id, error }))
      .finally(() => {
        buffers.release(bytes)
        this.#sizeBytes -= bytes.byteLength
        this.wake()
      })
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
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
