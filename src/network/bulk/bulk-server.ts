import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import type { AnsweringLoad } from '../answering-load.ts'
import { handshakeOf } from '../native-tls/tls-handshake.ts'
import type { TlsIdentity } from '../native-tls/tls-identity.ts'
import type { RequestHandler } from '../network.ts'
import { networkGroupOfIp } from '../network-group.ts'
import { BULK_PROTOCOL } from './bulk-frame.ts'
import { BulkServing } from './bulk-serving.ts'

/** Handshakes under way at once, and of one network: whoever connects and says nothing keeps others out of few. */
const HANDSHAKES_MAX = 64
const HANDSHAKES_PER_NETWORK_MAX = 32
/** New connections per second, of all and of one network: a handshake costs us as much as who begins it. */
const RATE_MAX = { perSecond: 200, burst: 400 }
const RATE_PER_NETWORK_MAX = { perSecond: 50, burst: 100 }
/** Networks whose rates are kept; the one that was quiet for longest makes room. */
const NETWORKS_MAX = 1_024
const HANDSHAKE_MS = 5_000
/** Direct connections of one peer: one, and another while the first is given up. */
const LINKS_PER_PEER_MAX = 2
const LINKS_MAX = 300

/** What serving needs. */
export interface BulkServerParts {
  self: PeerId
  clock: Clock
  log: Logger
  metrics: Metrics
  identity: TlsIdentity
  /** What all requests together take of us. */
  load: AnsweringLoad
  /** Whether we hold a libp2p connection to this peer, which has passed every gate. */
  isConnected: (peer: PeerId) => boolean
  handlerOf: (protocol: string) => RequestHandler | undefined
}

/**
 * Answers requests on direct connections. Only who is connected by libp2p at the same time may have one: whoever is
 * refused, suspended or pruned there is so here.
 */
export class BulkServer {
  readonly #parts: BulkServerParts
  /** Sockets that have not finished their handshake, and the network of each. */
  readonly #greeting = new Map<Socket, string>()
  readonly #links = new Map<PeerId, Set<BulkServing>>()
  readonly #rate: TokenBucket
  /** In the order of their last use, quietest first. */
  readonly #rates = new Map<string, TokenBucket>()

  constructor(parts: BulkServerParts) {
    this.#parts = parts
    this.#rate = new TokenBucket(parts.clock, RATE_MAX)
  }

  /** Takes a socket whose first byte was one of TLS. */
  take(socket: Socket): void {
    const { log, metrics } = this.#parts
    socket.on('error', () => {})
    const address = socket.remoteAddress ?? ''
    const network = networkGroupOfIp(address) ?? address
    if (!this.#mayGreet(network)) {
      metrics.count('kizuna_bulk_refusals_total', { reason: 'busy' })
      socket.destroy()
      return
    }
    this.#greeting.set(socket, network)
    this.#greet(socket)
      .catch((error) => {
        metrics.count('kizuna_bulk_refusals_total', { reason: 'handshake' })
        log.debug('direct connection refused', { address, error })
        socket.destroy()
      })
      .finally(() => this.#greeting.delete(socket))
  }

  /** Closes what this peer has open: it is no longer connected, or must not be. */
  drop(peer: PeerId): void {
    for (const link of this.#links.get(peer) ?? []) link.close(new Error('no longer connected'))
  }

  stop(): void {
    for (const socket of this.#greeting.keys()) socket.destroy()
    for (const peer of [...this.#links.keys()]) this.drop(peer)
  }

  get #linkCount(): number {
    return this.#links.values().reduce((count, links) => count + links.size, 0)
  }

  #mayGreet(network: string): boolean {
    if (this.#greeting.size >= HANDSHAKES_MAX) return false
    const ofNetwork = this.#greeting.values().filter((other) => other === network)
    if ([...ofNetwork].length >= HANDSHAKES_PER_NETWORK_MAX) return false
    const rate = this.#rates.get(network) ?? new TokenBucket(this.#parts.clock, RATE_PER_NETWORK_MAX)
    this.#rates.delete(network)
    this.#rates.set(network, rate)
    const [quietest] = this.#rates.keys()
    if (this.#rates.size > NETWORKS_MAX && quietest !== undefined) this.#rates.delete(quietest)
    // Its own share first: who is too fast takes nothing of the others'.
    return rate.tryTake(1) === 0 && this.#rate.tryTake(1) === 0
  }

  async #greet(raw: Socket): Promise<void> {
    const { identity, clock, isConnected, metrics } = this.#parts
    const secureContext = await identity.context()
    if (raw.destroyed) throw new Error('left before the handshake')
    raw.setNoDelay(true)
    const socket = new TLSSocket(raw, {
      secureContext,
      isServer: true,
      requestCert: true,
      // Certificates of libp2p are signed by nobody else; the identity checks them.
      rejectUnauthorized: false,
      ALPNCallback: ({ protocols }) => protocols.find((name) => name === BULK_PROTOCOL),
    })
    let failure: Error | undefined
    const failed = (error: Error) => {
      failure ??= error
      socket.destroy()
    }
    socket.on('error', failed)
    socket.on('_tlsError', failed)
    await handshakeOf(socket, clock.deadline(HANDSHAKE_MS))
    const peer = (await identity.peerOf(socket, undefined)).toString() as PeerId
    if (failure !== undefined || socket.destroyed) throw failure ?? new Error('left during the handshake')
    if (socket.alpnProtocol !== BULK_PROTOCOL) throw new Error('it did not say what it wants')
    const open = this.#links.get(peer) ?? new Set()
    const isTooMany = open.size >= LINKS_PER_PEER_MAX || this.#linkCount >= LINKS_MAX
    if (!isConnected(peer) || isTooMany) {
      metrics.count('kizuna_bulk_refusals_total', { reason: isTooMany ? 'links' : 'not-connected' })
      socket.destroy()
      return
    }
    const link: BulkServing = new BulkServing({ ...this.#parts, socket, peer })
    this.#links.set(peer, open.add(link))
    const ended = () => {
      open.delete(link)
      if (open.size === 0 && this.#links.get(peer) === open) this.#links.delete(peer)
    }
    link.ended.addEventListener('abort', ended, { once: true })
    if (link.ended.aborted) ended()
  }
}
