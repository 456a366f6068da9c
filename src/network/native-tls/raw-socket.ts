import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { MessageStream } from '@libp2p/interface'
import type { AbstractMultiaddrConnection } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { lentReaderOf } from '../lent-bytes.ts'
import { isAwaited, sent } from '../sending-memory.ts'

/**
 * The parts of libp2p's TCP connection that we reach into, which its types call private. `rawSocketOf` looks at
 * each of them before anything is touched, and `raw-socket.test.ts` fails when an upgrade changes one.
 */
type Opened = Omit<AbstractMultiaddrConnection, 'readBuffer'> & { socket: Socket; readBuffer: Uint8ArrayList }

const METHODS = [
  'abort',
  'onData',
  'onTransportClosed',
  'safeDispatchEvent',
  'sendData',
  'sendClose',
  'sendReset',
]

/** Of TLS; no more comes at once. */
const RECORD_BYTES_MAX = 16 * 1024

/** A TCP connection of libp2p whose socket can be taken out. */
export class RawSocket {
  readonly socket: Socket
  readonly #connection: Opened

  constructor(connection: Opened) {
    this.#connection = connection
    this.socket = connection.socket
  }

  /** From now on the connection hears nothing; what it had read too much goes back into the socket. */
  takeOut(): void {
    const { socket } = this
    // Never `resetAndDestroy` once TLS lies on it: Node 24.21 crashes when the handle below a TLS session is reset.
    this.#connection.sendReset = () => socket.destroy()
    socket.pause()
    for (const event of ['data', 'drain', 'end']) socket.removeAllListeners(event)
    const rest = this.#connection.readBuffer
    if (rest.byteLength === 0) return
    socket.unshift(Buffer.from(rest.subarray()))
    rest.consume(rest.byteLength)
  }

  /** From now on the connection speaks through `secured`: its sending, pausing and closing are those of TLS. */
  replaceWith(secured: TLSSocket): void {
    const connection = this.#connection
    connection.socket = secured
    const came = (bytes: Uint8Array, isLent: boolean) => {
      const reader = lentReaderOf(connection)
      const isInTurn = connection.readStatus === 'readable' && connection.readBuffer.byteLength === 0
      if (reader !== undefined && isInTurn) reader(bytes)
      else connection.onData(isLent ? new Uint8Array(bytes) : bytes)
    }
    if (!landAll(secured, (bytes) => came(bytes, true))) secured.on('data', (bytes) => came(bytes, false))
    connection.sendData = (list) => send(secured, list)
    secured.on('drain', () => connection.safeDispatchEvent('drain'))
    const fail = (error: Error) => connection.abort(error)
    secured.on('error', fail)
    // All that a server's socket says of a bad record; without it the connection would stay open for ever.
    secured.on('_tlsError', fail)
    secured.once('close', () => connection.onTransportClosed())
    connection.sendReset = () => secured.destroy()
  }
}

/**
 * Where all sessions' bytes are decrypted to, one record after the other: each is looked at before the next comes.
 * Otherwise Node takes fresh memory for every record, which costs more than the decryption.
 */
const landing = Buffer.allocUnsafeSlow(RECORD_BYTES_MAX)

/**
 * What Node's `onread` does, which it grants only to sessions that are TLS from their first byte. False when Node is not
 * built as we know it; then nothing was changed.
 */
function landAll(socket: TLSSocket, filled: (bytes: Uint8Array) => void): boolean {
  const inner = socket as unknown as Record<symbol, unknown> & {
    _handle?: { useUserBuffer?: (buffer: Uint8Array) => void }
  }
  const symbolOf = (name: string) => {
    return Object.getOwnPropertySymbols(socket).find(({ description }) => description === name)
  }
  const [buffer, callback, next] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map(symbolOf)
  if (buffer === undefined || callback === undefined || next === undefined) return false
  if (typeof inner._handle?.useUserBuffer !== 'function' || inner[buffer] !== null) return false
  // Decrypted before anybody was there to hear it.
  for (let early = socket.read(); early !== null; early = socket.read()) filled(early)
  inner[callback] = (count: number) => filled(landing.subarray(0, count))
  inner[buffer] = landing
  inner._handle.useUserBuffer(landing)
  socket.resume()
  return true
}

/** Writes as the library does, and says when the bytes were taken. */
function send(socket: TLSSocket, list: Iterable<Uint8Array>): { sentBytes: number; canSendMore: boolean } {
  let sentBytes = 0
  let canSendMore = true
  for (const bytes of list) {
    sentBytes += bytes.byteLength
    canSendMore = isAwaited(bytes) ? socket.write(bytes, () => sent(bytes)) : socket.write(bytes)
    if (!canSendMore) break
  }
  return { sentBytes, canSendMore }
}

/** Undefined when the connection is no TCP, or is not built as we know it. */
export function rawSocketOf(connection: MessageStream): RawSocket | undefined {
  const opened = connection as unknown as Partial<Opened> & Record<string, unknown>
  const { socket, readBuffer } = opened
  if (!(socket instanceof Socket) || socket.remoteAddress === undefined || 'encrypted' in socket)
    return undefined
  const hasBuffer =
    typeof readBuffer?.byteLength === 'number' &&
    typeof readBuffer.subarray === 'function' &&
    typeof readBuffer.consume === 'function'
  if (!hasBuffer || METHODS.some((name) => typeof opened[name] !== 'function')) return undefined
  return new RawSocket(connection as unknown as Opened)
}
