import type { Clock, Timer } from '../../core/clock.ts'

/** Who takes not one frame of those that wait for so long is dropped: 64 KiB in 30 s are less than any line has. */
export const TAKING_MS = 30_000
const LOOK_MS = 2_000

/**
 * Watches that the other end takes what waits to be sent. It looks at the whole connection: on a slow line with many
 * answers each of them stands still for long while the others move, and nobody is to blame.
 */
export class TakingWatch {
  readonly #clock: Clock
  readonly #parts: { taken: () => number; waiting: () => boolean; onTooSlow: () => void }
  #seen = 0
  #since: number
  #timer: Timer | undefined

  /** @param parts `taken` is all that was taken so far, in any unit; `waiting` whether there is something to take. */
  constructor(clock: Clock, parts: { taken: () => number; waiting: () => boolean; onTooSlow: () => void }) {
    this.#clock = clock
    this.#parts = parts
    this.#since = clock.monotonic()
    this.#look()
  }

  stop(): void {
    this.#timer?.stop()
  }

  #look(): void {
    const { taken, waiting, onTooSlow } = this.#parts
    const now = this.#clock.monotonic()
    if (!waiting() || taken() !== this.#seen) this.#since = now
    this.#seen = taken()
    if (now - this.#since >= TAKING_MS) onTooSlow()
    else this.#timer = this.#clock.after(LOOK_MS, () => this.#look())
  }
}
