import type { Clock, Timer } from './clock.ts'
import { InvalidInputError, QueueFullError } from './errors.ts'

/** More callers than this never wait for one bucket; the next one is refused. */
const WAITERS_MAX = 4096

/** Adding up fractions of tokens is off by less than this. */
const ROUNDING_MS = 1e-6

/** A rate and how much of it may be saved up. */
export interface TokenRate {
  /** Tokens that come in per second; 0 stops, `Infinity` does not limit. */
  perSecond: number
  /** The most tokens saved up. */
  burst: number
}

interface Waiter {
  count: number
  resolve: () => void
}

/**
 * Limits a rate: requests, bytes, anything counted. Starts full. A request for more than `burst` is granted when
 * the bucket is full and leaves a debt, so that it is slow and not impossible.
 */
export class TokenBucket {
  readonly #clock: Clock
  #rate: TokenRate
  #tokens: number
  #refilledAtMs: number
  #waiters: Waiter[] = []
  #timer: Timer | undefined

  constructor(clock: Clock, rate: TokenRate) {
    this.#clock = clock
    this.#rate = checkRate(rate)
    this.#tokens = rate.burst
    this.#refilledAtMs = clock.monotonic()
  }

  get rate(): TokenRate {
    return this.#rate
  }

  /** Tokens there are now; negative while a debt is paid off. */
  get available(): number {
    this.#refill()
    return this.#tokens
  }

  /** How many callers wait in `take`. */
  get waiting(): number {
    return this.#waiters.length
  }

  /** Changes the rate from now on; what was saved is kept up to the new burst, and those who wait feel it at once. */
  setRate(rate: TokenRate): void {
    this.#refill()
    this.#rate = checkRate(rate)
    this.#tokens = Math.min(this.#tokens, rate.burst)
    this.#serve()
  }

  /**
   * Takes `count` tokens if they are there.
   * @returns 0 when taken; otherwise after how many milliseconds to try again (`Infinity` while the rate is 0).
   */
  tryTake(count: number): number {
    if (this.#waiters.length > 0) {
      // Those who wait come first, or a stream of small requests would starve a large one.
      const ahead = this.#waiters.reduce((sum, waiter) => sum + waiter.count, 0)
      return this.#msUntil(ahead + count)
    }
    return this.#takeNow(count)
  }

  /**
   * Takes `count` tokens, waiting for them in turn.
   * @throws QueueFullError when too many wait already; the signal's reason when it aborts.
   */
  async take(count: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#waiters.length === 0 && this.#takeNow(count) === 0) return
    if (this.#waiters.length >= WAITERS_MAX)
      throw new QueueFullError({ queue: 'a rate limit', limit: WAITERS_MAX })
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        reject(signal?.reason)
        this.#serve()
      }
      const waiter: Waiter = {
        count,
        resolve: () => {
          signal?.removeEventListener('abort', stop)
          resolve()
        },
      }
      signal?.addEventListener('abort', stop, { once: true })
      this.#waiters.push(waiter)
      this.#serve()
    })
  }

  #serve(): void {
    this.#timer?.stop()
    this.#timer = undefined
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      const waitMs = this.#takeNow(first.count)
      if (waitMs > 0) {
        if (waitMs < Number.POSITIVE_INFINITY) this.#timer = this.#clock.after(waitMs, () => this.#serve())
        return
      }
      this.#waiters.shift()
      first.resolve()
    }
  }

  #takeNow(count: number): number {
    const waitMs = this.#msUntil(count)
    if (waitMs === 0) this.#tokens -= count
    return waitMs
  }

  #msUntil(count: number): number {
    this.#refill()
    if (this.#rate.perSecond === Number.POSITIVE_INFINITY) return 0
    const missing = Math.min(count, this.#rate.burst) - this.#tokens
    if (missing <= 0) return 0
    const waitMs = (missing / this.#rate.perSecond) * 1000
    return waitMs <= ROUNDING_MS ? 0 : Math.ceil(waitMs - ROUNDING_MS)
  }

  #refill(): void {
    const { perSecond, burst } = this.#rate
    const nowMs = this.#clock.monotonic()
    const elapsedMs = nowMs - this.#refilledAtMs
    this.#refilledAtMs = nowMs
    this.#tokens =
      perSecond === Number.POSITIVE_INFINITY
        ? burst
        : Math.min(burst, this.#tokens + (elapsedMs * perSecond) / 1000)
  }
}

function checkRate(rate: TokenRate): TokenRate {
  if (!(rate.perSecond >= 0) || !(rate.burst > 0)) {
    throw new InvalidInputError({
      what: 'A rate',
      reason: `${rate.perSecond} per second with a burst of ${rate.burst} cannot be kept`,
    })
  }
  return rate
}
