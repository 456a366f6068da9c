/** A timer that can be stopped; stopping twice is harmless. */
export interface Timer {
  stop(): void
}

/**
 * The seam to time. Everything that waits, expires or measures does so through it,
 * so that the simulator can run hours in milliseconds.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970. May jump; use only for dates that people or records see. */
  now(): number
  /** Milliseconds since an arbitrary start; never goes back. Use for deadlines and durations. */
  monotonic(): number
  /** Calls `action` once after `delayMs`. A pending timer does not keep the process alive. */
  after(delayMs: number, action: () => void): Timer
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** A signal that aborts after `delayMs`, or as soon as one of `signals` does. */
  deadline(delayMs: number, ...signals: (AbortSignal | undefined)[]): AbortSignal
}

/** The longest delay Node's timers take; longer ones would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1

/** The real clock. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now()
  }

  monotonic(): number {
    return performance.now()
  }

  after(delayMs: number, action: () => void): Timer {
    const handle = setTimeout(action, Math.min(Math.max(delayMs, 0), DELAY_MS_MAX))
    handle.unref()
    return { stop: () => clearTimeout(handle) }
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, delayMs, signal)
  }

  deadline(delayMs: number, ...signals: (AbortSignal | undefined)[]): AbortSignal {
    return deadlineWith(this, delayMs, signals)
  }
}

/** `sleep` built from `after`; shared by every clock. */
export function sleepWith(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const stop = () => {
      timer.stop()
      reject(signal?.reason)
    }
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    })
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** One for all: making one notes the place where it was made, and for most deadlines nobody looks any more. */
const TIME_IS_UP = new DOMException('deadline', 'TimeoutError')

/**
 * `deadline` built from `after`; shared by every clock. Nothing stays behind on `signals`: one that lives as long as
 * the node is given to a thousand calls a second, and a listener of each would make all of them slow.
 */
export function deadlineWith(
  clock: Clock,
  delayMs: number,
  signals: readonly (AbortSignal | undefined)[],
): AbortSignal {
  const given = signals.filter((signal) => signal !== undefined)
  const aborted = given.find((signal) => signal.aborted)
  if (aborted !== undefined) return AbortSignal.abort(aborted.reason)
  const controller = new AbortController()
  clock.after(delayMs, () => controller.abort(TIME_IS_UP))
  return given.length === 0 ? controller.signal : AbortSignal.any([controller.signal, ...given])
}

/** Keeps the process alive until stopped, which timers of a clock do not. For programs that wait for an answer. */
export function holdProcess(): Timer {
  const handle = setInterval(() => {}, DELAY_MS_MAX)
  return { stop: () => clearInterval(handle) }
}
