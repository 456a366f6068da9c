import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
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
const SOCKETS_MAX = 64
const ANSWER_BYTES_MAX = 64 * 1024
const ALREADY_ANSWERED = 40_060

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
  readonly #api: URL
  readonly #agent: HttpAgent | HttpsAgent

  constructor(parts: FetchParts, options: { api: string; breakers: CircuitBreakers }) {
    this.#parts = parts
    this.#breaker = options.breakers.of('discord-answers', {
      ...BREAKER,
      isFailure: (error) => error instanceof DiscordUnavailableError,
    })
    this.#api = new URL(options.api)
    const keep = { keepAlive: true, maxSockets: SOCKETS_MAX, scheduling: 'fifo' as const }
    this.#agent = this.#api.protocol === 'https:' ? new HttpsAgent(keep) : new HttpAgent(keep)
  }

  /** @throws CallbackRefused, DiscordUnavailableError, CircuitOpenError, DiscordRefusalsError */
  async send(interaction: { id: string; token: string }, body: unknown): Promise<void> {
    const { clock, refusals } = this.#parts
    refusals.check()
    const path = `${this.#api.pathname.replace(/\/$/, '')}/v10/interactions/${interaction.id}/${interaction.token}/callback`
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
    this.#agent.destroy()
  }

  async #post(path: string, payload: Buffer): Promise<void> {
    const { clock, metrics, refusals } = this.#parts
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const send = this.#api.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(
      {
        agent: this.#agent,
        hostname: this.#api.hostname.replaceAll(/[[\]]/g, ''),
        port: this.#api.port,
        path,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': payload.byteLength },
      },
      resolve,
    )
    request.on('error', reject)
    // The attempt is timed, not the wait for a connection. What has come while we were busy is read before it counts
    // as late: else a crowd would look like a sick Discord.
    let isAnswered = false
    const timeOut = () =>
      setImmediate(() => {
        if (!isAnswered) request.destroy(new Error('ETIMEDOUT'))
      })
    let timer: Timer | undefined
    request.once('socket', () => {
      timer = clock.after(ATTEMPT_MS_MAX, timeOut)
    })
    request.end(payload)
    try {
      const response = await promise
      const text = await bodyOf(response)
      const status = response.statusCode ?? 0
      metrics.count('kizuna_discord_requests_total', { method: 'POST', status: String(status) })
      refusals.note(status, String(response.headers['x-ratelimit-scope'] ?? ''))
      if (status >= 500 || status === 429)
        throw new DiscordUnavailableError({ what: 'it did not take an answer', status })
      if (status >= 400) throw new CallbackRefused(status, codeOf(text))
    } catch (error) {
      if (error instanceof DiscordUnavailableError || error instanceof CallbackRefused) throw error
      const { code, message } = error as NodeJS.ErrnoException
      throw new DiscordUnavailableError({ what: 'the connection failed', cause: new Error(code ?? message) })
    } finally {
      isAnswered = true
      timer?.stop()
    }
  }
}

/** How long until the circuit lets one through. @throws the error when that is too long to wait for */
function waitOf(error: CircuitOpenError): number {
  const waitMs = Number(error.details.retryAfterMs)
  if (waitMs > OPEN_WAIT_MS_MAX) throw error
  return waitMs
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.byteLength
    if (length <= ANSWER_BYTES_MAX) pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function codeOf(text: string): number {
  try {
    const { code } = JSON.parse(text) as { code?: unknown }
    return typeof code === 'number' ? code : 0
  } catch {
    return 0
  }
}
