import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { type YamuxMuxerInit, yamux } from '@libp2p/yamux'
import type { Uint8ArrayList } from 'uint8arraylist'
import { readLent } from '../lent-bytes.ts'
import { withHeadroom } from '../sending-memory.ts'
import { type OpenedMuxer, type OpenedStream, type YamuxHeader, YamuxReader } from './yamux-reader.ts'

/** The library's names for a stream that has to say something with its next update, or none at all. */
const STATES_WITH_A_WORD = [0, 2]
/** A sender is told of room again when so much of it is used up: not a word for every record. */
const USED_BYTES_MIN = 64 * 1024

interface QuickMuxer extends OpenedMuxer, StreamMuxer {
  streams: OpenedStream[]
  onData(bytes: Uint8Array | Uint8ArrayList): void
  send(bytes: Uint8Array): boolean
  _newStream(...words: unknown[]): OpenedStream
}

/**
 * Yamux of js-libp2p, the same on the wire, that reads by `YamuxReader` and tells of room less often. A
 * muxer that is not built as we know it stays as it is; `quick-yamux.test.ts` fails when an upgrade changes it.
 *
 * @param onReceived is told how many bytes came on a connection, before the streams get them.
 */
export function quickYamux(
  init: YamuxMuxerInit,
  onReceived: (bytes: number) => void = () => {},
): () => StreamMuxerFactory {
  const make = yamux(init)
  return () => {
    const factory = make()
    const create = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      // Registered before the muxer's own, so that it is told before the streams hold the bytes.
      connection.addEventListener('message', ({ data }) => onReceived(data.byteLength))
      const muxer = create(connection)
      if (isAsWeKnow(muxer)) quicken(muxer, connection, onReceived)
      return muxer
    }
    return factory
  }
}

function quicken(muxer: QuickMuxer, connection: MessageStream, onReceived: (bytes: number) => void): void {
  const reader = new YamuxReader(muxer)
  let isBroken = false
  muxer.onData = (bytes) => {
    for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) reader.read(part, false)
  }
  readLent(connection, (bytes) => {
    if (isBroken) return
    onReceived(bytes.byteLength)
    try {
      reader.read(bytes, true)
    } catch (error) {
      isBroken = true
      muxer.abort(error as Error)
      connection.abort(error as Error)
    }
  })
  const open = muxer._newStream.bind(muxer)
  muxer._newStream = (...words) => {
    const stream = open(...words)
    const update = stream.sendWindowUpdate.bind(stream)
    stream.sendWindowUpdate = () => {
      const used = stream.recvWindow - stream.recvWindowCapacity
      const isWorthIt = used >= USED_BYTES_MIN && !isBetweenHands(stream)
      if (isWorthIt || STATES_WITH_A_WORD.includes(stream.state)) update()
    }
    const listen = stream.addEventListener.bind(stream) as (...words: unknown[]) => void
    stream.addEventListener = (...words: unknown[]) => {
      listen(...words)
      if (words[0] === 'message') stream.sendWindowUpdate()
    }
    const sendFrame = stream.sendFrame
    stream.sendFrame = (header, body) => sendWhole(muxer, header, body) ?? sendFrame(header, body)
    return stream
  }
}

/** Agreed on and not yet read: until its handler is there no more may come than the window that was allowed. */
function isBetweenHands(stream: OpenedStream): boolean {
  return stream.direction === 'inbound' && stream.protocol !== '' && stream.listenerCount('message') === 0
}

/** Puts the header before the content where there is room, so that both leave in one piece. */
function sendWhole(muxer: QuickMuxer, header: YamuxHeader, body?: Uint8ArrayList): boolean | undefined {
  if (body === undefined) return undefined
  const [content] = body
  if (content?.byteLength !== body.byteLength) return undefined
  const whole = withHeadroom(content)
  if (whole === undefined) return undefined
  const view = new DataView(whole.buffer, whole.byteOffset)
  view.setUint16(0, header.type)
  view.setUint16(2, header.flag)
  view.setUint32(4, header.streamID)
  view.setUint32(8, header.length)
  return muxer.send(whole)
}

/** Whether a muxer has all that is reached into here. */
export function isAsWeKnow(muxer: unknown): muxer is QuickMuxer {
  const opened = muxer as Partial<QuickMuxer>
  return (
    Array.isArray(opened.streams) &&
    typeof opened.handleFrame === 'function' &&
    typeof opened.onData === 'function' &&
    typeof opened._newStream === 'function'
  )
}
