import { type MarkedFrame, StreamEndedError } from '../frame-stream.ts'
import {
  BulkFormatError,
  type BulkHeader,
  CREDIT_BYTES_MIN,
  costOf,
  REQUEST_WINDOW_BYTES,
} from './bulk-frame.ts'

/** The frames of one message that come in, as far as they are not read yet: never more than the window. */
export class IncomingMessage {
  readonly #frames: MarkedFrame[] = []
  readonly #allow: (bytes: number) => void
  #window = REQUEST_WINDOW_BYTES
  #unreported = 0
  #failure: Error | undefined
  #wake: (() => void) | undefined
  /** Whether its last frame came. */
  isWhole = false
  #heldBytes = 0
  #receivedBytes = 0
  #isForgotten = false

  /** @param allow tells the other end that so much more may come. */
  constructor(allow: (bytes: number) => void) {
    this.#allow = allow
  }

  /** Bytes that came and were not read, as the window counts them. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Bytes that came so far, as the window counts them. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Whether somebody reads and the other end has not sent what is read next. */
  get isAwaited(): boolean {
    return this.#wake !== undefined && this.#failure === undefined && this.#frames.length === 0
  }

  /** Before memory is taken for a frame. @throws BulkFormatError when more comes than was allowed. */
  expect({ mark, sizeBytes }: BulkHeader): void {
    if (this.isWhole) throw new BulkFormatError('a frame after the last')
    // The one that ends a message waits for no window.
    if (mark === 'end' || mark === 'error') return
    if (costOf(sizeBytes) > this.#window) throw new BulkFormatError('more than the window allows')
    this.#window -= costOf(sizeBytes)
  }

  push(frame: MarkedFrame): void {
    if (frame.mark !== 'more') this.isWhole = true
    if (this.#isForgotten) return
    const cost = costOf(frame.bytes.byteLength)
    this.#heldBytes += cost
    this.#receivedBytes += cost
    this.#frames.push(frame)
    this.#wake?.()
  }

  /** Nothing more will come; what came can still be read. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#wake?.()
  }

  /** Nothing more is read: what came and was not read goes. */
  forget(error: Error): void {
    this.#frames.length = 0
    this.#heldBytes = 0
    this.#isForgotten = true
    this.fail(error)
  }

  /** @throws the signal's reason, or why nothing comes any more. */
  async read(signal: AbortSignal): Promise<MarkedFrame> {
    for (;;) {
      signal.throwIfAborted()
      const frame = this.#frames.shift()
      if (frame !== undefined) {
        const cost = costOf(frame.bytes.byteLength)
        this.#heldBytes -= cost
        this.#read(cost)
        return frame
      }
      if (this.#failure !== undefined) throw this.#failure
      await wakened(signal, (wake) => {
        this.#wake = wake
      })
      this.#wake = undefined
    }
  }

  /** So much at a time: not one word for every frame. */
  #read(cost: number): void {
    this.#unreported += cost
    if (this.#unreported < CREDIT_BYTES_MIN || this.isWhole || this.#failure !== undefined) return
    this.#window += this.#unreported
    this.#allow(this.#unreported)
    this.#unreported = 0
  }
}

/** What the other end lets us send of one message. */
export class SendingWindow {
  readonly #sizeBytes: number
  #left: number
  #ended = false
  #wake: (() => void) | undefined

  /** @param sizeBytes what may be on its way before the other end has read. */
  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes
    this.#left = sizeBytes
  }

  /** @throws BulkFormatError when it allows more than was used, or next to nothing. */
  allow(bytes: number): void {
    if (bytes < CREDIT_BYTES_MIN) throw new BulkFormatError('a credit that is not worth its frame')
    if (this.#left + bytes > this.#sizeBytes) throw new BulkFormatError('a window larger than it may be')
    this.#left += bytes
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** Takes the room for a frame of this length, if it is there at once. */
  tryTake(sizeBytes: number): boolean {
    if (this.#ended || this.#left < costOf(sizeBytes)) return false
    this.#left -= costOf(sizeBytes)
    return true
  }

  /** Room that was taken and is not used. */
  putBack(sizeBytes: number): void {
    this.#left += sizeBytes
  }

  /** Waits until a frame of this length may go. @throws StreamEndedError, or the signal's reason. */
  async take(sizeBytes: number, signal: AbortSignal): Promise<void> {
    while (!this.#ended && this.#left < costOf(sizeBytes)) {
      signal.throwIfAborted()
      await wakened(signal, (wake) => {
        this.#wake = wake
      })
      this.#wake = undefined
    }
    signal.throwIfAborted()
    if (this.#ended) throw new StreamEndedError('closed to writing')
    this.#left -= costOf(sizeBytes)
  }
}

/** Waits for whoever calls `wake`, or the signal. */
export async function wakened(signal: AbortSignal, listen: (wake: () => void) => void): Promise<void> {
  let wake = () => {}
  const woken = new Promise<void>((resolve) => {
    wake = resolve
  })
  listen(wake)
  signal.addEventListener('abort', wake, { once: true })
  await woken
  signal.removeEventListener('abort', wake)
}
