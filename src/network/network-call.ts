import type { Clock, Timer } from '../core/clock.ts'
import { AbortedError, DeadlineError } from '../core/errors.ts'
import { CALL_TIMEOUT_MS_DEFAULT, type CallOptions } from './network.ts'

/**
 * One call's deadline and its caller's signal as one signal, whose reason is the typed error that the caller
 * gets. `progress()` starts the deadline anew: a streamed answer may take as long as it likes while it moves.
 */
export class NetworkCall {
  readonly timeoutMs: number
  readonly #clock: Clock
  readonly #what: string
  readonly #control = new AbortController()
  readonly #release: () => void
  #timer: Timer | undefined

  /** @param what begins a sentence, such as “The request X to Y”. */
  constructor(clock: Clock, what: string, options: CallOptions = {}) {
    this.#clock = clock
    this.#what = what
    this.timeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS_DEFAULT
    const { signal } = options
    const cancel = () => this.cancel(signal?.reason)
    signal?.addEventListener('abort', cancel, { once: true })
    this.#release = () => signal?.removeEventListener('abort', cancel)
    if (signal?.aborted === true) cancel()
    else this.progress()
  }

  get signal(): AbortSignal {
    return this.#control.signal
  }

  /** The deadline counts from now; `timeoutMs` is for what comes next only. */
  progress(timeoutMs = this.timeoutMs): void {
    this.#timer?.stop()
    if (this.signal.aborted) return
    this.#timer = this.#clock.after(timeoutMs, () => {
      this.fail(new DeadlineError({ what: this.#what, timeoutMs }))
    })
  }

  /** Nobody is awaited now: the deadline rests until `progress()`. */
  rest(): void {
    this.#timer?.stop()
  }

  /** Ends the call as if its caller had cancelled it. */
  cancel(cause: unknown): void {
    this.fail(new AbortedError({ what: this.#what, cause }))
  }

  fail(error: Error): void {
    this.#timer?.stop()
    this.#control.abort(error)
  }

  /** Lets go of the timer and the caller's signal. */
  end(): void {
    this.#timer?.stop()
    this.#release()
  }

  /** The result of `work`, or the reason why the call ended first. */
  race<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const { signal } = this
      const stop = () => reject(signal.reason as Error)
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
    })
  }
}

/** A call that is begun with `work` and ends with it, in time or not at all. @throws what `work` throws. */
export async function duringCall<Result>(
  clock: Clock,
  what: string,
  options: CallOptions,
  work: (call: NetworkCall) => Promise<Result>,
): Promise<Result> {
  const call = new NetworkCall(clock, what, options)
  try {
    call.signal.throwIfAborted()
    return await work(call)
  } finally {
    call.end()
  }
}
