import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../core/clock.ts'
import { KizunaError } from '../../core/kizuna-error.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { decodeErrorFrame } from '../error-frame.ts'
import { ConnectionLostError, PeerMisbehavedError } from '../errors.ts'
import { type MarkedFrame, StreamEndedError } from '../frame-stream.ts'
import type { CallOptions } from '../network.ts'
import { NetworkCall } from '../network-call.ts'
import { IncomingAnswer } from './bulk-answer.ts'
import type { ByteTaker } from './bulk-dial.ts'
import {
  BulkFormatError,
  BulkFrameReader,
  type BulkHeader,
  type FrameTaker,
  REQUEST_WINDOW_BYTES,
} from './bulk-frame.ts'
import { BulkLink } from './bulk-link.ts'
import { SendingWindow } from './bulk-message.ts'
import { REQUESTS_AT_ONCE_MAX } from './bulk-serving.ts'
import type { FramePool } from './frame-pool.ts'

/** Requests begun on one connection before another one takes over: numbers have four bytes. */
const REQUESTS_MAX = 2 ** 31
/** Credits of one request that can be on their way at once: each is half a window. */
const CREDITS_ON_THE_WAY_MAX = 2
/** Where the rest goes of a connection that was given up. */
const DISCARDED = Buffer.alloc(1_024)
const NOTHING = new Uint8Array(0)
/** Why the sending of a request ends with its answer. Made once: a new error for each call costs as much as the call. */
const ANSWERED = new Error('the answer is there')
const MARKS_OF_ANSWERS = ['more', 'last', 'error', 'end', 'credit']

type Frames = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** A request under way, or one that was given up and whose end has not come yet. */
interface Asked {
  answer: IncomingAnswer
  window: SendingWindow
  isGivenUp: boolean
}

interface Parts {
  clock: Clock
  metrics: Metrics
  peer: PeerId
  pool: FramePool
  socket: TLSSocket
  start: (taker: ByteTaker) => void
}

/** Our direct connection to one peer, with many requests on it at once. */
export class BulkAsking implements FrameTaker {
  readonly #parts: Parts
  readonly #link: BulkLink
  readonly #asked = new Map<number, Asked>()
  #lastId = 0
  #usedAt: number
  #answers = 0
  /** Credits that may still be on their way for requests whose answer came before all of them was sent. */
  #straysAllowed = 0
  #misbehaviour: PeerMisbehavedError | undefined
  readonly #letIn = Promise.withResolvers<void>()
  #isLetIn = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#letIn.promise.catch(() => {})
    const { clock, socket } = parts
    this.#usedAt = clock.monotonic()
    const reader = new BulkFrameReader(this)
    this.#link = new BulkLink({ socket, reader, clock })
    this.ended.addEventListener('abort', () => this.#lost())
    parts.start({
      // Never an empty one: Node would go round for ever with what is left of a record.
      room: () => (this.ended.aborted ? DISCARDED : reader.room()),
      filled: (count) => {
        if (this.ended.aborted) return
        this.#link.received(count)
        try {
          reader.filled(count)
        } catch (error) {
          if (!(error instanceof BulkFormatError)) throw error
          this.#misbehaviour = new PeerMisbehavedError({
            peer: parts.peer,
            reason: `it sent ${error.message}`,
          })
          this.close(error)
        }
      },
    })
  }

  get ended(): AbortSignal {
    return this.#link.ended
  }

  /**
   * Waits for the first word of the other end, without which nothing may be asked.
   * @throws why the connection ended before; it is closed when `signal` aborts.
   */
  async letIn(signal: AbortSignal): Promise<void> {
    const tooLate = () => this.close(signal.reason as Error)
    signal.addEventListener('abort', tooLate, { once: true })
    if (signal.aborted) tooLate()
    await this.#letIn.promise.finally(() => signal.removeEventListener('abort', tooLate))
  }

  /** Whether another request may begin. */
  get hasRoom(): boolean {
    return this.#asked.size < REQUESTS_AT_ONCE_MAX && this.#lastId < REQUESTS_MAX
  }

  /** Whether any answer came. */
  get wasUseful(): boolean {
    return this.#answers > 0
  }

  /** How long nothing was asked. */
  get idleMs(): number {
    return this.#asked.size > 0 ? 0 : this.#parts.clock.monotonic() - this.#usedAt
  }

  close(reason: Error): void {
    this.#link.close(reason)
  }

  /** See `Network.request`. */
  async *request(protocol: string, request: Frames, options: CallOptions = {}): AsyncGenerator<Uint8Array> {
    const { clock, metrics, peer } = this.#parts
    const call = new NetworkCall(clock, `The request ${protocol} to ${peer}`, options)
    const id = ++this.#lastId
    const hangUp = new AbortController()
    const asked: Asked = {
      answer: new IncomingAnswer(this.#parts.pool, (bytes) => this.#credit(id, bytes), options.place),
      window: new SendingWindow(REQUEST_WINDOW_BYTES),
      isGivenUp: false,
    }
    let readerIsBusy = false
    let outcome = 'stopped'
    this.#asked.set(id, asked)
    if (this.ended.aborted) this.#lost()
    try {
      call.signal.throwIfAborted()
      this.#link.send(id, 'open', Buffer.from(protocol)).catch(() => {})
      if (!this.#writeAtOnce(id, asked, request))
        void this.#write(id, asked, request, { call, hangUp: hangUp.signal, isQuiet: () => readerIsBusy })
      for (;;) {
        const frame = await this.#read(asked, call, protocol)
        if (frame.mark === 'error')
          throw decodeErrorFrame(frame.bytes) ?? this.#misbehaved('an error that is none')
        if (frame.mark !== 'end') {
          readerIsBusy = true
          call.rest()
          yield frame.bytes
          readerIsBusy = false
          call.progress()
        }
        if (frame.mark !== 'more') break
      }
      outcome = 'answered'
    } catch (error) {
      outcome = error instanceof KizunaError ? error.kind : 'internal'
      throw error
    } finally {
      hangUp.abort(ANSWERED)
      call.end()
      this.#finish(id, asked)
      metrics.count('kizuna_requests_total', { direction: 'out', outcome })
    }
  }

  begin(header: BulkHeader): Uint8Array {
    const { id, mark, sizeBytes } = header
    if (!this.#isLetIn) {
      if (mark !== 'ready' || id !== 0) throw new BulkFormatError('something before its first word')
      return NOTHING
    }
    if (!MARKS_OF_ANSWERS.includes(mark)) throw new BulkFormatError(`a frame “${mark}” as an answer`)
    const asked = this.#asked.get(id)
    if (asked === undefined) {
      // Our request may have been whole after its answer was, and be allowed more while that is on its way.
      if (mark !== 'credit' || id === 0 || id > this.#lastId)
        throw new BulkFormatError('an answer to nothing')
      this.#straysAllowed--
      if (this.#straysAllowed < 0) throw new BulkFormatError('credits for requests that are over')
    } else if (mark !== 'credit') return asked.answer.begin(header)
    return new Uint8Array(sizeBytes)
  }

  whole({ id, mark }: BulkHeader, bytes: Uint8Array): void {
    if (mark === 'ready') {
      this.#isLetIn = true
      this.#letIn.resolve()
    }
    const asked = this.#asked.get(id)
    if (asked === undefined) return
    if (mark === 'credit') {
      asked.window.allow(Buffer.from(bytes).readUInt32BE())
      return
    }
    this.#answers++
    // Nobody reads it any more; the window bounds how much there is of it.
    if (!asked.isGivenUp) asked.answer.whole(mark, bytes)
    else if (mark !== 'more') this.#asked.delete(id)
  }

  async #read(asked: Asked, call: NetworkCall, protocol: string): Promise<MarkedFrame> {
    try {
      return await asked.answer.read(call.signal)
    } catch (cause) {
      call.signal.throwIfAborted()
      throw this.#misbehaviour ?? new ConnectionLostError({ peer: this.#parts.peer, protocol, cause })
    }
  }

  /** Sends a request that is one short frame, as most are; false when it is something else. */
  #writeAtOnce(id: number, { window }: Asked, request: Frames): boolean {
    const [only] = Array.isArray(request) && request.length === 1 ? (request as Uint8Array[]) : []
    if (only === undefined || !window.tryTake(only.byteLength)) return false
    // A connection that breaks is noticed by the reader.
    this.#link.send(id, 'last', only).catch(() => {})
    return true
  }

  /** Sends the request while the answer is read. What fails here ends the call. */
  async #write(
    id: number,
    { window }: Asked,
    request: Frames,
    { call, hangUp, isQuiet }: { call: NetworkCall; hangUp: AbortSignal; isQuiet: () => boolean },
  ): Promise<void> {
    const signal = AbortSignal.any([call.signal, hangUp])
    try {
      const count = Array.isArray(request) ? request.length : undefined
      let index = 0
      for await (const bytes of request) {
        index++
        await window.take(bytes.byteLength, signal)
        await this.#link.send(id, index === count ? 'last' : 'more', bytes)
        if (!isQuiet()) call.progress()
      }
      signal.throwIfAborted()
      if (index !== count || count === 0) await this.#link.send(id, 'end')
    } catch (error) {
      // A connection that breaks is noticed by the reader, which may still find an answer.
      if (!signal.aborted && !(error instanceof StreamEndedError)) call.fail(error as Error)
    }
  }

  #finish(id: number, asked: Asked): void {
    this.#usedAt = this.#parts.clock.monotonic()
    asked.window.end()
    this.#straysAllowed += CREDITS_ON_THE_WAY_MAX
    if (asked.answer.isWhole || this.ended.aborted) {
      this.#asked.delete(id)
      return
    }
    asked.isGivenUp = true
    asked.answer.giveUp()
    this.#link.send(id, 'cancel').catch(() => {})
  }

  #credit(id: number, bytes: number): void {
    const content = Buffer.alloc(4)
    content.writeUInt32BE(bytes)
    this.#link.send(id, 'credit', content).catch(() => {})
  }

  #lost(): void {
    this.#letIn.reject(this.ended.reason)
    for (const { answer, window } of this.#asked.values()) {
      answer.fail(new StreamEndedError('the direct connection broke', { cause: this.ended.reason }))
      window.end()
    }
  }

  #misbehaved(reason: string): PeerMisbehavedError {
    return new PeerMisbehavedError({ peer: this.#parts.peer, reason: `it sent ${reason}` })
  }
}
