import { AbortedError } from '../core/errors.ts'

/** @throws AbortedError when the caller has cancelled `what`. */
export function stopIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new AbortedError({ what, cause: signal.reason })
}
