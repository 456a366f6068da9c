import type { TLSSocket } from 'node:tls'
import type { Timer } from '../../core/clock.ts'
import { CHUNK_BYTES_MAX } from '../../core/limits.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { encodeErrorFrame } from '../error-frame.ts'
import { ConnectionLostError, RateLimitedError, RequestRefusedError } from '../errors.ts'
import { StreamEndedError } from '../frame-stream.ts'
import type { MemoryHolder } from '../held-memory.ts'
import type { RequestHandler } from '../network.ts'
import { NetworkCall } from '../network-call.ts'
import {
  ANSWER_WINDOW_BYTES,
  BULK_FRAME_BYTES_MAX,
  BulkFormatError,
  BulkFrameReader,
  type BulkHeader,
  costOf,
  type FrameTaker,
  REQUEST_WINDOW_BYTES,
} from './bulk-frame.ts'
import { BulkLink } from './bulk-link.ts'
import { IncomingMessage, SendingWindow } from './bulk-message.ts'
import type { BulkServerParts } from './bulk-server.ts'

/** Requests of one connection answered at once; more are told to come back. */
export const REQUESTS_AT_ONCE_MAX = 64
/** Refused requests whose words are not sent yet; who asks on and on without listening is hung up on. */
const REFUSALS_WAITING_MAX = 64
/** Bytes of one answer that wait to be taken in several frames; a single one may be longer. */
const WAITING_BYTES_MAX = 256 * 1024
/** Those of all answers of a connection together: no line needs more to be full. */
const WAITING_BYTES_TOGETHER = BULK_FRAME_BYTES_MAX
/** A request of which nothing more comes for this long ends its connection; the pace of the whole is watched besides. */
const READ_STALL_MS = 60_000
/** So does an answer of which nothing is read for this long. */
const ANSWER_STALL_MS = 30_000
/** A connection on which nothing is asked for this long is closed; askers let go of theirs earlier. */
const IDLE_MS = 90_000

/** A request being answered. */
interface Answering extends MemoryHolder {
  message: IncomingMessage
  window: SendingWindow
  call: NetworkCall
  /** Frames that were written and not taken. */
  sends: Set<Promise<void>>
  /** Bytes that were written and not taken, and all that were taken. */
  sendingBytes: number
  sentBytes: number
}

/** One direct connection of a peer, on which we answer. */
export class BulkServing implements FrameTaker {
  readonly #parts: BulkServerParts & { socket: TLSSocket; peer: PeerId }
  readonly #link: BulkLink
  readonly #open = new Map<number, Answering>()
  #lastId = 0
  #refusalsWaiting = 0
  #waitingBytes = 0
  readonly #waiting: (() => void)[] = []
  #idle: Timer | undefined
  /** What may still be on its way for requests that were answered before all of them had come. */
  #straysAllowed = 0

  constructor(parts: BulkServerParts & { socket: TLSSocket; peer: PeerId }) {
    this.#parts = parts
    const { socket, clock, metrics } = parts
    const reader = new BulkFrameReader(this)
    this.#link = new BulkLink({
      socket,
      reader,
      clock,
      owes: () => [...this.#open.values()].filter(({ message }) => message.isAwaited).length,
      onSlow: () => parts.load.countSlow(),
    })
    socket.on('data', (bytes: Buffer) => {
      if (this.ended.aborted) return
      this.#link.received(bytes.byteLength)
      try {
        reader.push(bytes)
        parts.load.memory.came(bytes.byteLength)
      } catch (error) {
        if (!(error instanceof BulkFormatError)) throw error
        metrics.count('kizuna_network_bad_frames_total')
        this.close(error)
      }
    })
    this.ended.addEventListener('abort', () => {
      this.#idle?.stop()
      for (const each of this.#open.values()) this.#giveUp(each)
    })
    this.#rest()
    // TLS tells nobody whether it was refused: this does.
    this.#link.send(0, 'ready').catch(() => {})
  }

  get ended(): AbortSignal {
    return this.#link.ended
  }

  close(reason: Error): void {
    this.#link.close(reason)
  }

  #rest(): void {
    if (this.ended.aborted) return
    this.#idle = this.#parts.clock.after(IDLE_MS, () => this.close(new Error('idle')))
  }

  begin(header: BulkHeader): Uint8Array {
    const { id, mark, sizeBytes } = header
    if (mark === 'open') {
      if (id <= this.#lastId) throw new BulkFormatError('a number that was used before')
      this.#lastId = id
    } else if (id === 0 || id > this.#lastId) throw new BulkFormatError('a request that was not begun')
    else if (mark === 'error' || mark === 'ready') throw new BulkFormatError(`“${mark}” of an asker`)
    else this.#expect(header)
    return Buffer.allocUnsafeSlow(sizeBytes)
  }

  #expect(header: BulkHeader): void {
    const { mark, sizeBytes, id } = header
    const open = this.#open.get(id)
    if (open === undefined) {
      this.#straysAllowed -= costOf(sizeBytes)
      if (this.#straysAllowed < 0) throw new BulkFormatError('more for requests that were answered')
    } else if (mark === 'more' || mark === 'last' || mark === 'end') open.message.expect(header)
  }

  whole({ id, mark }: BulkHeader, bytes: Uint8Array): void {
    if (mark === 'open') {
      this.#begin(id, Buffer.from(bytes).toString())
      return
    }
    // What comes for a request that was answered already was on its way.
    const open = this.#open.get(id)
    if (open === undefined) return
    if (mark === 'cancel') this.#giveUp(open)
    else if (mark === 'credit') open.window.allow(Buffer.from(bytes).readUInt32BE())
    else if (mark === 'more' || mark === 'last' || mark === 'end') open.message.push({ mark, bytes })
  }

  #giveUp({ call, message, window }: Answering): void {
    const error = new ConnectionLostError({ peer: this.#parts.peer, protocol: 'bulk' })
    call.fail(error)
    message.fail(error)
    window.end()
  }

  /**
   * A request holds too much of our memory: what came of it is forgotten, and the asker is told to come back. When
   * that was of no use, what holds the memory is the connection, on which nothing is read; it goes.
   */
  #turnAway({ call, message, window }: Answering, reason: Error): void {
    if (call.signal.aborted) {
      this.close(reason)
      return
    }
    call.fail(reason)
    message.forget(reason)
    window.end()
  }

  #begin(id: number, protocol: string): void {
    const { clock, load, log, metrics, handlerOf, self } = this.#parts
    const handler = handlerOf(protocol)
    if (this.#open.size >= REQUESTS_AT_ONCE_MAX) {
      this.#refuse(id, new RateLimitedError({ what: 'open requests', retryAfterMs: 1_000 }))
      return
    }
    if (handler === undefined) {
      this.#refuse(id, new RequestRefusedError({ peer: self, protocol }))
      return
    }
    const credit = (bytes: number) => {
      const content = Buffer.alloc(4)
      content.writeUInt32BE(bytes)
      this.#link.send(id, 'credit', content).catch(() => {})
    }
    load.begin()
    if (load.isOver) {
      load.end()
      this.#refuse(id, new RateLimitedError({ what: 'open requests', retryAfterMs: 1_000 }))
      return
    }
    const message = new IncomingMessage(credit)
    const answering: Answering = {
      peer: this.#parts.peer,
      message,
      window: new SendingWindow(ANSWER_WINDOW_BYTES),
      call: new NetworkCall(clock, `Answering ${protocol}`, { timeoutMs: READ_STALL_MS }),
      sends: new Set(),
      sendingBytes: 0,
      sentBytes: 0,
      get heldBytes() {
        return message.heldBytes + this.sendingBytes
      },
      get movedBytes() {
        return message.receivedBytes + this.sentBytes
      },
      reset: (reason) => this.#turnAway(answering, reason),
    }
    this.#idle?.stop()
    this.#open.set(id, answering)
    load.memory.add(answering)
    this.#answer(id, handler, answering)
      .then((outcome) => metrics.count('kizuna_requests_total', { direction: 'in', outcome }))
      .catch((error) => log.debug('direct answer dropped', { protocol, peer: this.#parts.peer, error }))
      .finally(() => {
        this.#open.delete(id)
        load.memory.remove(answering)
        load.end()
        if (this.#open.size === 0) this.#rest()
        this.#straysAllowed += REQUEST_WINDOW_BYTES
        answering.call.end()
      })
  }

  async #answer(id: number, handler: RequestHandler, answering: Answering): Promise<'answered' | 'refused'> {
    const { message, call } = answering
    let answer: AsyncIterator<Uint8Array> | undefined
    try {
      const context = {
        from: this.#parts.peer,
        path: 'direct',
        signal: call.signal,
        pieceBytesMax: CHUNK_BYTES_MAX,
      } as const
      // How long the handler thinks is the asker's business: it has the deadline.
      call.rest()
      answer = handler(framesOf(message, call), context)[Symbol.asyncIterator]()
      for (;;) {
        const next = await call.race(answer.next())
        if (next.done === true) break
        await this.#sendPiece(id, answering, next.value)
      }
      await call.race(this.#link.send(id, 'end'))
      return 'answered'
    } catch (error) {
      // What it yielded is its own again only when the system has taken it, or never will.
      Promise.allSettled(answering.sends)
        .then(() => answer?.return?.())
        .catch(() => {})
      if (this.ended.aborted) throw error
      if (call.signal.reason instanceof RateLimitedError) {
        await this.#link.send(id, 'error', encodeErrorFrame(call.signal.reason))
        return 'refused'
      }
      // Too slow is not cancelled: the connection is of no use any more.
      if (call.signal.aborted && !(call.signal.reason instanceof ConnectionLostError))
        this.close(error as Error)
      if (call.signal.aborted || error instanceof StreamEndedError) {
        await this.#link.send(id, 'end')
        throw error
      }
      if (!isExpected(error)) this.#parts.log.warn('request handler failed', { error })
      await this.#link.send(id, 'error', encodeErrorFrame(error))
      return 'refused'
    }
  }

  /** Sends a piece in frames; resolves when all of it was taken, and its memory is the handler's again. */
  async #sendPiece(id: number, answering: Answering, piece: Uint8Array): Promise<void> {
    const { call, sends, window } = answering
    for (let at = 0; at === 0 || at < piece.byteLength; ) {
      let frame = piece.subarray(at, at + this.#link.frameBytesMax)
      if (!window.tryTake(frame.byteLength)) {
        call.progress(ANSWER_STALL_MS)
        await window.take(frame.byteLength, call.signal)
        call.rest()
      }
      while (this.#isFull(answering, frame.byteLength)) {
        // The link watches that what waits is taken.
        await call.race(this.#taken())
        if (frame.byteLength <= this.#link.frameBytesMax) continue
        // The line has become slow meanwhile.
        window.putBack(frame.byteLength - this.#link.frameBytesMax)
        frame = frame.subarray(0, this.#link.frameBytesMax)
      }
      at += Math.max(frame.byteLength, 1)
      this.#sendFrame(id, answering, frame)
    }
    await call.race(Promise.all(sends))
  }

  #isFull({ sendingBytes }: Answering, moreBytes: number): boolean {
    const isAnswerFull = sendingBytes > 0 && sendingBytes + moreBytes > WAITING_BYTES_MAX
    return isAnswerFull || (this.#waitingBytes > 0 && this.#waitingBytes + moreBytes > WAITING_BYTES_TOGETHER)
  }

  /** Resolves when a frame of any answer was taken; who waits longest hears of it first. */
  #taken(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #sendFrame(id: number, answering: Answering, frame: Uint8Array): void {
    const sizeBytes = frame.byteLength
    answering.sendingBytes += sizeBytes
    this.#waitingBytes += sizeBytes
    const send = this.#link.send(id, 'more', frame).finally(() => {
      answering.sends.delete(send)
      this.#waitingBytes -= sizeBytes
      answering.sendingBytes -= sizeBytes
      answering.sentBytes += sizeBytes
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
    // Whoever waits for it hears of it.
    send.catch(() => {})
    answering.sends.add(send)
  }

  #refuse(id: number, error: Error): void {
    this.#parts.metrics.count('kizuna_requests_total', { direction: 'in', outcome: 'refused' })
    this.#straysAllowed += REQUEST_WINDOW_BYTES
    this.#refusalsWaiting++
    if (this.#refusalsWaiting > REFUSALS_WAITING_MAX) this.close(error)
    else {
      this.#link
        .send(id, 'error', encodeErrorFrame(error))
        .catch(() => {})
        .finally(() => this.#refusalsWaiting--)
    }
  }
}

async function* framesOf(message: IncomingMessage, call: NetworkCall): AsyncGenerator<Uint8Array> {
  for (;;) {
    call.progress()
    const frame = await message.read(call.signal)
    call.rest()
    if (frame.mark !== 'end') yield frame.bytes
    if (frame.mark !== 'more') return
  }
}

function isExpected(error: unknown): boolean {
  return error instanceof Error && 'kind' in error && error.kind !== 'internal'
}
