import type { Clock } from './clock.ts'
import { CircuitOpenError } from './errors.ts'
import { KizunaError } from './kizuna-error.ts'

/** When a circuit opens and for how long. */
export interface CircuitBreakerOptions {
  /** What is protected, as the start of a sentence, such as “The relay search”. */
  what: string
  /** Failures in a row that open the circuit. */
  failuresMax: number
  /** How long it stays open at first, in milliseconds; doubles with each trial that fails. */
  openMs: number
  openMsMax: number
  /** Whether an error says that the protected thing is sick. @default {@link isSickness} */
  isFailure?: (error: unknown) => boolean
}

/** `closed`: all pass. `open`: none pass. `half-open`: one passes, to see. */
export type CircuitState = 'closed' | 'open' | 'half-open'

/**
 * Leaves something alone that keeps failing, so that it can recover and callers need not wait for their deadline
 * each time. After a while one caller is let through; when that goes well, all are.
 */
export class CircuitBreaker {
  readonly #clock: Clock
  readonly #options: CircuitBreakerOptions
  #failures = 0
  #openMs: number
  #openUntilMs = 0
  #lastError: unknown
  #isTrying = false

  constructor(clock: Clock, options: CircuitBreakerOptions) {
    this.#clock = clock
    this.#options = options
    this.#openMs = options.openMs
  }

  get state(): CircuitState {
    if (this.#failures < this.#options.failuresMax) return 'closed'
    return this.#clock.monotonic() < this.#openUntilMs ? 'open' : 'half-open'
  }

  /**
   * Does `attempt` if the circuit lets it pass.
   * @throws CircuitOpenError at once when it does not; otherwise what the attempt threw.
   */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    const state = this.state
    if (state === 'open' || (state === 'half-open' && this.#isTrying)) throw this.#refusal()
    const isTrial = state === 'half-open'
    if (isTrial) this.#isTrying = true
    try {
      const result = await attempt()
      this.#close()
      return result
    } catch (error) {
      if ((this.#options.isFailure ?? isSickness)(error)) this.#noteFailure(error, isTrial)
      else this.#close()
      throw error
    } finally {
      if (isTrial) this.#isTrying = false
    }
  }

  #close(): void {
    this.#failures = 0
    this.#openMs = this.#options.openMs
    this.#lastError = undefined
  }

  #noteFailure(error: unknown, isTrial: boolean): void {
    this.#lastError = error
    this.#failures += 1
    // Attempts that began before it opened may still fail now; only a trial makes it stay open for longer.
    if (isTrial) this.#openMs = Math.min(this.#openMs * 2, this.#options.openMsMax)
    if (isTrial || this.#failures === this.#options.failuresMax) {
      this.#openUntilMs = this.#clock.monotonic() + this.#openMs
    }
  }

  #refusal(): CircuitOpenError {
    const retryAfterMs = Math.max(Math.ceil(this.#openUntilMs - this.#clock.monotonic()), 1)
    return new CircuitOpenError({ what: this.#options.what, retryAfterMs, cause: this.#lastError })
  }
}

/** Not what the caller did wrong, nor an honest “no”: only what says that the other end does not work. */
export function isSickness(error: unknown): boolean {
  if (!(error instanceof KizunaError)) return true
  return (error.kind === 'unavailable' && error.code !== 'ABORTED') || error.kind === 'internal'
}
