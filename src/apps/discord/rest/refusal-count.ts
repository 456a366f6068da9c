import type { Clock } from '../../../core/clock.ts'
import { DiscordRefusalsError } from '../errors.ts'

/** Discord shuts an address out for a while after 10,000 refused requests in ten minutes. */
const WINDOW_MS = 10 * 60_000
const REFUSALS_MAX = 9_000
const SLOTS = 20
const SLOT_MS = WINDOW_MS / SLOTS

/** Counts answers of 401, 403 and 429, and stops us before Discord does. */
export class RefusalCount {
  readonly #clock: Clock
  readonly #max: number
  /** Refusals by slot of time, the oldest first. */
  #slots: { slot: number; count: number }[] = []

  constructor(clock: Clock, max: number = REFUSALS_MAX) {
    this.#clock = clock
    this.#max = max
  }

  /** Refusals within the last ten minutes. */
  get recent(): number {
    this.#forget()
    return this.#slots.reduce((sum, { count }) => sum + count, 0)
  }

  /** Notes an answer. A 429 that many share is not ours. Returns whether it counted. */
  note(status: number, scope: string | null): boolean {
    const counts = status === 401 || status === 403 || (status === 429 && scope !== 'shared')
    if (!counts) return false
    const slot = Math.floor(this.#clock.monotonic() / SLOT_MS)
    const last = this.#slots.at(-1)
    if (last?.slot === slot) last.count++
    else this.#slots.push({ slot, count: 1 })
    this.#forget()
    return true
  }

  /** @throws DiscordRefusalsError while there were too many. */
  check(): void {
    const refusals = this.recent
    if (refusals < this.#max) return
    throw new DiscordRefusalsError({ refusals, retryAfterMs: SLOT_MS })
  }

  #forget(): void {
    const oldest = Math.floor(this.#clock.monotonic() / SLOT_MS) - SLOTS
    while (this.#slots[0] !== undefined && this.#slots[0].slot <= oldest) this.#slots.shift()
  }
}
