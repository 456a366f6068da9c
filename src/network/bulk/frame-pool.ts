import { FRAME_BYTES_MAX } from '../../core/limits.ts'

/** Buffers kept for the next frames, of all connections together: 8 MiB. */
const SPARE_MAX = 128

/**
 * Buffers of full frames that are used again: with fresh ones a transfer spends a third of its time on memory.
 * Whoever gives one back must be sure that nobody looks at it any more.
 */
export class FramePool {
  readonly #spare: Uint8Array[] = []

  /** A buffer of exactly this length; what is in it is of no meaning. */
  take(sizeBytes: number): Uint8Array {
    const spare = sizeBytes === FRAME_BYTES_MAX ? this.#spare.pop() : undefined
    return spare ?? Buffer.allocUnsafeSlow(sizeBytes)
  }

  giveBack(bytes: Uint8Array): void {
    if (bytes.byteLength === FRAME_BYTES_MAX && this.#spare.length < SPARE_MAX) this.#spare.push(bytes)
  }
}
