import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { LimitExceededError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'

/**
 * How a frame stands in its message. `more`: a frame, others follow. `last`: a frame, the last one. `error`: a
 * serialised error ends the message. `end`: the message ends without another frame; the frame is empty.
 */
export const FRAME_MARKS = { more: 0, last: 1, error: 2, end: 3 } as const
export type FrameMark = keyof typeof FRAME_MARKS

/** A frame with its place in the message. */
export interface MarkedFrame {
  mark: FrameMark
  bytes: Uint8Array
}

/** Length (4 bytes, big-endian, without this header) and mark (1 byte). */
export const FRAME_HEADER_BYTES = 5
/** Unread bytes at which the other end is told to wait. */
const READ_AHEAD_BYTES_MAX = 4 * FRAME_BYTES_MAX
/** And at which it may go on: more than any part of a frame, or it would wait for us, and we for the frame's rest. */
const READ_AHEAD_BYTES_LOW = FRAME_HEADER_BYTES + FRAME_BYTES_MAX

const MARK_OF = Object.keys(FRAME_MARKS) as FrameMark[]

/** A frame as it travels. @throws LimitExceededError when it is longer than `FRAME_BYTES_MAX`. */
export function encodeFrame(mark: FrameMark, bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength > FRAME_BYTES_MAX) {
    throw new LimitExceededError({ what: 'A frame', limit: FRAME_BYTES_MAX, actual: bytes.byteLength })
  }
  // A copy: what the muxer holds back must not change when the writer uses its buffer again.
  const frame = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + bytes.byteLength)
  frame.writeUInt32BE(bytes.byteLength)
  frame[4] = FRAME_MARKS[mark]
  frame.set(bytes, FRAME_HEADER_BYTES)
  return frame
}

/**
 * Takes the first frame off the bytes that came; undefined while it is not whole. A lie is seen as soon as the header
 * is there.
 * @throws FrameFormatError
 */
export function takeFrame(unread: Uint8ArrayList): MarkedFrame | undefined {
  if (unread.byteLength < FRAME_HEADER_BYTES) return undefined
  const sizeBytes = unread.getUint32(0)
  const code = unread.getUint8(4)
  const mark = MARK_OF[code]
  if (sizeBytes > FRAME_BYTES_MAX) throw new FrameFormatError(`a frame of ${sizeBytes} bytes`)
  if (mark === undefined) throw new FrameFormatError(`the mark ${code}`)
  if (mark === 'end' && sizeBytes > 0) throw new FrameFormatError('an end with content')
  if (unread.byteLength < FRAME_HEADER_BYTES + sizeBytes) return undefined
  const bytes = unread.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + sizeBytes)
  unread.consume(FRAME_HEADER_BYTES + sizeBytes)
  return { mark, bytes }
}

/** Thrown when the other end sent bytes that are no frame. */
export class FrameFormatError extends Error {
  override name = 'FrameFormatError'
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
  readonly #unread = new Uint8ArrayList()
  readonly #ended = new AbortController()
  #receivedBytes = 0
  #writtenBytes = 0
  #midMessage = false
  #paused = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('message', (event) => {
      this.#unread.append(event.data)
      this.#receivedBytes += event.data.byteLength
      if (this.#unread.byteLength >= READ_AHEAD_BYTES_MAX) this.#pause()
      // The end may have been announced while the bytes before it were still with the protocol negotiation.
      if (this.#hasNoMore()) this.#end(undefined)
      this.#wake?.()
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
    return this.#unread.byteLength + this.stream.readBufferLength + this.stream.writeBufferLength
  }

  /** Bytes that came or were written so far; as long as it stands still, nothing moves here. */
  get movedBytes(): number {
    return this.#receivedBytes + this.#writtenBytes
  }

  /** Whether somebody reads and the other end has begun something: a frame, or a message of several. */
  get isAwaited(): boolean {
    return this.#wake !== undefined && (this.#unread.byteLength > 0 || this.#midMessage)
  }

  /** Whether another message may begin here. */
  get isReusable(): boolean {
    return !this.ended.aborted && this.stream.status === 'open' && this.#unread.byteLength === 0
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
        if (this.#unread.byteLength === 0) return undefined
        throw new StreamEndedError('in the middle of a frame')
      }
      await this.#arrival(signal)
    }
  }

  /** Sends a frame; resolves when the next one may follow. */
  async write(mark: FrameMark, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const frame = encodeFrame(mark, bytes)
    try {
      this.stream.send(frame)
    } catch (cause) {
      throw new StreamEndedError('closed to writing', { cause })
    }
    await drained(this.stream, signal)
    this.#writtenBytes += frame.byteLength
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
    const frame = takeFrame(this.#unread)
    if (frame === undefined) return undefined
    if (this.#unread.byteLength <= READ_AHEAD_BYTES_LOW) this.#resume()
    this.#midMessage = frame.mark === 'more'
    return frame
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
