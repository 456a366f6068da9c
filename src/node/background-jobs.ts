import type { Clock } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'

/** Something that is done again and again while the node runs. */
export interface BackgroundJob {
  name: string
  intervalMs: number
  run(signal: AbortSignal): Promise<void>
}

/** Runs jobs, each by itself and never twice at once; a failure is logged and tried again the next time. */
export class BackgroundJobs {
  readonly #parts: { clock: Clock; log: Logger }
  readonly #stopping = new AbortController()
  readonly #loops: Promise<void>[] = []

  constructor(parts: { clock: Clock; log: Logger }) {
    this.#parts = parts
  }

  start(job: BackgroundJob): void {
    this.#loops.push(this.#repeat(job))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled(this.#loops)
  }

  async #repeat(job: BackgroundJob): Promise<void> {
    const { clock, log } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await clock.sleep(job.intervalMs, signal)
        await job.run(signal)
      } catch (error) {
        if (!signal.aborted)
          log.warn('background job failed', { job: job.name, code: toKizunaError(error).code })
      }
    }
  }
}
