import type { Clock } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'
import { KizunaError, toKizunaError } from '../core/kizuna-error.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import type { PeerId } from '../core/signing-key.ts'
import { ProtocolTakenError, RateLimitedError, RequestRefusedError } from './errors.ts'
import type { FramePipe, MemoryStream } from './memory-stream.ts'
import type { PeerPath, RequestHandler } from './network.ts'
import { NetworkCall } from './network-call.ts'

/** Requests that one node answers at once; more are told to come back. */
const ANSWERS_MAX = 1_024
/** An asker that takes nothing of the answer for this long is dropped. */
const STALL_MS = 60_000

/** One node's handlers, and the answering end of its requests. */
export class MemoryAnswers {
  readonly #clock: Clock
  readonly #self: PeerId
  readonly #handlers = new Map<string, RequestHandler>()
  #answering = 0

  constructor(parts: { clock: Clock; self: PeerId }) {
    this.#clock = parts.clock
    this.#self = parts.self
  }

  /** @throws ProtocolTakenError */
  handle(protocol: string, handler: RequestHandler): () => void {
    if (this.#handlers.has(protocol)) throw new ProtocolTakenError({ protocol })
    this.#handlers.set(protocol, handler)
    return () => {
      if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol)
    }
  }

  /** A request arrived; every error goes back to the asker. */
  async answer(stream: MemoryStream, path: PeerPath, timeoutMs: number): Promise<void> {
    const handler = this.#handlers.get(stream.protocol)
    if (handler === undefined) {
      stream.down.end(new RequestRefusedError({ peer: this.#self, protocol: stream.protocol }))
      return
    }
    if (this.#answering >= ANSWERS_MAX) {
      stream.down.end(new RateLimitedError({ what: 'open requests', retryAfterMs: 1_000 }))
      return
    }
    this.#answering++
    // Of its own: the asker's word that it gave up may be lost.
    const call = new NetworkCall(this.#clock, `Answering ${stream.protocol}`, { timeoutMs })
    call.signal.addEventListener('abort', () => stream.stopAnswering(call.signal.reason as Error))
    try {
      const context = { from: stream.asker, path, signal: stream.answerSignal }
      for await (const frame of handler(framesOf(stream.up), context)) {
        checkFrame(frame)
        call.progress(STALL_MS)
        if (!(await stream.down.write(frame))) return
        call.progress()
      }
      stream.down.end()
    } catch (error) {
      stream.down.end(asSent(error))
    } finally {
      this.#answering--
      call.end()
      stream.answered = true
      stream.up.cancel()
    }
  }
}

/** Writes the frames of a request; an error of their source becomes the request's. */
export async function writeRequest(
  request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  stream: MemoryStream,
): Promise<void> {
  try {
    for await (const frame of request) {
      checkFrame(frame)
      if (!(await stream.up.write(frame))) return
    }
    stream.up.end()
  } catch (error) {
    // The request ends with it, and the other end learns that it was given up.
    stream.down.fail(error as Error)
  }
}

async function* framesOf(pipe: FramePipe): AsyncGenerator<Uint8Array> {
  for (let frame = await pipe.read(); frame !== undefined; frame = await pipe.read()) yield frame
}

function checkFrame(frame: Uint8Array): void {
  if (frame.byteLength <= FRAME_BYTES_MAX) return
  throw new LimitExceededError({ what: 'A frame', limit: FRAME_BYTES_MAX, actual: frame.byteLength })
}

/** An error as it arrives elsewhere: its facts, without the cause and without what cannot be written as JSON. */
function asSent(error: unknown): KizunaError {
  return new KizunaError(JSON.parse(JSON.stringify(toKizunaError(error).toJSON())))
}
