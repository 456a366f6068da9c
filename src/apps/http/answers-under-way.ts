import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** Counts the answers a server is giving, so that stopping can wait for them and for nothing else. */
export class AnswersUnderWay {
  #count = 0
  #waiting: (() => void) | undefined

  constructor(server: Server) {
    server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
      this.#count++
      response.once('close', () => {
        this.#count--
        if (this.#count === 0) this.#waiting?.()
      })
    })
  }

  /** Resolves when there is none left, or when `enough` aborts. */
  async ended(enough: AbortSignal): Promise<void> {
    if (this.#count === 0 || enough.aborted) return
    await new Promise<void>((resolve) => {
      this.#waiting = resolve
      enough.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}
