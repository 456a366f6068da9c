import type { Server, ServerResponse } from 'node:http'

/** Counts the answers that servers are giving, so that stopping can wait for them and for nothing else. */
export class AnswersUnderWay {
  #count = 0
  #waiting: (() => void) | undefined

  constructor(servers: readonly Server[]) {
    for (const server of servers) server.on('request', (_request, response) => this.#follow(response))
  }

  #follow(response: ServerResponse): void {
    this.#count++
    response.once('close', () => {
      this.#count--
      if (this.#count === 0) this.#waiting?.()
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
