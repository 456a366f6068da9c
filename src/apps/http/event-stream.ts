import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../core/clock.ts'

/** A comment line now and then keeps proxies from closing a quiet stream. */
const HEARTBEAT_MS = 15_000
/** A reader this far behind gets no more progress until it caught up. */
const BACKLOG_BYTES_MAX = 256 * 1024

/** Server-sent events on one response (WHATWG HTML §9.2). */
export class EventStream {
  readonly #response: ServerResponse
  readonly #clock: Clock
  #heartbeat: Timer | undefined

  /** Takes the response over and sends its head. */
  constructor(parts: { response: ServerResponse; clock: Clock }) {
    this.#response = parts.response
    this.#clock = parts.clock
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    })
    this.#response.write(': kizuna\n\n')
    this.#beat()
  }

  /** Sends an event. JSON has no raw line breaks, so one `data` line is enough. */
  send(event: string, data: unknown): void {
    if (this.#response.writableEnded || this.#response.destroyed) return
    this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data ?? null)}\n\n`)
  }

  /** Sends an event that may be lost: nothing is queued for a reader that does not read. */
  offer(event: string, data: unknown): void {
    if (this.#response.writableLength < BACKLOG_BYTES_MAX) this.send(event, data)
  }

  end(): void {
    this.#heartbeat?.stop()
    if (!this.#response.writableEnded) this.#response.end()
  }

  #beat(): void {
    this.#heartbeat = this.#clock.after(HEARTBEAT_MS, () => {
      if (this.#response.writableEnded || this.#response.destroyed) return
      if (this.#response.writableLength < BACKLOG_BYTES_MAX) this.#response.write(': still here\n\n')
      this.#beat()
    })
  }
}
