import type { Stream } from '@libp2p/interface'
import { LimitExceededError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import type { FramePool } from './bulk/frame-pool.ts'
import {
  FRAME_HEADER_BYTES,
  FRAME_MARKS,
  type FrameMark,
  FrameReader,
  type MarkedFrame,
} from './frame-reader.ts'
import { readLent } from './lent-bytes.ts'
import { FRAMES_AT_ONCE, roomToSend } from './sending-memory.ts'

export type { MarkedFrame } from './frame-reader.ts'

/** Unread bytes at which the other end is told to wait. */
const READ_AHEAD_BYTES_MAX = 4 * FRAME_BYTES_MAX
/** And at which it may go on: more than any part of a frame, or it would wait for us, and we for the frame's rest. */
const READ_AHEAD_BYTES_LOW = FRAME_HEADER_BYTES + FRAME_BYTES_MAX
/** The same where we asked for many bytes: a chunk may come while the one before is looked at. */
const BULK_AHEAD_BYTES_MAX = 8 * FRAME_BYTES_MAX

/** A frame as it travels. @throws LimitExceededError when it is longer than `FRAME_BYTES_MAX`. */
export function encodeFrame(mark: FrameMark, bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength > FRAME_BYTES_MAX) {
    throw new LimitExceededError({ what: 'A frame', limit: FRAME_BYTES_MAX, actual: bytes.byteLength })
  }
  return encodeFrames(mark, bytes)
}

/** As many frames as these bytes need, behind each other. */
function encodeFrames(mark: FrameMark, bytes: Uint8Array): Uint8Array {
  const count = Math.max(1, Math.ceil(bytes.byteLength / FRAME_BYTES_MAX))
  // A copy: what the muxer holds back must not change when the writer uses its buffer again.
  const frames = roomToSend(count * FRAME_HEADER_BYTES + bytes.byteLength)
  const view = new DataView(frames.buffer, frames.byteOffset)
  for (let index = 0, at = 0; index < count; index++) {
    const content = bytes.subarray(index * FRAME_BYTES_MAX, (index + 1) * FRAME_BYTES_MAX)
    view.setUint32(at, content.byteLength)
    view.setUint8(at + 4, FRAME_MARKS[mark])
    frames.set(content, at + FRAME_HEADER_BYTES)
    at += FRAME_HEADER_BYTES + content.byteLength
  }
  return frames
}

/** Thrown when the stream ended or was reset where a frame was expected. */
export class StreamEndedError extends Error {
  override name = 'StreamEndedError'
}

/**
 * Frames over a libp2p stream, which carries bytes without borders. Reads ahead a little and then pauses the
 * other end; writes no faster than the muxer takes it. Only frames say that a message is whole: a broken relayed
 * connection ends a stream as politely as a finished one.
 */
export class FrameStream {
  readonly stream: Stream
  readonly #reader = new FrameReader()
  readonly #ended = new AbortController()
  #receivedBytes = 0
  #writtenBytes = 0
  #midMessage = false
  #paused = false
  #failure: Error | undefined
  #wake: (() => void) | undefined
  #isWaking = false

  constructor(stream: Stream) {
    this.stream = stream
    readLent(stream, (bytes) => this.#came(bytes))
    stream.addEventListener('message', ({ data }) => {
      if (data instanceof Uint8Array) this.#came(data)
      else for (const bytes of data) this.#came(bytes)
      // The end may have been announced while the bytes before it were still with the protocol negotiation.
      if (this.#hasNoMore()) this.#end(undefined)
    })
    stream.addEventListener('end', () => this.#end(undefined))
    stream.addEventListener('close', (event) => {
      // What arrived before a polite close is still to be read, also when the stream was paused.
      if (event.error === undefined) this.#resume()
      this.#end(event.error ?? undefined)
    })
    if (this.#hasNoMore()) this.#end(undefined)
  }

  /** Aborts when nothing can arrive any more. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Bytes that came so far, headers included. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Bytes of this stream that lie in our memory: come and not read, or written and not sent. */
  get heldBytes(): number {
    return this.#reader.heldBytes + this.stream.readBufferLength + this.stream.writeBufferLength
  }

  /** Bytes that came or were written so far; as long as it stands still, nothing moves here. */
  get movedBytes(): number {
    return this.#receivedBytes + this.#writtenBytes
  }

  /** Whether somebody reads and the other end has begun something: a frame, or a message of several. */
  get isAwaited(): boolean {
    return this.#wake !== undefined && (this.#reader.unreadBytes > 0 || this.#midMessage)
  }

  /** Whether another message may begin here. */
  get isReusable(): boolean {
    return !this.ended.aborted && this.stream.status === 'open' && this.#reader.unreadBytes === 0
  }

  /** The next answer begins; with a pool its frames lie in memory of it, see `FrameReader.begin`. */
  begin(pool: FramePool | undefined): void {
    this.#reader.begin(pool)
  }

  /**
   * The next frame, or undefined when the stream ended between two frames.
   * @throws FrameFormatError, StreamEndedError, or the signal's reason.
   */
  async read(signal: AbortSignal): Promise<MarkedFrame | undefined> {
    for (;;) {
      signal.throwIfAborted()
      const frame = this.#take()
      if (frame !== undefined) return frame
      if (this.#failure !== undefined) throw new StreamEndedError('reset', { cause: this.#failure })
      if (this.ended.aborted) {
        if (this.#reader.unreadBytes === 0) return undefined
        throw new StreamEndedError('in the middle of a frame')
      }
      await this.#arrival(signal)
    }
  }

  /** Sends a frame; resolves when the next one may follow. */
  async write(mark: FrameMark, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#send(encodeFrame(mark, bytes), signal)
  }

  /** Sends a piece of any length in frames that others follow; `onMoved` is told as it goes. */
  async writePiece(piece: Uint8Array, signal: AbortSignal, onMoved: () => void): Promise<void> {
    for (let at = 0; at === 0 || at < piece.byteLength; at += FRAMES_AT_ONCE * FRAME_BYTES_MAX) {
      signal.throwIfAborted()
      onMoved()
      await this.#send(
        encodeFrames('more', piece.subarray(at, at + FRAMES_AT_ONCE * FRAME_BYTES_MAX)),
        signal,
      )
    }
  }

  /** Ends it at once at both ends; what was not sent yet is lost. */
  reset(reason: Error): void {
    this.stream.abort(reason)
  }

  /** Says that nothing more is sent; ends when the other end says so too, at the latest when `signal` aborts. */
  async close(signal: AbortSignal): Promise<void> {
    try {
      await this.stream.close({ signal })
    } catch (cause) {
      this.stream.abort(new StreamEndedError('not closed', { cause }))
    }
  }

  #take(): MarkedFrame | undefined {
    const frame = this.#reader.take()
    if (frame === undefined) return undefined
    if (this.#reader.unreadBytes <= READ_AHEAD_BYTES_LOW) this.#resume()
    this.#midMessage = frame.mark === 'more'
    return frame
  }

  async #send(frames: Uint8Array, signal: AbortSignal): Promise<void> {
    try {
      this.stream.send(frames)
    } catch (cause) {
      throw new StreamEndedError('closed to writing', { cause })
    }
    await drained(this.stream, signal)
    this.#writtenBytes += frames.byteLength
  }

  #came(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.byteLength
    this.#reader.push(bytes)
    const ahead = this.#reader.isLending ? BULK_AHEAD_BYTES_MAX : READ_AHEAD_BYTES_MAX
    if (this.#reader.unreadBytes >= ahead) this.#pause()
    if (!this.#reader.hasNews) return
    if (this.#reader.isLending) this.#wakeSoon()
    else this.#wake?.()
  }

  /** What comes in one turn of the loop is read at once. */
  #wakeSoon(): void {
    if (this.#wake === undefined || this.#isWaking) return
    this.#isWaking = true
    setImmediate(() => {
      this.#isWaking = false
      this.#wake?.()
    })
  }

  async #arrival(signal: AbortSignal): Promise<void> {
    let wake = () => {}
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#wake = wake
    signal.addEventListener('abort', wake, { once: true })
    await woken
    signal.removeEventListener('abort', wake)
    this.#wake = undefined
  }

  #hasNoMore(): boolean {
    return this.stream.remoteWriteStatus === 'closed' && this.stream.readBufferLength === 0
  }

  #pause(): void {
    // Bytes are only handed over while the stream is readable, so it can be paused.
    this.#paused = true
    this.stream.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    try {
      this.stream.resume()
    } catch {
      // Closed meanwhile: what it held back has been handed over or is lost, which the frames will tell.
    }
  }

  #end(failure: Error | undefined): void {
    this.#failure ??= failure
    this.#ended.abort()
    this.#wake?.()
  }
}

/**
 * Waits until a stream takes more. Its own `onDrain()` keeps a promise that has resolved once, so that from the
 * second time on nobody waits and the buffer grows without end (@libp2p/utils 7.4.1).
 */
export async function drained(stream: Stream, signal: AbortSignal): Promise<void> {
  while (stream.writableNeedsDrain && stream.writeStatus === 'writable') {
    signal.throwIfAborted()
    let wake = () => {}
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    stream.addEventListener('drain', wake)
    stream.addEventListener('close', wake)
    signal.addEventListener('abort', wake)
    await woken
    stream.removeEventListener('drain', wake)
    stream.removeEventListener('close', wake)
    signal.removeEventListener('abort', wake)
  }
  signal.throwIfAborted()
  if (stream.writeStatus !== 'writable') throw new StreamEndedError('closed to writing')
}
