import type { Connection } from '@libp2p/interface'
import type { Clock } from '../core/clock.ts'
import { AbortedError, QueueFullError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import { FramePool } from './bulk/frame-pool.ts'
import { decodeErrorFrame } from './error-frame.ts'
import { ConnectionLostError, PeerMisbehavedError, RequestRefusedError } from './errors.ts'
import { FrameFormatError } from './frame-reader.ts'
import { FrameStream, StreamEndedError } from './frame-stream.ts'
import type { CallOptions } from './network.ts'
import { NetworkCall } from './network-call.ts'

/** Idle streams kept per peer and protocol. */
const IDLE_STREAMS_MAX = 16
/** An idle stream is closed after this; servers wait longer, so that none goes away while it is taken. */
const IDLE_MS = 30_000
/** Requests under way at once per peer and protocol; others wait their turn. */
export const STREAMS_PER_PROTOCOL_MAX = 64
/** Requests that wait for a turn per peer and protocol. */
const WAITING_MAX = 1_024
/** A polite close of an idle stream takes at most this. */
const CLOSE_MS = 2_000
const NOTHING = new Uint8Array(0)
/** Why the sending of a request ends with its answer. Made once: a new error for each call costs as much as the call. */
const ANSWERED = new Error('the answer is there')

interface Parts {
  clock: Clock
  metrics: Metrics
  /** An open connection to this peer, by the best path, dialled if need be. */
  connectionTo: (peer: PeerId, call: NetworkCall) => Promise<Connection>
}

interface KeptStream {
  frames: FrameStream
  connection: Connection
  idleSince: number
}

/** The streams of one protocol to one peer. */
interface Lane {
  readonly idle: KeptStream[]
  readonly waiting: (() => void)[]
  busy: number
}

/** Sends requests, each on a stream of its own while it runs; streams are kept and used again. */
export class RequestClient {
  readonly #parts: Parts
  readonly #lanes = new Map<string, Lane>()
  readonly #running = new Set<NetworkCall>()
  readonly #pool = new FramePool()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** See `Network.request`. */
  async *request(
    peer: PeerId,
    protocol: string,
    request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const { clock, metrics } = this.#parts
    const call = new NetworkCall(clock, `The request ${protocol} to ${peer}`, options)
    const key = `${peer} ${protocol}`
    this.#running.add(call)
    let kept: KeptStream | undefined
    let outcome = 'stopped'
    try {
      const lane = await this.#enter(key, call)
      try {
        kept = await this.#open(peer, protocol, lane, call)
        kept.frames.begin(options.bulk === true ? this.#pool : undefined)
        const exchange = new Exchange(kept.frames, call, { peer, protocol })
        yield* exchange.run(request)
        if (exchange.isWhole) {
          this.#keep(lane, kept)
          kept = undefined
        }
        outcome = 'answered'
      } finally {
        this.#leave(key, lane)
      }
    } catch (error) {
      outcome = isKizunaError(error) ? error.kind : 'internal'
      throw error
    } finally {
      kept?.frames.reset(new AbortedError({ what: 'The request' }))
      metrics.count('kizuna_requests_total', { direction: 'out', outcome })
      call.end()
      this.#running.delete(call)
    }
  }

  /** Closes streams nobody used for a while; to be called now and then. */
  closeIdle(): void {
    const { clock } = this.#parts
    for (const [key, lane] of this.#lanes) {
      const fresh = lane.idle.filter((kept) => {
        if (kept.frames.isReusable && clock.monotonic() - kept.idleSince < IDLE_MS) return true
        void kept.frames.close(clock.deadline(CLOSE_MS))
        return false
      })
      lane.idle.splice(0, lane.idle.length, ...fresh)
      if (lane.idle.length + lane.waiting.length + lane.busy === 0) this.#lanes.delete(key)
    }
  }

  /** Ends every request. */
  stop(): void {
    for (const call of this.#running) call.cancel(new Error('this node stops'))
    for (const lane of this.#lanes.values()) {
      for (const { frames } of lane.idle) frames.reset(new AbortedError({ what: 'The stream' }))
    }
    this.#lanes.clear()
  }

  async #enter(key: string, call: NetworkCall): Promise<Lane> {
    call.signal.throwIfAborted()
    const lane = this.#lanes.get(key) ?? { idle: [], waiting: [], busy: 0 }
    this.#lanes.set(key, lane)
    if (lane.busy < STREAMS_PER_PROTOCOL_MAX) {
      lane.busy++
      return lane
    }
    if (lane.waiting.length >= WAITING_MAX) {
      throw new QueueFullError({ queue: 'requests to one peer', limit: WAITING_MAX, retryAfterMs: 1_000 })
    }
    let enter = () => {}
    const turn = new Promise<void>((resolve) => {
      enter = resolve
    })
    lane.waiting.push(enter)
    try {
      // Whoever leaves hands its place over, so `busy` stays as it is.
      await call.race(turn)
    } catch (error) {
      const index = lane.waiting.indexOf(enter)
      if (index >= 0) lane.waiting.splice(index, 1)
      else this.#leave(key, lane)
      throw error
    }
    return lane
  }

  #leave(key: string, lane: Lane): void {
    const next = lane.waiting.shift()
    if (next !== undefined) {
      next()
      return
    }
    lane.busy--
    if (lane.busy === 0 && lane.idle.length === 0 && this.#lanes.get(key) === lane) this.#lanes.delete(key)
  }

  async #open(peer: PeerId, protocol: string, lane: Lane, call: NetworkCall): Promise<KeptStream> {
    let isFirstAttempt = true
    for (;;) {
      const connection = await this.#parts.connectionTo(peer, call)
      const kept = this.#takeIdle(lane, connection)
      if (kept !== undefined) return kept
      try {
        const opening = connection.newStream(protocol, {
          signal: call.signal,
          runOnLimitedConnection: true,
          maxOutboundStreams: 2 * STREAMS_PER_PROTOCOL_MAX,
        })
        return { frames: new FrameStream(await opening), connection, idleSince: 0 }
      } catch (cause) {
        call.signal.throwIfAborted()
        // By its name: another copy of the library may have thrown it.
        if (cause instanceof Error && cause.name === 'UnsupportedProtocolError') {
          throw new RequestRefusedError({ peer, protocol })
        }
        // The connection may have died unnoticed. Nothing was sent yet, so another one may be tried.
        if (!isFirstAttempt || connection.status === 'open') {
          throw new ConnectionLostError({ peer, protocol, cause })
        }
        isFirstAttempt = false
      }
    }
  }

  #takeIdle(lane: Lane, connection: Connection): KeptStream | undefined {
    for (let kept = lane.idle.pop(); kept !== undefined; kept = lane.idle.pop()) {
      if (kept.frames.isReusable && kept.connection === connection) return kept
      // Left over from a connection that was replaced by a better one.
      void kept.frames.close(this.#parts.clock.deadline(CLOSE_MS))
    }
    return undefined
  }

  #keep(lane: Lane, kept: KeptStream): void {
    kept.idleSince = this.#parts.clock.monotonic()
    lane.idle.push(kept)
    if (lane.idle.length <= IDLE_STREAMS_MAX) return
    void lane.idle.shift()?.frames.close(this.#parts.clock.deadline(CLOSE_MS))
  }
}

/** One request and its answer on a stream. */
class Exchange {
  readonly #frames: FrameStream
  readonly #call: NetworkCall
  readonly #facts: { peer: PeerId; protocol: string }
  readonly #hangUp = new AbortController()
  #requestSent = false
  #answerRead = false
  /** The deadline counts the peer's time, not the reader's. */
  #readerIsBusy = false

  constructor(frames: FrameStream, call: NetworkCall, facts: { peer: PeerId; protocol: string }) {
    this.#frames = frames
    this.#call = call
    this.#facts = facts
  }

  /** Whether both were whole, so that the stream can carry another exchange. */
  get isWhole(): boolean {
    return this.#requestSent && this.#answerRead && this.#frames.isReusable
  }

  async *run(request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    // Not awaited: its source may sleep when the answer is complete. It ends with the exchange.
    void this.#write(request)
    try {
      for (;;) {
        const frame = await this.#read()
        if (frame.mark === 'error') {
          throw decodeErrorFrame(frame.bytes) ?? this.#misbehaved('an error that is none')
        }
        if (frame.mark !== 'end') {
          this.#readerIsBusy = true
          this.#call.rest()
          yield frame.bytes
          this.#readerIsBusy = false
          this.#call.progress()
        }
        if (frame.mark !== 'more') break
      }
      this.#answerRead = true
    } finally {
      this.#hangUp.abort(ANSWERED)
    }
  }

  async #read() {
    try {
      const frame = await this.#frames.read(this.#call.signal)
      if (frame === undefined) throw new StreamEndedError('before the last frame')
      return frame
    } catch (error) {
      this.#call.signal.throwIfAborted()
      if (error instanceof FrameFormatError) throw this.#misbehaved(error.message)
      throw new ConnectionLostError({ ...this.#facts, cause: error })
    }
  }

  /** Sends the request while the answer is read. What fails here ends the call. */
  async #write(request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const signal = AbortSignal.any([this.#call.signal, this.#hangUp.signal])
    try {
      const count = Array.isArray(request) ? request.length : undefined
      let index = 0
      for await (const bytes of request) {
        index++
        await this.#frames.write(index === count ? 'last' : 'more', bytes, signal)
        if (index === count) this.#requestSent = true
        if (!this.#readerIsBusy) this.#call.progress()
      }
      if (!this.#requestSent) await this.#frames.write('end', NOTHING, signal)
      this.#requestSent = true
    } catch (error) {
      // A stream that breaks is noticed by the reader, which may still find an answer in it.
      if (!signal.aborted && !(error instanceof StreamEndedError)) this.#call.fail(error as Error)
    }
  }

  #misbehaved(reason: string): PeerMisbehavedError {
    return new PeerMisbehavedError({ peer: this.#facts.peer, reason: `it sent ${reason}` })
  }
}
