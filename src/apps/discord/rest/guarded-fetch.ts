import type { ResponseLike } from 'discord.js'
import type { CircuitBreaker } from '../../../core/circuit-breaker.ts'
import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import type { Metrics } from '../../../core/metrics.ts'
import type { Random } from '../../../core/random.ts'
import { retry } from '../../../core/retry.ts'
import { DiscordUnavailableError } from '../errors.ts'
import { Turns } from '../turns.ts'
import type { RefusalCount } from './refusal-count.ts'

/** discord.js would try again at once, three times: a sick Discord gets a rest instead. */
const RETRY = { attemptsMax: 3, delayMs: 300, delayMsMax: 3_000 } as const
/** Requests on their way at once; the others wait here and not in sockets. */
const AT_ONCE_MAX = 128

/** What a guarded fetch is made of. */
export interface FetchParts {
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  breaker: CircuitBreaker
  refusals: RefusalCount
}

/**
 * Every request to Discord goes through here: it counts refusals, leaves a sick Discord alone, and tries again with
 * growing waits after a 5xx, or after a cut connection where doing it twice does no harm. 429 stays discord.js's.
 */
export function guardedFetch(parts: FetchParts): (url: string, init: RequestInit) => Promise<ResponseLike> {
  const { clock, random, breaker, refusals } = parts
  const turns = new Turns(AT_ONCE_MAX)
  return async (url, init) => {
    refusals.check()
    const method = (init.method ?? 'GET').toUpperCase()
    const isRepeatable = method !== 'POST'
    await turns.take()
    try {
      return await retry(
        clock,
        random,
        {
          ...RETRY,
          signal: init.signal ?? undefined,
          isWorthRetrying: (error) => isPassing(error, isRepeatable),
        },
        () => breaker.run(() => requestOnce(parts, url, init, method)),
      )
    } finally {
      turns.give()
    }
  }
}

async function requestOnce(
  { log, metrics, refusals }: FetchParts,
  url: string,
  init: RequestInit,
  method: string,
): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { ...init, redirect: 'error' })
  } catch (cause) {
    // The URL of an interaction holds its token: it goes into no error and no log.
    metrics.count('kizuna_discord_requests_total', { method, status: 'none' })
    if (init.signal?.aborted === true) throw cause
    throw new DiscordUnavailableError({ what: 'the connection failed', cause: withoutAddress(cause) })
  }
  const { status } = response
  metrics.count('kizuna_discord_requests_total', { method, status: String(status) })
  if (refusals.note(status, response.headers.get('x-ratelimit-scope'))) {
    metrics.count('kizuna_discord_refusals_total', { status: String(status) })
    metrics.set('kizuna_discord_refusals_recent', refusals.recent)
    if (refusals.recent % 100 === 0) log.warn('many refused requests', { recent: refusals.recent })
  }
  if (status >= 500) {
    await response.body?.cancel()
    throw new DiscordUnavailableError({ what: 'it has trouble of its own', status })
  }
  return response
}

function isPassing(error: unknown, isRepeatable: boolean): boolean {
  if (!(error instanceof DiscordUnavailableError)) return false
  return isRepeatable || typeof error.details.status === 'number'
}

function withoutAddress(cause: unknown): Error {
  const { code, message } = ((cause as Error).cause ?? cause) as NodeJS.ErrnoException
  return new Error(code ?? message)
}
