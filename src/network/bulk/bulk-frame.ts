/** The name of the protocol, in ALPN and in libp2p's list of what a peer speaks. */
export const BULK_PROTOCOL = '/kizuna/bulk/2.0.0'

/**
 * What a frame is. `more`, `last`, `error` and `end` as on a stream (`frame-stream.ts`); `open` begins a request and
 * names its protocol; `cancel` says that nobody waits for the answer; `credit` allows that many more bytes;
 * `ready` is the first word of who answers: the asker was let in.
 */
export const BULK_MARKS = {
  more: 0,
  last: 1,
  error: 2,
  end: 3,
  open: 4,
  cancel: 5,
  credit: 6,
  ready: 7,
} as const
export type BulkMark = keyof typeof BULK_MARKS

/** Length of the content (4 bytes), number of the request (4 bytes), mark (1 byte). */
export const BULK_HEADER_BYTES = 9
/** Longest content of a frame of a message. No relay cuts a direct connection, so it may be longer than on a stream. */
export const BULK_FRAME_BYTES_MAX = 1024 * 1024
/** What may be on the way of one request before the answerer has read: strangers fill its memory. */
export const REQUEST_WINDOW_BYTES = 512 * 1024
/** What may be on the way of one answer: a whole chunk, so that none waits for a word of the asker, who wants it. */
export const ANSWER_WINDOW_BYTES = 2 * 1024 * 1024
/** A credit is at least so much: nobody is kept busy with words. */
export const CREDIT_BYTES_MIN = REQUEST_WINDOW_BYTES / 2
/** A frame takes at least so much of the window, so that empty ones cannot fill the memory. */
export const FRAME_COST_MIN = 256
/** Longest name of a protocol. */
const PROTOCOL_BYTES_MAX = 128
/** Content of a `credit`. */
const CREDIT_BYTES = 4

const MARK_OF = Object.keys(BULK_MARKS) as BulkMark[]
/** Longest content of each kind of frame, checked before any memory is taken for it. */
const CONTENT_BYTES_MAX: Readonly<Record<BulkMark, number>> = {
  more: BULK_FRAME_BYTES_MAX,
  last: BULK_FRAME_BYTES_MAX,
  error: 8 * 1024,
  end: 0,
  open: PROTOCOL_BYTES_MAX,
  cancel: 0,
  credit: CREDIT_BYTES,
  ready: 0,
}

/** What stands before the content of a frame. */
export interface BulkHeader {
  id: number
  mark: BulkMark
  sizeBytes: number
}

/** Thrown when the other end sent bytes that are no frame, or more than it may. */
export class BulkFormatError extends Error {
  override name = 'BulkFormatError'
}

/** A header as it travels. */
export function encodeBulkHeader({ id, mark, sizeBytes }: BulkHeader): Buffer {
  const header = Buffer.alloc(BULK_HEADER_BYTES)
  header.writeUInt32BE(sizeBytes, 0)
  header.writeUInt32BE(id, 4)
  header[8] = BULK_MARKS[mark]
  return header
}

/** @throws BulkFormatError */
export function decodeBulkHeader(bytes: Buffer): BulkHeader {
  const sizeBytes = bytes.readUInt32BE(0)
  const mark = MARK_OF[bytes[8] ?? -1]
  if (mark === undefined) throw new BulkFormatError(`the mark ${bytes[8]}`)
  if (sizeBytes > CONTENT_BYTES_MAX[mark])
    throw new BulkFormatError(`${sizeBytes} bytes in a frame “${mark}”`)
  if (mark === 'credit' && sizeBytes !== CREDIT_BYTES)
    throw new BulkFormatError(`a credit of ${sizeBytes} bytes`)
  return { id: bytes.readUInt32BE(4), mark, sizeBytes }
}

/** What a frame takes of the window. */
export function costOf(sizeBytes: number): number {
  return Math.max(sizeBytes, FRAME_COST_MIN)
}

/** Who takes the frames. */
export interface FrameTaker {
  /** Where the content is to be put; the place for all of it. Throws when it may not come. */
  begin(header: BulkHeader): Uint8Array
  whole(header: BulkHeader, bytes: Uint8Array): void
}

/**
 * Puts frames together where they belong: the source asks where the next bytes go (`room`) and says how many it has
 * put there (`filled`). No byte is copied in JavaScript when the source is a TLS session.
 */
export class BulkFrameReader {
  readonly #taker: FrameTaker
  readonly #headerBytes = Buffer.alloc(BULK_HEADER_BYTES)
  #header: BulkHeader | undefined
  #target: Uint8Array = this.#headerBytes
  #have = 0

  constructor(taker: FrameTaker) {
    this.#taker = taker
  }

  /** Whether a frame has begun and is not whole: an end here cuts it off. */
  get isMidFrame(): boolean {
    return this.#header !== undefined || this.#have > 0
  }

  /** Where the next bytes go; never empty. */
  room(): Uint8Array {
    return this.#have === 0 ? this.#target : this.#target.subarray(this.#have)
  }

  /** @throws BulkFormatError, and what the taker throws. */
  filled(count: number): void {
    this.#have += count
    if (this.#have < this.#target.byteLength) return
    if (this.#header === undefined) {
      const header = decodeBulkHeader(this.#headerBytes)
      const target = this.#taker.begin(header)
      if (header.sizeBytes === 0) this.#next(header, target)
      else {
        this.#header = header
        this.#target = target
        this.#have = 0
      }
    } else this.#next(this.#header, this.#target)
  }

  /** The same for bytes that lie elsewhere already. @throws as `filled`. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; ) {
      const room = this.room()
      const count = Math.min(room.byteLength, bytes.byteLength - at)
      room.set(bytes.subarray(at, at + count))
      at += count
      this.filled(count)
    }
  }

  #next(header: BulkHeader, bytes: Uint8Array): void {
    this.#header = undefined
    this.#target = this.#headerBytes
    this.#have = 0
    this.#taker.whole(header, bytes)
  }
}
