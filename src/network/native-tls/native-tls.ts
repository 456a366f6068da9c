import { connect, TLSSocket } from 'node:tls'
import type {
  ComponentLogger,
  ConnectionEncrypter,
  MessageStream,
  PrivateKey,
  SecureConnectionOptions,
  SecuredConnection,
  Upgrader,
} from '@libp2p/interface'
import { type RawSocket, rawSocketOf } from './raw-socket.ts'
import { handshakeOf } from './tls-handshake.ts'
import type { TlsIdentity } from './tls-identity.ts'

/** ALPN's word for “the muxer is negotiated later”. */
const ALPN_PLAIN = 'libp2p'

interface Components {
  privateKey: PrivateKey
  logger: ComponentLogger
  upgrader: Upgrader
}

/** What the encrypter works with, and who wants to know. */
export interface NativeTlsParts {
  /** Makes the identity of a host from its key. */
  identityOf: (hostKey: PrivateKey) => TlsIdentity
  /** Told for each connection that was secured whether stock TLS had to do it. */
  onSecured?: (by: 'native' | 'stock') => void
}

/**
 * libp2p's `/tls/1.0.0` with the TLS session on the raw socket, in native code: the same bytes on the wire as
 * `tls()` of js-libp2p, at about twice its rate. Connections that have no raw socket (relays, WebSocket) are left
 * to the stock one.
 */
export function nativeTls(parts: NativeTlsParts): (components: Components) => ConnectionEncrypter {
  return (components) => new NativeTls(parts, components)
}

class NativeTls implements ConnectionEncrypter {
  readonly protocol = '/tls/1.0.0'
  readonly [Symbol.toStringTag] = '@kizuna/native-tls'
  readonly #components: Components
  readonly #identity: TlsIdentity
  #stock: Promise<ConnectionEncrypter> | undefined
  readonly #onSecured: (by: 'native' | 'stock') => void

  constructor(parts: NativeTlsParts, components: Components) {
    this.#components = components
    this.#identity = parts.identityOf(components.privateKey)
    this.#onSecured = parts.onSecured ?? (() => {})
  }

  secureInbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#secure(connection, true, options)
  }

  secureOutbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#secure(connection, false, options)
  }

  async #secure(
    connection: MessageStream,
    isServer: boolean,
    options: SecureConnectionOptions = {},
  ): Promise<SecuredConnection> {
    const raw = rawSocketOf(connection)
    if (raw === undefined) {
      const stock = await this.#stockTls()
      const secured = await (isServer
        ? stock.secureInbound(connection, options)
        : stock.secureOutbound(connection, options))
      this.#onSecured('stock')
      return secured
    }
    const secureContext = await this.#identity.context()
    options.signal?.throwIfAborted()
    const muxers = options.skipStreamMuxerNegotiation === true ? [] : [...this.#muxers.keys()]
    // From here until the session lies on the socket nothing may be awaited, or bytes are lost.
    const socket = layOver(raw, { isServer, secureContext, protocols: [...muxers, ALPN_PLAIN] })
    // Between the handshake and the take-over nobody else listens, and an unheard error would end the process.
    const failures: Error[] = []
    socket.on('error', (error) => failures.push(error))
    socket.on('_tlsError', (error) => failures.push(error))
    try {
      await handshakeOf(socket, options.signal)
      const remotePeer = await this.#identity.peerOf(socket, options.remotePeer)
      options.signal?.throwIfAborted()
      if (failures[0] !== undefined) throw failures[0]
      if (socket.destroyed) throw new Error('the connection closed during the TLS handshake')
      const streamMuxer = muxers.length === 0 ? undefined : this.#chosenMuxer(socket)
      raw.replaceWith(socket)
      this.#onSecured('native')
      return { connection, remotePeer, ...(streamMuxer === undefined ? {} : { streamMuxer }) }
    } catch (error) {
      socket.destroy()
      connection.abort(error as Error)
      throw error
    }
  }

  /** Loaded when it is needed: its certificate library takes a tenth of the time until a node is ready. */
  #stockTls(): Promise<ConnectionEncrypter> {
    this.#stock ??= import('@libp2p/tls').then(({ tls }) => tls()(this.#components as never))
    return this.#stock
  }

  get #muxers() {
    return this.#components.upgrader.getStreamMuxers()
  }

  #chosenMuxer(socket: TLSSocket) {
    const name = socket.alpnProtocol
    if (typeof name !== 'string' || name === ALPN_PLAIN) return undefined
    const muxer = this.#muxers.get(name)
    if (muxer === undefined) throw new Error(`the other end chose the muxer ${name}, which was not offered`)
    return muxer
  }
}

function layOver(
  raw: RawSocket,
  options: {
    isServer: boolean
    secureContext: Awaited<ReturnType<TlsIdentity['context']>>
    protocols: string[]
  },
): TLSSocket {
  const { isServer, secureContext, protocols } = options
  raw.takeOut()
  // Certificates of libp2p are signed by nobody else; TlsIdentity checks them.
  const base = { secureContext, rejectUnauthorized: false }
  if (!isServer) {
    // The specification forbids a server name; without a session to resume every handshake shows its certificate.
    return connect({ ...base, socket: raw.socket, ALPNProtocols: protocols })
  }
  return new TLSSocket(raw.socket, {
    ...base,
    isServer: true,
    requestCert: true,
    // The order of the client decides, as with stock TLS; undefined is a fatal alert.
    ALPNCallback: ({ protocols: offered }) => offered.find((name) => protocols.includes(name)),
  })
}
