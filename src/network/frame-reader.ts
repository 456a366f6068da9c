import { FRAME_BYTES_MAX } from '../core/limits.ts'
import type { FramePool } from './bulk/frame-pool.ts'

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
/** So much of a frame has to be there before memory is taken for all of it: a length alone is only a word. */
const PART_WORTH_THE_WHOLE = 1 / 4
/** Pieces told apart before they are read. Each costs more than the few bytes that a short frame takes. */
const PIECES_MAX = 64

const MARK_OF = Object.keys(FRAME_MARKS) as FrameMark[]

/** Thrown when the other end sent bytes that are no frame. */
export class FrameFormatError extends Error {
  override name = 'FrameFormatError'
}

/** Memory for several frames that follow each other. */
interface Room {
  bytes: Uint8Array
  filled: number
  /** The next frames go here, and pieces that are not read yet, or being read, lie here. */
  users: number
}

/** A frame that has begun to come. */
interface Coming {
  mark: FrameMark
  sizeBytes: number
  have: number
  /** Where it goes: all of it in a room, else as much as there is reason to take memory for. */
  bytes: Uint8Array
  room: Room | undefined
}

/** What is read at once: one frame, or several that came while nobody read. */
interface Piece extends MarkedFrame {
  /** The bytes of it that came, headers included. */
  cost: number
  room: Room | undefined
}

/** Puts frames together from bytes without borders, and copies what it is given. */
export class FrameReader {
  readonly #head = new DataView(new ArrayBuffer(FRAME_HEADER_BYTES))
  readonly #pieces: Piece[] = []
  /** What came behind the last piece that there was room for. */
  readonly #rest: Uint8Array[] = []
  #headHave = 0
  #coming: Coming | undefined
  #lie: FrameFormatError | undefined
  #unreadBytes = 0
  #pool: FramePool | undefined
  #frames = 0
  #open: Room | undefined
  #lent: Room | undefined

  /** Bytes that came and were not taken, headers included. */
  get unreadBytes(): number {
    return this.#unreadBytes
  }

  /** Memory that it holds for others: what was not taken, and what stands ready for a frame that has begun. */
  get heldBytes(): number {
    const coming = this.#coming
    return this.#unreadBytes + (coming === undefined ? 0 : coming.bytes.byteLength - coming.have)
  }

  /** Whether `take` has something to say. */
  get hasNews(): boolean {
    return this.#pieces.length > 0 || this.#lie !== undefined
  }

  /** Whether frames come into memory that is used again. */
  get isLending(): boolean {
    return this.#pool !== undefined && this.#frames > 0
  }

  /**
   * Another message begins. With a pool its frames after the first lie in memory that is used again, several behind
   * each other where nobody reads meanwhile, and each piece is good only until the next is asked for.
   */
  begin(pool: FramePool | undefined): void {
    this.#pool = pool
    this.#frames = 0
    this.#close()
    // Whoever got the last frame of the message before may keep it.
    this.#lent = undefined
  }

  /** What came. A lie is seen as soon as the header is there; nothing after it is looked at. */
  push(bytes: Uint8Array): void {
    this.#unreadBytes += bytes.byteLength
    const at = this.#rest.length > 0 ? 0 : this.#read(bytes)
    if (at < bytes.byteLength) this.#rest.push(new Uint8Array(bytes.subarray(at)))
  }

  /** The next frames, or undefined when none is whole. @throws FrameFormatError */
  take(): MarkedFrame | undefined {
    this.#release(this.#lent)
    this.#lent = undefined
    const piece = this.#pieces.shift()
    if (piece === undefined) {
      if (this.#lie !== undefined) throw this.#lie
      return undefined
    }
    this.#unreadBytes -= piece.cost
    this.#readOn()
    this.#lent = piece.room
    return { mark: piece.mark, bytes: piece.bytes }
  }

  /** Up to where it was read: to the end, unless as many pieces wait as may. */
  #read(bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.byteLength && this.#pieces.length < PIECES_MAX && this.#lie === undefined) {
      if (this.#coming === undefined) at = this.#readHead(bytes, at)
      else at = this.#fill(this.#coming, bytes, at)
      if (this.#coming !== undefined && this.#coming.have === this.#coming.sizeBytes)
        this.#whole(this.#coming)
    }
    return at
  }

  #readOn(): void {
    for (let bytes = this.#rest[0]; bytes !== undefined; bytes = this.#rest[0]) {
      const at = this.#read(bytes)
      if (at < bytes.byteLength) {
        this.#rest[0] = bytes.subarray(at)
        return
      }
      this.#rest.shift()
    }
  }

  #readHead(bytes: Uint8Array, from: number): number {
    let at = from
    while (at < bytes.byteLength && this.#headHave < FRAME_HEADER_BYTES) {
      this.#head.setUint8(this.#headHave++, bytes[at++] as number)
    }
    if (this.#headHave < FRAME_HEADER_BYTES) return at
    this.#headHave = 0
    const sizeBytes = this.#head.getUint32(0)
    const code = this.#head.getUint8(4)
    const mark = MARK_OF[code]
    if (sizeBytes > FRAME_BYTES_MAX) this.#lie = new FrameFormatError(`a frame of ${sizeBytes} bytes`)
    else if (mark === undefined) this.#lie = new FrameFormatError(`the mark ${code}`)
    else if (mark === 'end' && sizeBytes > 0) this.#lie = new FrameFormatError('an end with content')
    else this.#coming = this.#begun(mark, sizeBytes)
    return at
  }

  #begun(mark: FrameMark, sizeBytes: number): Coming {
    const isData = mark === 'more' || mark === 'last'
    if (this.#pool === undefined || this.#frames === 0 || !isData) {
      return { mark, sizeBytes, have: 0, bytes: NOTHING, room: undefined }
    }
    const room = this.#roomFor(this.#pool, sizeBytes)
    const bytes = viewOf(room, room.filled, sizeBytes)
    return { mark, sizeBytes, have: 0, bytes, room }
  }

  #fill(coming: Coming, bytes: Uint8Array, from: number): number {
    const count = Math.min(coming.sizeBytes - coming.have, bytes.byteLength - from)
    const have = coming.have + count
    if (have > coming.bytes.byteLength) coming.bytes = grown(coming, have)
    coming.bytes.set(count === bytes.byteLength ? bytes : bytes.subarray(from, from + count), coming.have)
    coming.have = have
    return from + count
  }

  #whole({ mark, bytes, room, sizeBytes }: Coming): void {
    this.#coming = undefined
    this.#frames++
    const cost = FRAME_HEADER_BYTES + sizeBytes
    const last = this.#pieces.at(-1)
    if (room === undefined) this.#pieces.push({ mark, bytes, cost, room })
    else if (last?.mark === 'more' && last.room === room) {
      last.bytes = viewOf(room, room.filled - last.bytes.byteLength, last.bytes.byteLength + sizeBytes)
      last.mark = mark
      last.cost += cost
      room.filled += sizeBytes
    } else {
      room.users++
      room.filled += sizeBytes
      this.#pieces.push({ mark, bytes, cost, room })
    }
    if (mark !== 'more') this.#close()
  }

  #roomFor(pool: FramePool, sizeBytes: number): Room {
    const open = this.#open
    if (open !== undefined && open.filled + sizeBytes <= open.bytes.byteLength) return open
    this.#close()
    this.#open = { bytes: pool.take(), filled: 0, users: 1 }
    return this.#open
  }

  #close(): void {
    this.#release(this.#open)
    this.#open = undefined
  }

  #release(room: Room | undefined): void {
    if (room === undefined) return
    room.users--
    if (room.users === 0) this.#pool?.giveBack(room.bytes)
  }
}

const NOTHING = new Uint8Array(0)

function viewOf({ bytes }: Room, from: number, sizeBytes: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, sizeBytes)
}

/** Room for the whole frame once enough of it is there, before that for a part. */
function grown({ sizeBytes, bytes }: Coming, have: number): Uint8Array {
  const part = Math.ceil(sizeBytes * PART_WORTH_THE_WHOLE)
  const larger = new Uint8Array(Buffer.allocUnsafeSlow(have > part ? sizeBytes : part).buffer)
  larger.set(bytes)
  return larger
}
