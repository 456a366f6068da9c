import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import { AbortedError, DeadlineError } from '../../core/errors.ts'

/** A reader that takes nothing for this long is gone. */
const READER_SILENCE_MS_MAX = 60_000

/** The source gave another number of bytes than the head promised. */
class LengthMismatch extends Error {
  override name = 'LengthMismatch'
}

/**
 * Writes pieces no faster than the reader takes them, and ends the response. When anything fails the connection
 * is destroyed, so that the reader sees a broken transfer and never a file that is silently short.
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
      if (parts.signal.aborted) throw new AbortedError({ what: 'The download', cause: parts.signal.reason })
      sentBytes += next.value.byteLength
      if (sentBytes > parts.lengthBytes) throw new LengthMismatch('too many bytes')
      if (!response.write(next.value)) await drained(response, parts)
    }
    if (sentBytes !== parts.lengthBytes) throw new LengthMismatch('too few bytes')
    response.end()
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    await pieces.return?.()
  }
}

async function drained(
  response: ServerResponse,
  parts: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  const enough = new AbortController()
  const timer = parts.clock.after(READER_SILENCE_MS_MAX, () =>
    enough.abort(new DeadlineError({ what: 'Sending to the reader', timeoutMs: READER_SILENCE_MS_MAX })),
  )
  const signal = AbortSignal.any([enough.signal, parts.signal])
  try {
    await once(response, 'drain', { signal })
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    timer.stop()
  }
}
