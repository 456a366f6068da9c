import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import { AbortedError, DeadlineError } from '../../core/errors.ts'
import { BodyTooLargeError } from './errors.ts'

/** A sender that is silent for this long, while we wait for it, is gone. */
const SILENCE_MS_MAX = 30_000
/** A sender may not hold a connection with a trickle: after this long of waiting it must have reached the rate below. */
const TRICKLE_GRACE_MS = 30_000
const BYTES_PER_WAITED_SECOND_MIN = 512

/**
 * A request's body piece by piece, no faster than it is read. Only time spent waiting for the sender counts
 * against it, so that a slow disk or slow peers on our side never end an upload.
 * @throws DeadlineError, AbortedError (the sender went away), BodyTooLargeError
 */
export async function* receiveBody(
  request: IncomingMessage,
  parts: { clock: Clock },
  options: { bytesMax: number; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > options.bytesMax) throw new BodyTooLargeError({ limitBytes: options.bytesMax })
  // Leaving early must not close the socket: the answer still has to go out on it.
  const pieces = request.iterator({ destroyOnReturn: false })
  let receivedBytes = 0
  let waitedMs = 0
  try {
    for (;;) {
      const begin = parts.clock.monotonic()
      const next = await beforeSilence(pieces.next(), parts.clock, options.signal)
      if (next.done === true) return
      waitedMs += parts.clock.monotonic() - begin
      const piece = next.value as Uint8Array
      receivedBytes += piece.byteLength
      if (receivedBytes > options.bytesMax) throw new BodyTooLargeError({ limitBytes: options.bytesMax })
      if (waitedMs > TRICKLE_GRACE_MS && receivedBytes * 1000 < waitedMs * BYTES_PER_WAITED_SECOND_MIN) {
        throw new DeadlineError({ what: 'The upload', timeoutMs: TRICKLE_GRACE_MS })
      }
      yield piece
    }
  } finally {
    request.pause()
  }
}

async function beforeSilence<T>(next: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  const { promise: failed, reject } = Promise.withResolvers<never>()
  const timer = clock.after(SILENCE_MS_MAX, () =>
    reject(new DeadlineError({ what: 'Waiting for the body', timeoutMs: SILENCE_MS_MAX })),
  )
  const abort = () => reject(new AbortedError({ what: 'The upload', cause: signal.reason }))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  next.catch(() => {})
  try {
    return await Promise.race([next, failed])
  } catch (error) {
    if (error instanceof DeadlineError || error instanceof AbortedError) throw error
    // Node's stream says only that the connection broke.
    throw new AbortedError({ what: 'The upload', cause: error })
  } finally {
    timer.stop()
    signal.removeEventListener('abort', abort)
  }
}
