import type { MarkedFrame } from '../frame-stream.ts'
import type { CallOptions } from '../network.ts'
import { ANSWER_WINDOW_BYTES, BulkFormatError, type BulkHeader, type BulkMark, costOf } from './bulk-frame.ts'
import { wakened } from './bulk-message.ts'
import { type FramePool, POOLED_BYTES } from './frame-pool.ts'

const NOTHING = new Uint8Array(0)

/** So much is given back at a time: not one word for every frame, and often enough for who reads slowly. */
const CREDIT_STEP_BYTES = ANSWER_WINDOW_BYTES / 4

/** Memory for several frames that follow each other. */
interface Room {
  bytes: Uint8Array
  filled: number
  /** The next frames go here, and pieces that are not read yet, or being read, lie here. */
  users: number
}

/** What the reader gets at once: one frame, or several that came while it was busy. */
interface Piece {
  mark: BulkMark
  room: Room | undefined
  start: number
  end: number
  /** What it takes of the window. */
  cost: number
  /** Bytes of a frame that lies in no room. */
  own: Uint8Array | undefined
}

/**
 * The answer to a request of ours, as far as it is not read yet: never more than the window. Frames after the first
 * are put behind each other while the reader is busy, so that a fast transfer costs it one turn and not one for each;
 * each piece is good only until the next is read.
 */
export class IncomingAnswer {
  readonly #pool: FramePool
  readonly #allow: (bytes: number) => void
  readonly #pieces: Piece[] = []
  #open: Room | undefined
  #lent: Room | undefined
  #frames = 0
  #window = ANSWER_WINDOW_BYTES
  #unreported = 0
  #failure: Error | undefined
  #wake: (() => void) | undefined
  #isWaking = false
  #place: CallOptions['place']
  /** The frame that began last, when it lies in no room: it was placed, or is longer than one. */
  #alone: Uint8Array | undefined
  #first: Uint8Array = NOTHING
  /** Whether its last frame came. */
  isWhole = false

  /** @param allow tells the other end that so much more may come; `place` is the reader's (`CallOptions`). */
  constructor(pool: FramePool, allow: (bytes: number) => void, place?: CallOptions['place']) {
    this.#pool = pool
    this.#allow = allow
    this.#place = place
  }

  /**
   * Where the content of a frame goes that begins to come.
   * @throws BulkFormatError when more comes than was allowed; then no memory was taken.
   */
  begin({ mark, sizeBytes }: BulkHeader): Uint8Array {
    if (this.isWhole) throw new BulkFormatError('a frame after the last')
    // The one that ends a message waits for no window.
    if (mark === 'end' || mark === 'error') return new Uint8Array(sizeBytes)
    if (costOf(sizeBytes) > this.#window) throw new BulkFormatError('more than the window allows')
    this.#window -= costOf(sizeBytes)
    // The first one says what it is that comes.
    if (this.#frames === 0) return new Uint8Array(sizeBytes)
    const placed = this.#place?.(sizeBytes, this.#first)
    // What follows would lie before what came first.
    if (placed === undefined) this.#place = undefined
    if (placed !== undefined || sizeBytes > POOLED_BYTES) {
      this.#alone = placed ?? Buffer.allocUnsafeSlow(sizeBytes)
      return this.#alone
    }
    const room = this.#roomFor(sizeBytes)
    return room.bytes.subarray(room.filled, room.filled + sizeBytes)
  }

  /** The frame that began last is whole. */
  whole(mark: BulkMark, bytes: Uint8Array): void {
    const sizeBytes = bytes.byteLength
    const isFirst = this.#frames++ === 0
    if (isFirst) this.#first = bytes
    if (mark !== 'more') this.isWhole = true
    const endsOnly = mark === 'end' || mark === 'error'
    if (isFirst || endsOnly || bytes === this.#alone) {
      const cost = endsOnly ? 0 : costOf(sizeBytes)
      this.#pieces.push({ mark, room: undefined, start: 0, end: sizeBytes, cost, own: bytes })
    } else this.#append(mark, sizeBytes)
    if (this.isWhole) this.#close()
    this.#wakeSoon()
  }

  /** Nobody reads it any more: what still comes is put elsewhere. */
  giveUp(): void {
    this.#place = undefined
  }

  /** Nothing more will come; what came can still be read. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#wake?.()
  }

  /** @throws the signal's reason, or why nothing comes any more. */
  async read(signal: AbortSignal): Promise<MarkedFrame> {
    this.#release(this.#lent)
    this.#lent = undefined
    for (;;) {
      signal.throwIfAborted()
      const piece = this.#pieces.shift()
      if (piece !== undefined) {
        this.#lent = piece.room
        this.#report(piece.cost)
        const bytes = piece.own ?? (piece.room as Room).bytes.subarray(piece.start, piece.end)
        return { mark: piece.mark, bytes } as MarkedFrame
      }
      if (this.#failure !== undefined) throw this.#failure
      await wakened(signal, (wake) => {
        this.#wake = wake
      })
      this.#wake = undefined
    }
  }

  #roomFor(sizeBytes: number): Room {
    const open = this.#open
    if (open !== undefined && open.filled + sizeBytes <= open.bytes.byteLength) return open
    this.#close()
    this.#open = { bytes: this.#pool.take(), filled: 0, users: 1 }
    return this.#open
  }

  #append(mark: BulkMark, sizeBytes: number): void {
    const room = this.#open as Room
    const start = room.filled
    room.filled += sizeBytes
    const last = this.#pieces.at(-1)
    if (last?.mark === 'more' && last.room === room && last.end === start) {
      last.mark = mark
      last.end = room.filled
      last.cost += costOf(sizeBytes)
      return
    }
    room.users++
    this.#pieces.push({ mark, room, start, end: room.filled, cost: costOf(sizeBytes), own: undefined })
  }

  #close(): void {
    this.#release(this.#open)
    this.#open = undefined
  }

  #release(room: Room | undefined): void {
    if (room === undefined) return
    room.users--
    if (room.users === 0) this.#pool.giveBack(room.bytes)
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

  /** So much at a time: not one word for every frame. */
  #report(cost: number): void {
    this.#unreported += cost
    if (this.#unreported < CREDIT_STEP_BYTES || this.isWhole || this.#failure !== undefined) return
    this.#window += this.#unreported
    this.#allow(this.#unreported)
    this.#unreported = 0
  }
}
