/** One buffer: room for some frames. Small enough to be read while it is still in the processor's cache. */
export const POOLED_BYTES = 256 * 1024
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
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(POOLED_BYTES)
  }

  giveBack(bytes: Uint8Array): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(bytes)
  }
}
