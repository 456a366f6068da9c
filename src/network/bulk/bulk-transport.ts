import type { Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { PeerId } from '../../core/signing-key.ts'
import type { AnsweringLoad } from '../answering-load.ts'
import type { TlsIdentity } from '../native-tls/tls-identity.ts'
import type { CallOptions, RequestHandler } from '../network.ts'
import { bestOf } from '../peer-connector.ts'
import { BulkClient } from './bulk-client.ts'
import type { BulkAddress } from './bulk-dial.ts'
import type { BulkDoor } from './bulk-door.ts'
import { BULK_PROTOCOL } from './bulk-frame.ts'
import { BulkServer } from './bulk-server.ts'

interface Parts {
  self: PeerId
  host: Libp2p
  identity: TlsIdentity
  door: BulkDoor
  clock: Clock
  log: Logger
  metrics: Metrics
  load: AnsweringLoad
  handlerOf: (protocol: string) => RequestHandler | undefined
}

/** Direct TLS connections beside libp2p's, between peers that libp2p has connected. */
export class BulkTransport {
  readonly #parts: Parts
  readonly #client: BulkClient
  readonly #server: BulkServer

  constructor(parts: Parts) {
    this.#parts = parts
    const { clock, log, metrics, identity } = parts
    this.#client = new BulkClient({
      clock,
      log,
      metrics,
      identity,
      addressesOf: (peer) => this.#addressesOf(peer),
    })
    const isConnected = (peer: PeerId) =>
      bestOf(parts.host.getConnections(peerIdFromString(peer))) !== undefined
    this.#server = new BulkServer({ ...parts, isConnected })
  }

  /** Opens the door, and says in libp2p's list of protocols that it is there. */
  async start(): Promise<void> {
    const { door, host } = this.#parts
    if (!door.isOpen) return
    door.open((socket) => this.#server.take(socket))
    // The name is all that is wanted of it.
    await host.handle(BULK_PROTOCOL, (stream: Stream) =>
      stream.abort(new Error('spoken by direct connections only')),
    )
  }

  stop(): void {
    this.#parts.door.close()
    this.#client.stop()
    this.#server.stop()
  }

  /** A peer is no longer connected by libp2p, or must not be. */
  drop(peer: PeerId): void {
    this.#client.drop(peer)
    this.#server.drop(peer)
  }

  /** To be called now and then. */
  closeIdle(): void {
    this.#client.closeIdle()
  }

  /** See `Network.request`; undefined when the request has to go by libp2p. */
  request(
    peer: PeerId,
    protocol: string,
    request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: CallOptions,
  ): AsyncIterable<Uint8Array> | undefined {
    if (options.bulk !== true || options.signal?.aborted === true) return undefined
    return this.#client.linkTo(peer)?.request(protocol, request, options)
  }

  /** Where the peer listens: the address that we have dialled it at, then those it names. */
  async #addressesOf(peer: PeerId): Promise<BulkAddress[]> {
    const { host } = this.#parts
    const id = peerIdFromString(peer)
    const connection = bestOf(host.getConnections(id))
    const known = await host.peerStore.get(id).catch(() => undefined)
    // Who can be had through a relay only has no port that we could dial.
    if (connection === undefined || !connection.direct || known?.protocols.includes(BULK_PROTOCOL) !== true)
      return []
    const dialled = connection.direction === 'outbound' ? [connection.remoteAddr] : []
    const texts = [...dialled, ...known.addresses.map(({ multiaddr }) => multiaddr)].map(String)
    return [...new Set(texts)].flatMap((text) => bulkAddressOf(text) ?? [])
  }
}

/** Host and port of a plain TCP address; undefined for every other. */
export function bulkAddressOf(address: string): BulkAddress | undefined {
  const found = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/p2p\/[^/]+)?$/.exec(address)
  if (found?.[1] === undefined) return undefined
  return { host: found[1], port: Number(found[2]) }
}
