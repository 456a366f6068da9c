import type { Stream } from '@libp2p/interface'
import { GoAwayCode } from '@libp2p/yamux'
import { Uint8ArrayList } from 'uint8arraylist'
import { lentReaderOf } from '../lent-bytes.ts'
import { FIRST_WINDOW_BYTES } from '../receive-window.ts'

/** Version (1 byte), type (1), flags (2), stream (4), length (4). */
const HEADER_BYTES = 12
const DATA = 0
/** The flags with which a stream begins and ends. */
const SYN = 1
const FIN = 4
const RST = 8

/** What stands before a frame of Yamux, with the names of the library. */
export interface YamuxHeader {
  type: number
  flag: number
  streamID: number
  length: number
}

/** The parts of the library's stream that we reach into; its types call some of them private. */
export interface OpenedStream extends Stream {
  streamId: number
  state: number
  recvWindow: number
  recvWindowCapacity: number
  onData(bytes: Uint8Array): void
  handleData(frame: { header: YamuxHeader; data: Uint8ArrayList }): void
  sendWindowUpdate(): void
  listenerCount(type: 'message'): number
  sendFrame(header: YamuxHeader, body?: Uint8ArrayList): boolean
}

/** And of its muxer. */
export interface OpenedMuxer {
  streams: OpenedStream[]
  handleFrame(frame: { header: YamuxHeader; data?: Uint8ArrayList }): void
}

/** Thrown when the other end sent what is no frame of Yamux; the connection is given up with this reason. */
class YamuxFormatError extends Error {
  override name = 'YamuxFormatError'
  readonly reason = GoAwayCode.ProtocolError
}

/**
 * Reads what comes on a connection and gives it to its streams. The library's own reader keeps all of a frame together
 * before it looks at it, in the memory that it came in; this one hands each part on as it comes, so that the part's
 * memory can be used again, and looks at the length of a frame before any of it is taken.
 */
export class YamuxReader {
  readonly #muxer: OpenedMuxer
  readonly #head = new DataView(new ArrayBuffer(HEADER_BYTES))
  #headHave = 0
  #header: YamuxHeader | undefined
  #left = 0
  /** Whose bytes are coming; undefined when they are for nobody, or kept together. */
  #stream: OpenedStream | undefined
  /** The content of a frame that begins or ends a stream: the library reads it whole. */
  #kept: Uint8ArrayList | undefined

  constructor(muxer: OpenedMuxer) {
    this.#muxer = muxer
  }

  /**
   * @param isLent whether the memory is used again afterwards.
   * @throws YamuxFormatError, or what the library finds wrong.
   */
  read(bytes: Uint8Array, isLent: boolean): void {
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#header === undefined) at = this.#readHead(bytes, at)
      else {
        const end = Math.min(at + this.#left, bytes.byteLength)
        this.#left -= end - at
        this.#readPart(at === 0 && end === bytes.byteLength ? bytes : bytes.subarray(at, end), isLent)
        at = end
      }
      if (this.#header !== undefined && this.#left === 0) this.#whole(this.#header)
    }
  }

  #readHead(bytes: Uint8Array, from: number): number {
    let at = from
    while (at < bytes.byteLength && this.#headHave < HEADER_BYTES) {
      this.#head.setUint8(this.#headHave++, bytes[at++] as number)
    }
    if (this.#headHave < HEADER_BYTES) return at
    this.#headHave = 0
    if (this.#head.getUint8(0) !== 0) throw new YamuxFormatError('a frame of another version')
    const header: YamuxHeader = {
      type: this.#head.getUint8(1),
      flag: this.#head.getUint16(2),
      streamID: this.#head.getUint32(4),
      length: this.#head.getUint32(8),
    }
    // Only data has a content; the length of others means something else.
    if (header.type === DATA && header.streamID !== 0) this.#begin(header)
    else this.#muxer.handleFrame({ header })
    return at
  }

  #begin(header: YamuxHeader): void {
    const stream = this.#muxer.streams.find(({ streamId }) => streamId === header.streamID)
    const window = stream?.recvWindowCapacity ?? FIRST_WINDOW_BYTES
    if ((stream !== undefined || (header.flag & SYN) !== 0) && header.length > window) {
      throw new YamuxFormatError('more than the window allows')
    }
    this.#header = header
    this.#left = header.length
    if ((header.flag & (SYN | FIN | RST)) !== 0) {
      this.#kept = new Uint8ArrayList()
      return
    }
    this.#stream = stream
    if (header.flag !== 0)
      stream?.handleData({ header: { ...header, length: 0 }, data: new Uint8ArrayList() })
  }

  #readPart(part: Uint8Array, isLent: boolean): void {
    const stream = this.#stream
    if (this.#kept !== undefined) this.#kept.append(isLent ? new Uint8Array(part) : part)
    // What is for nobody, or for a stream that was ended meanwhile, is read over.
    if (stream === undefined || stream.status !== 'open') return
    stream.recvWindowCapacity -= part.byteLength
    const reader = lentReaderOf(stream)
    const isInTurn = stream.readStatus === 'readable' && stream.readBufferLength === 0
    if (reader !== undefined && isInTurn) reader(part)
    else stream.onData(isLent ? new Uint8Array(part) : part)
    stream.sendWindowUpdate()
  }

  #whole(header: YamuxHeader): void {
    const data = this.#kept
    this.#header = undefined
    this.#stream = undefined
    this.#kept = undefined
    if (data !== undefined) this.#muxer.handleFrame({ header, data })
  }
}
