import { Pool } from 'undici'
import type { CircuitBreaker } from '../../../core/circuit-breaker.ts'
import type { Timer } from '../../../core/clock.ts'
import { CircuitOpenError } from '../../../core/errors.ts'
import type { CircuitBreakers } from '../../../node/circuit-breakers.ts'
import { DiscordUnavailableError } from '../errors.ts'
import type { FetchParts } from './guarded-fetch.ts'

/** An answer later than 3 s is refused; one attempt may take so long and leaves room for another. */
const ATTEMPT_MS_MAX = 1_200
const ATTEMPTS_MAX = 3
/** Answers cannot wait for long: their circuit opens late, for a moment, and whoever meets it open waits that moment. */
const BREAKER = { failuresMax: 20, openMs: 500, openMsMax: 4_000 } as const
const OPEN_WAIT_MS_MAX = 1_000
/**
 * Discord is a tenth of a second away: so many connections carry two thousand answers in less than two seconds. Each
 * costs a handshake when a crowd comes, and what waits for one keeps commands from beginning meanwhile.
 */
const SOCKETS_MAX = 128
/** More on their way at once is no everyday use. */
const CROWD = 16
const ANSWER_BYTES_MAX = 64 * 1024
const ALREADY_ANSWERED = 40_060
const HEADERS = { 'content-type': 'application/json' }
const SCOPE_HEADER = 'x-ratelimit-scope'

/** A callback that Discord refused, with its own code. */
export class CallbackRefused extends Error {
  override name = 'CallbackRefused'
  readonly status: number
  readonly code: number

  constructor(status: number, code: number) {
    super(`callback refused: ${status}, ${code}`)
    this.status = status
    this.code = code
  }
}

/**
 * Sends first answers to interactions. Three seconds is all there is, and thousands may come at once, so they go over
 * kept connections without the queues that other requests pass.
 */
export class CallbackSender {
  readonly #parts: FetchParts
  readonly #breaker: CircuitBreaker
  /** Of every path. */
  readonly #base: string
  readonly #pool: Pool

  constructor(parts: FetchParts, options: { api: string; breakers: CircuitBreakers }) {
    this.#parts = parts
    this.#breaker = options.breakers.of('discord-answers', {
      ...BREAKER,
      isFailure: (error) => error instanceof DiscordUnavailableError,
    })
    const { origin, pathname } = new URL(options.api)
    this.#base = `${pathname.replace(/\/$/, '')}/v10`
    this.#pool = new Pool(origin, { connections: SOCKETS_MAX, pipelining: 1 })
  }

  /** Whether so many answers are on their way that whatever else is begun would make them late. */
  get isCrowded(): boolean {
    const { running, queued } = this.#pool.stats
    return running + queued > CROWD
  }

  /** @throws CallbackRefused, DiscordUnavailableError, CircuitOpenError, DiscordRefusalsError */
  async send(interaction: { id: string; token: string }, body: unknown): Promise<void> {
    const { clock, refusals } = this.#parts
    refusals.check()
    const path = `${this.#base}/interactions/${interaction.id}/${interaction.token}/callback`
    const payload = Buffer.from(JSON.stringify(body))
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#breaker.run(() => this.#post(path, payload))
        return
      } catch (error) {
        // The first attempt arrived, although its connection was lost.
        if (attempt > 1 && error instanceof CallbackRefused && error.code === ALREADY_ANSWERED) return
        if (attempt >= ATTEMPTS_MAX) throw error
        if (error instanceof CircuitOpenError) await clock.sleep(waitOf(error))
        else if (!(error instanceof DiscordUnavailableError)) throw error
      }
    }
  }

  /** Closes the kept connections. */
  close(): void {
    void this.#pool.destroy()
  }

  async #post(path: string, payload: Buffer): Promise<void> {
    const { metrics, refusals } = this.#parts
    let answer: CallbackAnswer
    try {
      answer = await this.#exchange(path, payload)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw new DiscordUnavailableError({ what: 'the connection failed', cause: new Error(code ?? message) })
    }
    const { status, scope, text } = answer
    metrics.count('kizuna_discord_requests_total', { method: 'POST', status: String(status) })
    refusals.note(status, scope)
    if (status >= 500 || status === 429)
      throw new DiscordUnavailableError({ what: 'it did not take an answer', status })
    if (status >= 400) throw new CallbackRefused(status, codeOf(text))
  }

  /** One request and what comes back. Rejects when the connection breaks, or when it takes too long. */
  #exchange(path: string, payload: Buffer): Promise<CallbackAnswer> {
    const { clock } = this.#parts
    const { promise, resolve, reject } = Promise.withResolvers<CallbackAnswer>()
    let timer: Timer | undefined
    let isOver = false
    let answer: CallbackAnswer = { status: 0, scope: '', text: '' }
    const pieces: Buffer[] = []
    let length = 0
    const end = () => {
      isOver = true
      timer?.stop()
    }
    this.#pool.dispatch(
      { path, method: 'POST', headers: HEADERS, body: payload },
      {
        // The attempt is timed, not the wait for a connection.
        onConnect: (abort) => {
          // What has come while we were busy is read before it counts as late: else a crowd would look like a sick Discord.
          const timeOut = () =>
            setImmediate(() => {
              if (!isOver) abort(new Error('ETIMEDOUT'))
            })
          timer = clock.after(ATTEMPT_MS_MAX, timeOut)
        },
        onHeaders: (status, headers) => {
          answer = { status, scope: scopeOf(headers), text: '' }
          return true
        },
        onData: (piece) => {
          length += piece.byteLength
          if (length <= ANSWER_BYTES_MAX) pieces.push(piece)
          return true
        },
        onComplete: () => {
          end()
          resolve({ ...answer, text: Buffer.concat(pieces).toString() })
        },
        onError: (error) => {
          end()
          reject(error)
        },
      },
    )
    return promise
  }
}

/** What matters of Discord's answer to a callback. */
interface CallbackAnswer {
  status: number
  /** Whose rate a 429 was for. */
  scope: string
  text: string
}

/** How long until the circuit lets one through. @throws the error when that is too long to wait for */
function waitOf(error: CircuitOpenError): number {
  const waitMs = Number(error.details.retryAfterMs)
  if (waitMs > OPEN_WAIT_MS_MAX) throw error
  return waitMs
}

/** @param headers names and values in turn. */
function scopeOf(headers: readonly (Buffer | string[] | null)[] | null): string {
  const at = headers?.findIndex(
    (name, index) => index % 2 === 0 && String(name).toLowerCase() === SCOPE_HEADER,
  )
  return at === undefined || at < 0 ? '' : String(headers?.[at + 1])
}

function codeOf(text: string): number {
  try {
    const { code } = JSON.parse(text) as { code?: unknown }
    return typeof code === 'number' ? code : 0
  } catch {
    return 0
  }
}
