import type { Clock, Timer } from '../core/clock.ts'

/** A peer that owes us bytes sends at least this many in that time, or is dropped. */
const PACE_BYTES_MIN = 8 * 1024
export const PACE_MS = 30_000
/** It is looked at so often, over this many looks: who sends nothing is found within 15 s. */
const LOOK_MS = 2_000
const LOOKS = 4

/** What is watched. */
export interface PaceParts {
  /** All bytes received so far. */
  received: () => number
  /** How many things of this peer we wait for now; it owes the least pace for each of them. */
  owes: () => number
  onTooSlow: () => void
}

/**
 * Watches that a peer which has begun to send something goes on at a least pace. The time counts only while the
 * peer owes us bytes; how they are cut does not matter, a byte now and then is no progress.
 */
export class PaceWatch {
  readonly #clock: Clock
  readonly #parts: PaceParts
  /** Bytes received, and things owed, at the last looks, oldest first; empty while nothing is owed. */
  #seen: { received: number; owed: number }[] = []
  #timer: Timer | undefined

  constructor(clock: Clock, parts: PaceParts) {
    this.#clock = clock
    this.#parts = parts
    this.#look()
  }

  stop(): void {
    this.#timer?.stop()
  }

  #look(): void {
    const { received, owes, onTooSlow } = this.#parts
    const owed = owes()
    if (owed === 0) this.#seen = []
    else {
      this.#seen.push({ received: received(), owed })
      if (this.#seen.length > LOOKS) {
        // What has begun just now is not late yet.
        const things = Math.min(...this.#seen.map((look) => look.owed))
        const came = received() - Math.min(...this.#seen.map((look) => look.received))
        if (came < (things * PACE_BYTES_MIN * LOOKS * LOOK_MS) / PACE_MS) {
          onTooSlow()
          return
        }
        this.#seen.shift()
      }
    }
    this.#timer = this.#clock.after(LOOK_MS, () => this.#look())
  }
}
