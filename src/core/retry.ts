import type { Clock } from './clock.ts'
import { KizunaError } from './kizuna-error.ts'
import type { Random } from './random.ts'

/** How often, how patiently, and what for. */
export interface RetryOptions {
  /** The first attempt counts; from 1. */
  attemptsMax: number
  /** Wait before the second attempt, in milliseconds; doubles from one to the next. */
  delayMs: number
  /** No wait is longer, not even one that the other side asked for. */
  delayMsMax: number
  signal?: AbortSignal | undefined
  /** Whether another attempt makes sense. @default {@link isPassing} */
  isWorthRetrying?: (error: unknown) => boolean
}

/**
 * Does `attempt` until it succeeds, with waits that double and are spread at random between a half and the whole, so
 * that many who failed together do not come back together. A longer `retryAfterMs` in the error's details is kept.
 *
 * @param attempt is given its number, from 1.
 * @throws what the last attempt threw, or the signal's reason when it aborts during a wait.
 */
export async function retry<T>(
  clock: Clock,
  random: Random,
  options: RetryOptions,
  attempt: (number: number) => Promise<T>,
): Promise<T> {
  const isWorthRetrying = options.isWorthRetrying ?? isPassing
  for (let number = 1; ; number++) {
    options.signal?.throwIfAborted()
    try {
      return await attempt(number)
    } catch (error) {
      if (number >= options.attemptsMax || options.signal?.aborted === true || !isWorthRetrying(error))
        throw error
      await clock.sleep(delayAfter(random, options, number, error), options.signal)
    }
  }
}

/** Whether an error may go away by itself: the world was busy or away, and not because the caller cancelled. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof KizunaError &&
    (error.kind === 'unavailable' || error.kind === 'busy') &&
    error.code !== 'ABORTED'
  )
}

function delayAfter(random: Random, options: RetryOptions, number: number, error: unknown): number {
  const wholeMs = Math.min(options.delayMs * 2 ** (number - 1), options.delayMsMax)
  const jitteredMs = wholeMs / 2 + (random.fraction() * wholeMs) / 2
  const askedMs = error instanceof KizunaError ? error.details.retryAfterMs : undefined
  const leastMs = typeof askedMs === 'number' && askedMs > 0 ? askedMs : 0
  return Math.min(Math.max(jitteredMs, leastMs), options.delayMsMax)
}
