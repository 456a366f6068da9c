import { QueueFullError } from '../../core/errors.ts'

/** While something more urgent waits, one begins in so many rounds of the event loop. */
const ROUNDS = 16
/** More would wait for minutes: they hear at once that it is too much. */
const LENGTH_MAX = 5_000
/** So many may wait unacknowledged: they begin within the next moments. */
const SHORT = 16

/**
 * Lets so many commands begin at once; the others wait in order. None begins before everything that has arrived was
 * looked at, and while something more urgent waits they come in one by one, slowly: acknowledging thousands in time
 * costs less than any of them.
 */
export class WaitingLine {
  readonly #hasUrgent: () => boolean
  readonly #waiting: (() => void)[] = []
  #free: number
  #isCalled = false
  #rounds = 0

  constructor(count: number, hasUrgent: () => boolean) {
    this.#free = count
    this.#hasUrgent = hasUrgent
  }

  /** Whether the next one waits for long enough to say so first. */
  get isLong(): boolean {
    return this.#free === 0 || this.#waiting.length >= SHORT
  }

  /** Resolves when it is one's turn; whoever took one gives it back. @throws QueueFullError */
  async take(): Promise<void> {
    if (this.#waiting.length >= LENGTH_MAX)
      throw new QueueFullError({ queue: 'commands that begin', limit: LENGTH_MAX })
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      this.#call()
    })
  }

  give(): void {
    this.#free++
    this.#call()
  }

  /** After what has arrived by then was read: that is where `setImmediate` stands. */
  #call(): void {
    if (this.#isCalled || this.#free === 0 || this.#waiting.length === 0) return
    this.#isCalled = true
    setImmediate(() => {
      this.#isCalled = false
      for (const begin of this.#waiting.splice(0, this.#most())) {
        this.#free--
        begin()
      }
      this.#call()
    })
  }

  /** How many may begin in this round. */
  #most(): number {
    if (!this.#hasUrgent()) return this.#free
    this.#rounds = (this.#rounds + 1) % ROUNDS
    return this.#rounds === 0 ? 1 : 0
  }
}
