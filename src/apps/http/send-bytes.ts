import type { ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import { AbortedError, DeadlineError } from '../../core/errors.ts'

/** A reader that takes nothing for this long is gone. */
const READER_SILENCE_MS_MAX = 60_000
/** Sent at once. One slice in that time is taken as alive: slow readers take longer than that for a whole chunk. */
const SLICE_BYTES = 256 * 1024

/** The source gave another number of bytes than the head promised. */
class LengthMismatch extends Error {
  override name = 'LengthMismatch'
}

/**
 * Writes pieces no faster than the reader takes them, and ends the response. The next piece is asked for when the
 * system has taken the last one, whose memory may be used again then. When anything fails the connection is destroyed,
 * so that the reader sees a broken transfer and never a file that is silently short.
 */
export async function sendBytes(
  response: ServerResponse,
  pieces: AsyncIterator<Uint8Array>,
  first: IteratorResult<Uint8Array>,
  parts: { clock: Clock; signal: AbortSignal; lengthBytes: number },
): Promise<void> {
  let sentBytes = 0
  try {
    for (let next = first; next.done !== true; next = await pieces.next()) {
      const piece = next.value
      if (sentBytes + piece.byteLength > parts.lengthBytes) throw new LengthMismatch('too many bytes')
      for (let start = 0; start < piece.byteLength; start += SLICE_BYTES) {
        const slice = piece.subarray(start, start + SLICE_BYTES)
        sentBytes += slice.byteLength
        await taken(parts, (done) =>
          sentBytes === parts.lengthBytes ? response.end(slice, done) : response.write(slice, done),
        )
      }
    }
    if (sentBytes !== parts.lengthBytes) throw new LengthMismatch('too few bytes')
    if (sentBytes === 0) response.end()
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    await pieces.return?.()
  }
}

/** Resolves once the system has taken what `write` sends. */
async function taken(
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  write: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const abort = () => reject(new AbortedError({ what: 'The download', cause: signal.reason }))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  const timer = clock.after(READER_SILENCE_MS_MAX, () =>
    reject(new DeadlineError({ what: 'Sending to the reader', timeoutMs: READER_SILENCE_MS_MAX })),
  )
  try {
    // An error of the socket means that the reader is gone; `close` comes later.
    if (!signal.aborted)
      write((error) =>
        error == null ? resolve() : reject(new AbortedError({ what: 'The download', cause: error })),
      )
    await promise
  } finally {
    timer.stop()
    signal.removeEventListener('abort', abort)
  }
}
