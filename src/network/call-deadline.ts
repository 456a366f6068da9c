import type { Clock } from '../core/clock.ts'
import { AbortedError, DeadlineError } from '../core/errors.ts'
import { CALL_TIMEOUT_MS_DEFAULT, type CallOptions } from './network.ts'

/** A call's deadline and its caller's signal as one signal, whose reason is the error that the call ends with. */
export class CallDeadline {
  readonly timeoutMs: number
  readonly #control = new AbortController()
  readonly #end: () => void

  /** @param what the start of a sentence, such as “The request X to Y”. */
  constructor(clock: Clock, what: string, options: CallOptions) {
    const { signal, timeoutMs = CALL_TIMEOUT_MS_DEFAULT } = options
    this.timeoutMs = timeoutMs
    const cancel = () => this.#control.abort(new AbortedError({ what, cause: signal?.reason }))
    const timer = clock.after(timeoutMs, () => this.#control.abort(new DeadlineError({ what, timeoutMs })))
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted === true) cancel()
    this.#end = () => {
      timer.stop()
      signal?.removeEventListener('abort', cancel)
    }
  }

  get signal(): AbortSignal {
    return this.#control.signal
  }

  /** The result of `work`, or the signal's reason when that comes first. */
  race<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(this.signal.reason)
      if (this.signal.aborted) stop()
      else this.signal.addEventListener('abort', stop, { once: true })
      work.then(resolve, reject)
    })
  }

  /** Call it when the call is over, or its timer lives on. */
  end(): void {
    this.#end()
  }
}
