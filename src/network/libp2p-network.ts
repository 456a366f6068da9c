import { peerIdFromString } from '@libp2p/peer-id'
import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import { type PeerId, parsePeerId, type SigningKey } from '../core/signing-key.ts'
import { Broadcasts } from './broadcasts.ts'
import { ConnectionGate } from './connection-gate.ts'
import { ConnectionKeeper } from './connection-keeper.ts'
import { Relays } from './discovery/relays.ts'
import { startDiscovery } from './discovery/start-discovery.ts'
import { ProtocolTakenError } from './errors.ts'
import { LIBP2P_NETWORK_DEFAULTS, type Libp2pNetworkOptions } from './libp2p-options.ts'
import { LinkMonitor } from './link-monitor.ts'
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
import { duringCall, NetworkCall } from './network-call.ts'
import { addressesOf, looksLikeAddress, parseAddress, sortByReach } from './peer-address.ts'
import { bestOf, PeerConnector } from './peer-connector.ts'
import { ADDRESSES_PER_PEER_MAX } from './peer-memory.ts'
import { PeerWatch } from './peer-watch.ts'
import { RequestClient, STREAMS_PER_PROTOCOL_MAX } from './request-client.ts'
import { RequestServer } from './request-server.ts'
import {
  type RunningHost,
  STOP_MS,
  settleDhtMode,
  startRunningHost,
  stopRunningHost,
} from './running-host.ts'

/** What the libp2p network works with. */
export interface Libp2pNetworkParts {
  key: SigningKey
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  /** Absolute path of the folder for the peer store. */
  folder: string
}

/** Idle streams are looked at, and the DHT mode, this often. */
const TIDY_MS = 5_000

/** The network of a node in life: one libp2p host. Nothing listens before `start()`. */
export function createLibp2pNetwork(
  parts: Libp2pNetworkParts,
  options: Partial<Libp2pNetworkOptions> = {},
): Network {
  return new Libp2pNetwork(parts, { ...LIBP2P_NETWORK_DEFAULTS, ...options })
}

class Libp2pNetwork implements Network {
  readonly peerId: PeerId
  readonly #parts: Libp2pNetworkParts
  readonly #options: Libp2pNetworkOptions
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #kept = new Set<PeerId>()
  readonly #broadcasts: Broadcasts
  readonly #gate: ConnectionGate
  readonly #keeper: ConnectionKeeper
  readonly #watch: PeerWatch
  readonly #connector: PeerConnector
  readonly #client: RequestClient
  readonly #server: RequestServer
  #running: RunningHost | undefined
  #starting: Promise<void> | undefined
  #tidyTimer: Timer | undefined

  constructor(parts: Libp2pNetworkParts, options: Libp2pNetworkOptions) {
    this.#parts = parts
    this.#options = options
    this.peerId = parts.key.peerId
    const { clock, random, log, metrics } = parts
    // Wrong entries are refused before anything starts.
    for (const entry of [...options.bootstrap, ...options.announce]) parseAddress(entry)
    this.#gate = new ConnectionGate(options.connectionsMax)
    this.#broadcasts = new Broadcasts({ log: log.named('broadcasts') })
    this.#connector = new PeerConnector({
      self: this.peerId,
      clock,
      gate: this.#gate,
      isKept: (peer) => this.#kept.has(peer),
      isWork: (protocol) => this.#handlers.has(protocol),
    })
    this.#client = new RequestClient({
      clock,
      metrics,
      connectionTo: (peer, call) => this.#connector.connectionTo(peer, call),
    })
    this.#server = new RequestServer({
      self: this.peerId,
      clock,
      metrics,
      log: log.named('requests'),
      handlerOf: (protocol) => this.#handlers.get(protocol),
    })
    this.#keeper = new ConnectionKeeper(
      {
        clock,
        random,
        log: log.named('keeper'),
        isConnected: (peer) => this.isConnected(peer),
        connectedCount: () => this.#running?.host.getPeers().length ?? 0,
        dial: (candidate, signal) => this.#connector.dialCandidate(candidate, signal),
      },
      { peersWanted: Math.min(options.peersWanted, options.connectionsMax) },
    )
    this.#watch = new PeerWatch({ keeper: this.#keeper, log, metrics })
    metrics.gauge('kizuna_connections', 'Open connections to peers.', () => {
      return this.#running?.host.getConnections().length ?? 0
    })
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    await this.#starting
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {})
    const running = this.#running
    if (running === undefined) return
    const { clock, log } = this.#parts
    const left = running.host.getPeers()
    this.#running = undefined
    this.#connector.attach(undefined)
    running.life.abort(new Error('this node stops'))
    running.bulk?.stop()
    this.#tidyTimer?.stop()
    this.#keeper.stop()
    this.#client.stop()
    this.#server.stop()
    this.#broadcasts.detach()
    await stopRunningHost(running, { clock, log })
    for (const peer of left) this.#watch.tell('disconnected', peer.toString() as PeerId)
    log.info('network stopped')
  }

  addresses(): Address[] {
    return sortByReach(this.#running?.host.getMultiaddrs() ?? []).map(String)
  }

  connectedPeers(): ConnectedPeer[] {
    const host = this.#running?.host
    return (host?.getPeers() ?? []).flatMap((id) => {
      const connection = bestOf(host?.getConnections(id) ?? [])
      if (connection === undefined) return []
      const peer: ConnectedPeer = {
        peer: id.toString() as PeerId,
        address: connection.remoteAddr.toString(),
        path: connection.direct ? 'direct' : 'relayed',
        direction: connection.direction,
        latencyMs: connection.rtt,
        connectedAt: connection.timeline.open,
      }
      return [peer]
    })
  }

  isConnected(peer: PeerId): boolean {
    return this.#connector.openConnection(peer) !== undefined
  }

  onPeer(listener: PeerListener): () => void {
    return this.#watch.add(listener)
  }

  async connect(target: Address | PeerId, options: CallOptions = {}): Promise<PeerId> {
    const goal = looksLikeAddress(target) ? parseAddress(target) : parsePeerId(target)
    return duringCall(this.#parts.clock, `Connecting to ${target.slice(0, 200)}`, options, async (call) => {
      const connection =
        typeof goal === 'string'
          ? await this.#connector.connectionTo(goal, call)
          : await this.#connector.connectionAt(goal, call)
      return connection.remotePeer.toString() as PeerId
    })
  }

  async remember(peer: PeerAddresses): Promise<void> {
    if (peer.peer !== this.peerId) await this.#running?.memory.remember(peer)
  }

  async remembered(limit: number): Promise<PeerAddresses[]> {
    return (await this.#running?.memory.all(limit)) ?? []
  }

  async disconnect(peer: PeerId): Promise<void> {
    this.#kept.delete(peer)
    this.#keeper.release(peer)
    const signal = this.#parts.clock.deadline(STOP_MS)
    await this.#running?.host.hangUp(peerIdFromString(peer), { signal })
  }

  async keepConnected(peer: PeerAddresses): Promise<void> {
    if (peer.peer === this.peerId) return
    await this.remember(peer)
    this.#kept.add(peer.peer)
    const addresses = addressesOf(peer.peer, peer.addresses, ADDRESSES_PER_PEER_MAX)
    this.#keeper.offer({ source: 'kept', peer: peer.peer, addresses })
  }

  request(
    peer: PeerId,
    protocol: string,
    request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): AsyncIterable<Uint8Array> {
    const direct = this.#running?.bulk?.request(peer, protocol, request, options)
    return direct ?? this.#client.request(peer, protocol, request, options)
  }

  handle(protocol: string, handler: RequestHandler): () => void {
    if (this.#handlers.has(protocol)) throw new ProtocolTakenError({ protocol })
    this.#handlers.set(protocol, handler)
    void this.#register(protocol)
    return () => {
      if (this.#handlers.get(protocol) !== handler) return
      this.#handlers.delete(protocol)
      this.#running?.host.unhandle(protocol).catch((error) => {
        this.#parts.log.warn('handler not taken away', { protocol, error })
      })
    }
  }

  async provide(ids: Iterable<ContentId>, options: CallOptions = {}): Promise<void> {
    await duringCall(this.#parts.clock, 'Announcing', options, async (call) =>
      this.#running?.table?.provide(ids, call),
    )
  }

  async *findProviders(
    id: ContentId,
    options: CallOptions & { limit: number },
  ): AsyncGenerator<PeerAddresses> {
    const call = new NetworkCall(this.#parts.clock, `Looking for providers of ${id}`, options)
    try {
      call.signal.throwIfAborted()
      yield* this.#running?.table?.findProviders(id, options.limit, call) ?? []
    } finally {
      call.end()
    }
  }

  async findPeer(peer: PeerId, options: CallOptions = {}): Promise<PeerAddresses | undefined> {
    return duringCall(this.#parts.clock, `Looking for ${peer}`, options, (call) =>
      this.#connector.findPeer(peer, call),
    )
  }

  async broadcast(topic: string, bytes: Uint8Array): Promise<void> {
    await this.#broadcasts.send(topic, bytes)
  }

  listen(topic: string, listener: MessageListener): () => void {
    return this.#broadcasts.listen(topic, listener)
  }

  async #start(): Promise<void> {
    const { clock, random, log, metrics } = this.#parts
    const relays = new Relays()
    const running = await startRunningHost(
      {
        ...this.#parts,
        gate: this.#gate,
        keeper: this.#keeper,
        relays,
        connector: this.#connector,
        load: this.#server.load,
        handlerOf: (protocol) => this.#handlers.get(protocol),
      },
      this.#options,
    )
    const { host, gossip } = running
    this.#running = running
    this.#connector.attach(running)
    this.#watch.attach(running)
    await Promise.all([...this.#handlers.keys()].map((protocol) => this.#register(protocol)))
    await running.bulk?.start()
    gossip.addEventListener('message', ({ detail }) => this.#broadcasts.heard(detail))
    this.#broadcasts.attach(gossip)
    this.#keeper.start()
    void new LinkMonitor({ host, clock, metrics, log: log.named('links') }).run(running.life.signal)
    const relaysConnected = () => this.#connector.relaysConnected()
    startDiscovery(
      {
        ...running,
        network: this,
        keeper: this.#keeper,
        relays,
        relaysConnected,
        clock,
        random,
        log,
        metrics,
      },
      this.#options,
      running.life.signal,
    )
    this.#tidy()
    log.info('network started', { addresses: this.addresses(), public: running.isPublic })
  }

  async #register(protocol: string): Promise<void> {
    const options = {
      maxInboundStreams: 4 * STREAMS_PER_PROTOCOL_MAX,
      maxOutboundStreams: 2 * STREAMS_PER_PROTOCOL_MAX,
      runOnLimitedConnection: true,
      force: true as const,
    }
    try {
      await this.#running?.host.handle(
        protocol,
        (...words) => this.#server.serve(protocol, ...words),
        options,
      )
    } catch (error) {
      if (this.#running !== undefined) this.#parts.log.warn('handler not registered', { protocol, error })
    }
  }

  #tidy(): void {
    this.#client.closeIdle()
    this.#running?.bulk?.closeIdle()
    if (this.#running !== undefined && this.#options.dhtMode === 'auto') {
      settleDhtMode(this.#running).catch((error) => this.#parts.log.warn('DHT mode not settled', { error }))
    }
    this.#tidyTimer = this.#parts.clock.after(TIDY_MS, () => {
      if (this.#running !== undefined) this.#tidy()
    })
  }
}
