import assert from 'node:assert/strict'
import type { Connection, Stream } from '@libp2p/interface'
import type { Clock } from '../core/clock.ts'
import { AbortedError, DeadlineError } from '../core/errors.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import { AnsweringLoad } from './answering-load.ts'
import { encodeErrorFrame } from './error-frame.ts'
import { ConnectionLostError, RateLimitedError, RequestRefusedError } from './errors.ts'
import { FrameFormatError, type MarkedFrame } from './frame-reader.ts'
import { FrameStream } from './frame-stream.ts'
import type { MemoryHolder } from './held-memory.ts'
import type { RequestHandler } from './network.ts'
import { NetworkCall } from './network-call.ts'
import { PACE_MS, PaceWatch } from './pace-watch.ts'
import { keepFirstWindow } from './receive-window.ts'

/** A kept stream on which nothing is asked for this long is closed; askers let go of theirs earlier. */
const IDLE_MS = 90_000
/** A peer that takes nothing of the answer for this long is dropped; what it sends has a pace to keep, too. */
const STALL_MS = 30_000
/** An asker that got its whole answer ends its request within this time, or is hung up on. */
const HANG_UP_MS = 5_000
/** Frames of a request that are read over after its answer, so that the stream can be kept. */
const SKIPPED_FRAMES_MAX = 4
const NOTHING = new Uint8Array(0)

interface Parts {
  self: PeerId
  clock: Clock
  log: Logger
  metrics: Metrics
  /** The handler of a protocol now; it may be taken away while streams are kept. */
  handlerOf: (protocol: string) => RequestHandler | undefined
}

/** Answers the requests that arrive on streams, one at a time on each. */
export class RequestServer {
  /** Shared with whoever else answers requests of others. */
  readonly load: AnsweringLoad
  readonly #parts: Parts
  readonly #streams = new Set<FrameStream>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.load = new AnsweringLoad(parts)
  }

  /** Serves a stream until either end closes it. */
  async serve(protocol: string, stream: Stream, connection: Connection): Promise<void> {
    const frames = new FrameStream(stream)
    const pace = new PaceWatch(this.#parts.clock, {
      received: () => frames.receivedBytes,
      owes: () => Number(frames.isAwaited),
      onTooSlow: () => {
        this.load.countSlow()
        frames.reset(new DeadlineError({ what: 'The rest of a request', timeoutMs: PACE_MS }))
      },
    })
    const holder = heldBy(frames, connection.remotePeer.toString())
    keepFirstWindow(stream)
    this.#streams.add(frames)
    this.load.memory.add(holder)
    try {
      while (await this.#answerNext(protocol, frames, connection));
      await frames.close(this.#parts.clock.deadline(HANG_UP_MS))
    } catch (error) {
      const bad = error instanceof FrameFormatError
      if (bad) this.#parts.metrics.count('kizuna_network_bad_frames_total')
      this.#parts.log.debug('request stream dropped', {
        protocol,
        peer: connection.remotePeer.toString(),
        error,
      })
      frames.reset(new AbortedError({ what: 'Answering', cause: error }))
    } finally {
      pace.stop()
      this.load.memory.remove(holder)
      this.#streams.delete(frames)
    }
  }

  /** Hangs up on everyone. */
  stop(): void {
    for (const frames of this.#streams) frames.reset(new AbortedError({ what: 'Answering' }))
  }

  /** False when the stream is at its end. */
  async #answerNext(protocol: string, frames: FrameStream, connection: Connection): Promise<boolean> {
    const { clock, metrics } = this.#parts
    const waiting = new NetworkCall(clock, 'Waiting for a request', { timeoutMs: IDLE_MS })
    let first: MarkedFrame | undefined
    try {
      first = await frames.read(waiting.signal)
    } catch (error) {
      if (error instanceof DeadlineError) return false
      throw error
    } finally {
      waiting.end()
    }
    if (first === undefined) return false
    const call = new NetworkCall(clock, `Answering ${protocol}`, { timeoutMs: STALL_MS })
    const from = connection.remotePeer.toString() as PeerId
    const hungUp = () => call.fail(new ConnectionLostError({ peer: from, protocol }))
    frames.ended.addEventListener('abort', hungUp)
    if (frames.ended.aborted) hungUp()
    const request = new IncomingRequest(frames, first, call)
    this.load.begin()
    try {
      const outcome = await this.#answer(protocol, request, { frames, call, from, connection })
      metrics.count('kizuna_requests_total', { direction: 'in', outcome })
    } finally {
      this.load.end()
      frames.ended.removeEventListener('abort', hungUp)
      call.end()
    }
    // A handler that knows all it needs does not read on to the mark of the end; often only that is left.
    if (request.isWhole || (await request.skipRest(clock))) return true
    // The asker still sends what nobody reads. It hangs up when it has the answer.
    await hangUpWithin(clock, frames, HANG_UP_MS)
    throw new AbortedError({ what: 'The rest of the request' })
  }

  async #answer(
    protocol: string,
    request: IncomingRequest,
    parts: { frames: FrameStream; call: NetworkCall; from: PeerId; connection: Connection },
  ): Promise<'answered' | 'refused'> {
    const { frames, call, from, connection } = parts
    const handler = this.#parts.handlerOf(protocol)
    let answer: AsyncIterator<Uint8Array> | undefined
    try {
      if (handler === undefined) throw new RequestRefusedError({ peer: this.#parts.self, protocol })
      if (this.load.isOver) {
        throw new RateLimitedError({ what: 'open requests', retryAfterMs: 1_000 })
      }
      const path = connection.direct ? 'direct' : 'relayed'
      // How long the handler thinks is the asker's business: it has the deadline.
      call.rest()
      answer = handler(request, { from, path, signal: call.signal, pieceBytesMax: CHUNK_BYTES_MAX })[
        Symbol.asyncIterator
      ]()
      for (let isFirst = true; ; isFirst = false) {
        const next = await call.race(answer.next())
        call.progress()
        if (next.done === true) break
        // The first frame says what it is that comes, and stays as it was yielded.
        if (isFirst) await frames.write('more', next.value, call.signal)
        else await frames.writePiece(next.value, call.signal, () => call.progress())
        call.rest()
      }
      await frames.write('end', NOTHING, call.signal)
      return 'answered'
    } catch (error) {
      answer?.return?.()?.catch(() => {})
      if (call.signal.aborted || frames.ended.aborted || error instanceof FrameFormatError) throw error
      if (!isExpected(error)) this.#parts.log.warn('request handler failed', { protocol, error })
      call.progress()
      await frames.write('error', encodeErrorFrame(error), call.signal)
      return 'refused'
    }
  }
}

/** The frames of one request, read as the handler asks for them. */
class IncomingRequest implements AsyncIterable<Uint8Array> {
  readonly #frames: FrameStream
  readonly #call: NetworkCall
  #next: MarkedFrame | undefined
  /** Whether its last frame was read. */
  isWhole = false

  constructor(frames: FrameStream, first: MarkedFrame, call: NetworkCall) {
    this.#frames = frames
    this.#next = first
    this.#call = call
    this.#check(first)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = this.#next
      this.#next = undefined
      if (frame !== undefined) {
        if (frame.mark !== 'end') yield frame.bytes
        if (frame.mark !== 'more') return
      } else if (this.isWhole) return
      else this.#next = await this.#read()
    }
  }

  /** Reads over what is left of the request; false when that is too much, or does not come in time. */
  async skipRest(clock: Clock): Promise<boolean> {
    const call = new NetworkCall(clock, 'The rest of a request', { timeoutMs: HANG_UP_MS })
    try {
      for (let skipped = 0; skipped < SKIPPED_FRAMES_MAX && !this.isWhole; skipped++) {
        const frame = await this.#frames.read(call.signal)
        if (frame === undefined) return false
        this.#check(frame)
      }
    } catch (error) {
      if (error instanceof FrameFormatError) throw error
      return false
    } finally {
      call.end()
    }
    return this.isWhole
  }

  async #read(): Promise<MarkedFrame> {
    this.#call.progress()
    try {
      const frame = await this.#frames.read(this.#call.signal)
      // Whoever ends the stream has hung up, which ended the call before its frames did.
      assert(frame !== undefined)
      this.#check(frame)
      return frame
    } finally {
      this.#call.rest()
    }
  }

  #check(frame: MarkedFrame): void {
    if (frame.mark === 'error') throw new FrameFormatError('an error as a request')
    this.isWhole = frame.mark !== 'more'
  }
}

function heldBy(frames: FrameStream, peer: string): MemoryHolder {
  return {
    peer,
    get heldBytes() {
      return frames.heldBytes
    },
    get movedBytes() {
      return frames.movedBytes
    },
    reset: (reason) => frames.reset(reason),
  }
}

function isExpected(error: unknown): boolean {
  return error instanceof Error && 'kind' in error && error.kind !== 'internal'
}

async function hangUpWithin(clock: Clock, frames: FrameStream, timeoutMs: number): Promise<void> {
  if (frames.ended.aborted) return
  await new Promise<void>((resolve) => {
    const timer = clock.after(timeoutMs, resolve)
    frames.ended.addEventListener('abort', () => {
      timer.stop()
      resolve()
    })
  })
}
