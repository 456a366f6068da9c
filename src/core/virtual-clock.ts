import { type Clock, deadlineWith, sleepWith, type Timer } from './clock.ts'

interface Pending {
  at: number
  order: number
  action: () => void
}

/**
 * A clock that stands still until it is advanced. Timers due at the same moment fire in the order
 * they were set, so a run is the same every time.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0
  #wallMs: number
  #order = 0
  #pending: Pending[] = []

  /** @param startMs wall-clock time at the start, milliseconds since 1970. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs
  }

  now(): number {
    // Whole, as the real one is; timers may well be due between two milliseconds.
    return Math.floor(this.#wallMs)
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  after(delayMs: number, action: () => void): Timer {
    const entry: Pending = { at: this.#monotonicMs + Math.max(delayMs, 0), order: this.#order++, action }
    let low = 0
    let high = this.#pending.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#pending[middle] as Pending
      if (other.at > entry.at) high = middle
      else low = middle + 1
    }
    this.#pending.splice(low, 0, entry)
    return {
      stop: () => {
        const index = this.#pending.indexOf(entry)
        if (index >= 0) this.#pending.splice(index, 1)
      },
    }
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, delayMs, signal)
  }

  deadline(delayMs: number, ...signals: (AbortSignal | undefined)[]): AbortSignal {
    return deadlineWith(this, delayMs, signals)
  }

  /** When the next timer is due on the monotonic scale, or undefined when none waits. */
  get nextAt(): number | undefined {
    return this.#pending[0]?.at
  }

  /** How many timers wait. */
  get pendingCount(): number {
    return this.#pending.length
  }

  /** Moves to the next timer and fires it; false when none waits. */
  fireNext(): boolean {
    const next = this.#pending.shift()
    if (next === undefined) return false
    this.#moveTo(next.at)
    next.action()
    return true
  }

  /**
   * Lets `durationMs` pass, firing what becomes due; between timers it waits for
   * the work they started, so promise chains run as they would in real time.
   */
  async advance(durationMs: number): Promise<void> {
    const end = this.#monotonicMs + durationMs
    await settle()
    for (let at = this.nextAt; at !== undefined && at <= end; at = this.nextAt) {
      this.fireNext()
      await settle()
    }
    this.#moveTo(end)
  }

  /** Lets the wall clock jump by `deltaMs`, as a time correction does; the monotonic time is untouched. */
  jump(deltaMs: number): void {
    this.#wallMs += deltaMs
  }

  #moveTo(at: number): void {
    if (at <= this.#monotonicMs) return
    this.#wallMs += at - this.#monotonicMs
    this.#monotonicMs = at
  }
}

/** Waits until every promise and immediate that is ready now has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
