import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CommandContext, CommandProgress } from '../../commands/command.ts'
import type { Clock } from '../../core/clock.ts'
import { toKizunaError } from '../../core/kizuna-error.ts'
import { EventStream } from './event-stream.ts'
import type { HttpParts } from './http-parts.ts'
import { lingerBeforeClosing } from './linger.ts'
import { requestSignal } from './request-signal.ts'

/** Progress events no closer than this; the last one before a result always comes. */
const PROGRESS_INTERVAL_MS = 200

/** What the work gets from its request. */
export type RequestContext = Pick<CommandContext, 'signal' | 'progress'>

/** Does a command's work for a request; answers JSON, or events when the asker takes `text/event-stream`. */
export async function answerCommand(
  parts: HttpParts,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (context: RequestContext) => Promise<unknown>,
): Promise<unknown> {
  const signal = requestSignal(reply, parts.stopping)
  if (!takesEvents(request)) {
    const result = await work({ signal, progress: () => {} })
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(result ?? null))
  }
  reply.hijack()
  const events = new EventStream({ response: reply.raw, clock: parts.services.clock })
  const progress = new ProgressThrottle(parts.services.clock, (update) => events.offer('progress', update))
  try {
    const result = await work({ signal, progress: (update) => progress.update(update) })
    progress.flush()
    events.send('result', result)
  } catch (error) {
    const known = toKizunaError(error)
    // One of ours was logged where it was made.
    if (known !== error) parts.log.error('request failed', { route: request.routeOptions.url, cause: error })
    events.send('error', known.toJSON())
  } finally {
    progress.stop()
    events.end()
    // A body that nobody will read must not keep the connection open.
    if (!request.raw.complete) {
      lingerBeforeClosing(request.raw, parts.services.clock)
      request.raw.socket.destroySoon()
    }
  }
  return reply
}

function takesEvents(request: FastifyRequest): boolean {
  return /(^|[\s,])text\/event-stream\b/i.test(request.headers.accept ?? '')
}

class ProgressThrottle {
  readonly #clock: Clock
  readonly #send: (update: CommandProgress) => void
  #held: CommandProgress | undefined
  #sentAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(clock: Clock, send: (update: CommandProgress) => void) {
    this.#clock = clock
    this.#send = send
  }

  update(update: CommandProgress): void {
    if (this.#stopped) return
    this.#held = update
    if (this.#clock.monotonic() - this.#sentAt >= PROGRESS_INTERVAL_MS) this.flush()
  }

  flush(): void {
    if (this.#held === undefined || this.#stopped) return
    this.#sentAt = this.#clock.monotonic()
    this.#send(this.#held)
    this.#held = undefined
  }

  stop(): void {
    this.#stopped = true
  }
}
