import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { MessageStream } from '@libp2p/interface'
import type { AbstractMultiaddrConnection } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'

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

  /**
   * From now on the connection speaks through `secured`: its sending, pausing and closing are those of TLS.
   * `onReceived` is told how many bytes come, before they are looked at.
   */
  replaceWith(secured: TLSSocket, onReceived: (bytes: number) => void): void {
    const connection = this.#connection
    connection.socket = secured
    secured.on('data', (bytes) => {
      onReceived(bytes.byteLength)
      connection.onData(bytes)
    })
    secured.on('drain', () => connection.safeDispatchEvent('drain'))
    const fail = (error: Error) => connection.abort(error)
    secured.on('error', fail)
    // All that a server's socket says of a bad record; without it the connection would stay open for ever.
    secured.on('_tlsError', fail)
    secured.once('close', () => connection.onTransportClosed())
    connection.sendReset = () => secured.destroy()
  }
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
