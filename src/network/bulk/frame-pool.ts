import { BULK_FRAME_BYTES_MAX } from './bulk-frame.ts'

/** One buffer: room for a long frame, or some short ones. Small enough to be read while it is still in the processor's cache. */
const BUFFER_BYTES = BULK_FRAME_BYTES_MAX
/** Buffers kept for the next frames, of all connections together: 8 MiB. */
const SPARE_MAX = 32

/**
 * Buffers for frames that are used again: with fresh ones a transfer spends a third of its time on memory.
 * Whoever gives one back must be sure that nobody looks at it any more.
 */
export class FramePool {
  readonly #spare: Uint8Array[] = []

  /** A buffer; what is in it is of no meaning. */
  take(): Uint8Array {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
  }

  giveBack(bytes: Uint8Array): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(bytes)
  }
}
