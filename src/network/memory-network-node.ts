import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { type PeerId, parsePeerId, type SigningKey } from '../core/signing-key.ts'
import { ConnectionLostError, PeerUnreachableError } from './errors.ts'
import { MemoryAnswers, writeRequest } from './memory-answers.ts'
import { MemoryGossip } from './memory-gossip.ts'
import type { MemoryLinks } from './memory-links.ts'
import { openMemoryRequest } from './memory-request.ts'
import { MemoryConnection } from './memory-stream.ts'
import type {
  Address,
  CallOptions,
  ConnectedPeer,
  MessageListener,
  Network,
  PeerAddresses,
  PeerListener,
  RequestHandler,
} from './network.ts'
import { NetworkCall } from './network-call.ts'

/** A dial into a partition ends after this, as a TCP connect does that nobody answers. */
const DIAL_TIMEOUT_MS = 5_000
/** A kept peer is dialled again after this, doubling up to the maximum. */
const REDIAL_MS = 1_000
const REDIAL_MS_MAX = 5_000

/** How one simulated node stands in the network. */
export interface MemoryNetworkOptions {
  /** Inbound and outbound together. @default 300 */
  connectionsMax: number
  /** Nobody can dial it directly; a connected peer that relays carries its connections. @default false */
  behindRouter: boolean
  /** Carries connections for peers behind routers. @default false */
  relays: boolean
  /** Uses the hub's provider table, which stands for the DHT. @default true */
  dht: boolean
}

/** What a node needs of the hub it is plugged into. */
export interface MemoryNetworkSeat {
  readonly clock: Clock
  readonly random: Random
  readonly links: MemoryLinks
  enter(node: MemoryNetworkNode): void
  leave(node: MemoryNetworkNode): void
  /** The started node of this peer. */
  live(peer: PeerId): MemoryNetworkNode | undefined
  /** The peers to pass on the way, or undefined when no path is there. */
  route(from: PeerId, to: PeerId): readonly PeerId[] | undefined
  openConnection(connection: MemoryConnection): void
  closeConnection(connection: MemoryConnection): void
  /** Survives the node, as its peer store on disk does. */
  peerStore(peer: PeerId): Map<PeerId, PeerAddresses>
  announce(peer: PeerId, ids: Iterable<ContentId>): void
  providers(id: ContentId): PeerId[]
}

/** One node's `Network` on a {@link MemoryNetworkSeat}; made by `MemoryNetworkHub.createNetwork`. */
export class MemoryNetworkNode implements Network {
  readonly peerId: PeerId
  readonly options: MemoryNetworkOptions
  /** By peer; one connection serves all requests between two peers. */
  readonly connections = new Map<PeerId, MemoryConnection>()
  readonly answers: MemoryAnswers
  readonly gossip: MemoryGossip
  readonly #hub: MemoryNetworkSeat
  readonly #number: number
  readonly #peerListeners = new Set<PeerListener>()
  readonly #dials = new Map<PeerId, Promise<MemoryConnection>>()
  readonly #kept = new Set<PeerId>()
  #state: 'new' | 'started' | 'stopped' | 'crashed' = 'new'
  /** Aborts when this node stops or crashes: dials end with it. */
  #life = new AbortController()

  constructor(
    parts: { key: SigningKey; hub: MemoryNetworkSeat; number: number },
    options: MemoryNetworkOptions,
  ) {
    this.peerId = parts.key.peerId
    this.options = options
    this.#hub = parts.hub
    this.#number = parts.number
    this.answers = new MemoryAnswers({ clock: parts.hub.clock, self: this.peerId })
    this.gossip = new MemoryGossip({
      links: parts.hub.links,
      self: this.peerId,
      neighbours: () => this.connections.values(),
      gossipOf: (peer) => parts.hub.live(peer)?.gossip,
    })
  }

  async start(): Promise<void> {
    if (this.#state === 'crashed') throw this.#unreachable(this.peerId, 'this node has crashed')
    this.#state = 'started'
    this.#life = new AbortController()
    this.#hub.enter(this)
    for (const peer of this.#hub.peerStore(this.peerId).keys()) this.#redial(peer, 0)
  }

  async stop(): Promise<void> {
    if (this.#state === 'crashed') return
    this.#end('stopped')
  }

  /** The machine dies: nothing of it runs on, its listeners hear nothing more. */
  crash(): void {
    this.#peerListeners.clear()
    this.gossip.clear()
    this.#end('crashed')
  }

  #end(state: 'stopped' | 'crashed'): void {
    for (const connection of [...this.connections.values()]) this.#hub.closeConnection(connection)
    this.#state = state
    this.#hub.leave(this)
    this.#life.abort(this.#unreachable(this.peerId, 'this node stopped'))
  }

  addresses(): Address[] {
    if (!this.options.behindRouter) return [`/memory/${this.#number}/p2p/${this.peerId}`]
    return [...this.connections.values()]
      .map((connection) => this.#hub.live(connection.other(this.peerId)))
      .filter((node) => node !== undefined)
      .filter((node) => node.options.relays)
      .map((relay) => `${relay.addresses()[0]}/p2p-circuit/p2p/${this.peerId}`)
  }

  connectedPeers(): ConnectedPeer[] {
    return [...this.connections].map(([peer, connection]) => ({
      peer,
      address: this.#hub.live(peer)?.addresses()[0] ?? `/p2p/${peer}`,
      path: connection.path,
      direction: connection.dialler === this.peerId ? 'outbound' : 'inbound',
      latencyMs: 2 * this.#hub.links.delayMsOf(connection.hops),
      connectedAt: connection.connectedAt,
    }))
  }

  isConnected(peer: PeerId): boolean {
    return this.connections.has(peer)
  }

  onPeer(listener: PeerListener): () => void {
    this.#peerListeners.add(listener)
    return () => {
      this.#peerListeners.delete(listener)
    }
  }

  async connect(target: Address | PeerId, options: CallOptions = {}): Promise<PeerId> {
    const { peer, address } = readTarget(target)
    const call = new NetworkCall(this.#hub.clock, `Connecting to ${peer}`, options)
    try {
      if (address !== undefined) await this.remember({ peer, addresses: [address] })
      await call.race(this.#connectionTo(peer))
      return peer
    } finally {
      call.end()
    }
  }

  async remember(peer: PeerAddresses): Promise<void> {
    if (peer.peer === this.peerId) return
    const store = this.#hub.peerStore(this.peerId)
    const known = store.get(peer.peer)?.addresses ?? []
    const addresses = [...new Set([...known, ...peer.addresses])].slice(0, 16)
    store.set(peer.peer, { peer: peer.peer, addresses })
  }

  async remembered(limit: number): Promise<PeerAddresses[]> {
    return [...this.#hub.peerStore(this.peerId).values()].slice(0, limit)
  }

  async disconnect(peer: PeerId): Promise<void> {
    this.#kept.delete(peer)
    const connection = this.connections.get(peer)
    if (connection !== undefined) this.#hub.closeConnection(connection)
  }

  async keepConnected(peer: PeerAddresses): Promise<void> {
    await this.remember(peer)
    if (peer.peer === this.peerId) return
    this.#kept.add(peer.peer)
    this.#redial(peer.peer, 0)
  }

  async *request(
    peer: PeerId,
    protocol: string,
    request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const call = new NetworkCall(this.#hub.clock, `The request ${protocol} to ${peer}`, options)
    let leave = () => {}
    try {
      const connection = await call.race(this.#connectionTo(peer))
      if (!connection.isOpen) throw new ConnectionLostError({ peer, protocol })
      const asked = { connection, self: this.peerId, protocol, timeoutMs: call.timeoutMs }
      const { stream, hangUp } = openMemoryRequest(this.#hub, asked)
      leave = hangUp
      call.signal.addEventListener('abort', () => stream.down.fail(call.signal.reason as Error))
      void writeRequest(request, stream)
      for (let frame = await stream.down.read(); frame !== undefined; frame = await stream.down.read()) {
        // The deadline counts the peer's time, not the reader's.
        call.rest()
        yield frame
        call.progress()
      }
    } finally {
      call.end()
      leave()
    }
  }

  handle(protocol: string, handler: RequestHandler): () => void {
    return this.answers.handle(protocol, handler)
  }

  async provide(ids: Iterable<ContentId>): Promise<void> {
    if (this.#usesDht()) this.#hub.announce(this.peerId, ids)
  }

  async *findProviders(
    id: ContentId,
    options: CallOptions & { limit: number },
  ): AsyncGenerator<PeerAddresses> {
    const call = new NetworkCall(this.#hub.clock, `Looking for providers of ${id}`, options)
    try {
      const peers = this.#usesDht() ? this.#hub.providers(id) : []
      for (const peer of peers.filter((other) => other !== this.peerId).slice(0, options.limit)) {
        call.signal.throwIfAborted()
        yield { peer, addresses: this.#hub.live(peer)?.addresses() ?? [] }
      }
    } finally {
      call.end()
    }
  }

  async findPeer(peer: PeerId): Promise<PeerAddresses | undefined> {
    const found = this.#usesDht() ? this.#hub.live(peer) : undefined
    if (found !== undefined) return { peer, addresses: found.addresses() }
    return this.#hub.peerStore(this.peerId).get(peer)
  }

  broadcast(topic: string, bytes: Uint8Array): Promise<void> {
    return this.gossip.broadcast(topic, bytes)
  }

  listen(topic: string, listener: MessageListener): () => void {
    return this.gossip.listen(topic, listener)
  }

  /** The hub says that a connection opened or closed. */
  onConnection(connection: MemoryConnection, kind: 'connected' | 'disconnected'): void {
    const peer = connection.other(this.peerId)
    if (kind === 'connected') {
      this.connections.set(peer, connection)
      const addresses = this.#hub.live(peer)?.addresses() ?? []
      this.#hub.peerStore(this.peerId).set(peer, { peer, addresses })
    } else {
      this.connections.delete(peer)
      if (this.#kept.has(peer)) this.#hub.clock.after(REDIAL_MS, () => this.#redial(peer, 0))
    }
    for (const listener of [...this.#peerListeners]) listener({ kind, peer })
  }

  #connectionTo(peer: PeerId): Promise<MemoryConnection> {
    const open = this.connections.get(peer)
    if (open !== undefined) return Promise.resolve(open)
    const running = this.#dials.get(peer)
    if (running !== undefined) return running
    const dial = this.#dial(peer).finally(() => this.#dials.delete(peer))
    // Whoever asked may have left by the time it fails.
    dial.catch(() => {})
    this.#dials.set(peer, dial)
    return dial
  }

  async #dial(peer: PeerId): Promise<MemoryConnection> {
    const { links, clock } = this.#hub
    if (this.#state !== 'started') throw this.#unreachable(peer, 'this node is not started')
    if (peer === this.peerId) throw this.#unreachable(peer, 'it is this node itself')
    if (!this.#hub.peerStore(this.peerId).has(peer) && (await this.findPeer(peer)) === undefined) {
      throw this.#unreachable(peer, 'no address of it is known')
    }
    const hops = this.#hub.route(this.peerId, peer)
    if (hops === undefined || !links.isOpen(hops)) {
      await clock.sleep(DIAL_TIMEOUT_MS, this.#life.signal)
      throw this.#unreachable(peer, 'nothing answered')
    }
    const roundTripMs = 2 * links.delayMsOf(hops)
    if (roundTripMs > 0) await clock.sleep(roundTripMs, this.#life.signal)
    if (!links.isOpen(hops) || links.losesMessage(hops)) throw this.#unreachable(peer, 'nothing answered')
    const target = this.#hub.live(peer)
    if (target === undefined) throw this.#unreachable(peer, 'the connection was refused')
    // It may have dialled us meanwhile, or we may have stopped.
    const known = this.connections.get(peer)
    if (known !== undefined) return known
    if (this.#hub.live(this.peerId) !== this) throw this.#unreachable(peer, 'this node stopped')
    for (const end of [this, target]) {
      if (end.connections.size >= end.options.connectionsMax) {
        throw this.#unreachable(peer, `the limit of ${end.options.connectionsMax} connections is reached`)
      }
    }
    const connection = new MemoryConnection({ hops, connectedAt: clock.now() })
    this.#hub.openConnection(connection)
    return connection
  }

  #redial(peer: PeerId, attempt: number): void {
    if (this.#hub.live(this.peerId) !== this || this.connections.has(peer)) return
    this.#connectionTo(peer).catch(() => {
      if (!this.#kept.has(peer)) return
      const delayMs = Math.min(REDIAL_MS * 2 ** Math.min(attempt, 10), REDIAL_MS_MAX)
      this.#hub.clock.after(delayMs, () => this.#redial(peer, attempt + 1))
    })
  }

  #usesDht(): boolean {
    return this.options.dht && this.connections.size > 0
  }

  #unreachable(peer: PeerId, reason: string): PeerUnreachableError {
    return new PeerUnreachableError({ peer, reason })
  }
}

function readTarget(target: Address | PeerId): { peer: PeerId; address: Address | undefined } {
  if (!target.startsWith('/')) return { peer: parsePeerId(target), address: undefined }
  const [, peer] = /^\/memory\/.*\/p2p\/([^/]+)$/.exec(target) ?? []
  if (peer === undefined) {
    throw new InvalidInputError({
      what: 'The address',
      reason: `“${target.slice(0, 100)}” is none of this network`,
    })
  }
  return { peer: parsePeerId(peer), address: target }
}
