import { KizunaError } from './kizuna-error.ts'

/** Thrown when a value from outside does not have the form it must have. */
export class InvalidInputError extends KizunaError {
  override name = 'InvalidInputError'
  constructor(facts: { what: string; reason: string; hint?: string; details?: Record<string, unknown> }) {
    super({
      code: 'INVALID_INPUT',
      kind: 'invalid',
      message: `${facts.what} is not valid: ${facts.reason}.`,
      hint: facts.hint ?? 'Correct the value and try again.',
      ...(facts.details === undefined ? {} : { details: facts.details }),
    })
  }
}

/** Thrown when a call did not end by its deadline. */
export class DeadlineError extends KizunaError {
  override name = 'DeadlineError'
  constructor(facts: { what: string; timeoutMs: number }) {
    super({
      code: 'DEADLINE_EXCEEDED',
      kind: 'unavailable',
      message: `${facts.what} did not finish within ${facts.timeoutMs} ms.`,
      hint: 'Try again; if it persists, run `kizuna doctor` to see which step is slow.',
      details: { timeoutMs: facts.timeoutMs },
    })
  }
}

/** Thrown when the caller cancelled. */
export class AbortedError extends KizunaError {
  override name = 'AbortedError'
  constructor(facts: { what: string; cause?: unknown }) {
    super({
      code: 'ABORTED',
      kind: 'unavailable',
      message: `${facts.what} was cancelled.`,
      hint: 'Start it again when you want to continue; what was done is kept.',
      cause: facts.cause,
    })
  }
}

/** Thrown when a stated limit would be passed. */
export class LimitExceededError extends KizunaError {
  override name = 'LimitExceededError'
  constructor(facts: { what: string; limit: number; actual?: number }) {
    super({
      code: 'LIMIT_EXCEEDED',
      kind: 'invalid',
      message: `${facts.what} is over its limit of ${facts.limit}${facts.actual === undefined ? '' : ` (it is ${facts.actual})`}.`,
      hint: 'Use a smaller input, or raise the limit in the configuration where it can be raised.',
      details: { limit: facts.limit, ...(facts.actual === undefined ? {} : { actual: facts.actual }) },
    })
  }
}

/** Thrown when too many already wait for the same thing. */
export class QueueFullError extends KizunaError {
  override name = 'QueueFullError'
  constructor(facts: { queue: string; limit: number; retryAfterMs?: number }) {
    super({
      code: 'QUEUE_FULL',
      kind: 'busy',
      message: `The queue for ${facts.queue} is full (${facts.limit} wait).`,
      hint: 'Try again a little later; raise the limit in the configuration if it happens often.',
      details: {
        limit: facts.limit,
        ...(facts.retryAfterMs === undefined ? {} : { retryAfterMs: facts.retryAfterMs }),
      },
    })
  }
}

/** Thrown instead of trying something that failed too often a moment ago. */
export class CircuitOpenError extends KizunaError {
  override name = 'CircuitOpenError'
  constructor(facts: { what: string; retryAfterMs: number; cause?: unknown }) {
    super({
      code: 'CIRCUIT_OPEN',
      kind: 'unavailable',
      message: `${facts.what} failed repeatedly and is left alone for another ${facts.retryAfterMs} ms.`,
      hint: 'It is tried again by itself after that time.',
      details: { retryAfterMs: facts.retryAfterMs },
      cause: facts.cause,
    })
  }
}
