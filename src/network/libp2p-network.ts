import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import { type PeerId, parsePeerId, type SigningKey } from '../core/signing-key.ts'
import { Broadcasts } from './broadcasts.ts'
import { ConnectionGate } from './connection-gate.ts'
import { type Candidate, ConnectionKeeper } from './connection-keeper.ts'
import { Dht } from './dht.ts'
import { dialFirst } from './dialler.ts'
import { startBootstrap } from './discovery/bootstrap.ts'
import { resolveTxtBySystem } from './discovery/dns.ts'
import { PEERS_PROTOCOL, PeerExchange } from './discovery/peer-exchange.ts'
import { Relays, relaysForOthers } from './discovery/relays.ts'
import { PeerUnreachableError, ProtocolTakenError } from './errors.ts'
import { type Libp2pHost, startLibp2pHost } from './libp2p-host.ts'
import { LIBP2P_NETWORK_DEFAULTS, type Libp2pNetworkOptions } from './libp2p-options.ts'
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
import {
  addressesOf,
  type DialTarget,
  looksLikeAddress,
  parseAddress,
  reachOf,
  sortByReach,
} from './peer-address.ts'
import { ADDRESSES_PER_PEER_MAX, PeerMemory } from './peer-memory.ts'
import { RequestClient, STREAMS_PER_PROTOCOL_MAX } from './request-client.ts'
import { RequestServer } from './request-server.ts'

export interface Libp2pNetworkParts {
  key: SigningKey
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  /** Absolute path of the folder for the peer store. */
  folder: string
}

/** A dial that its caller does not limit ends by then. */
const DIAL_TIMEOUT_MS = 10_000
/** libp2p is given this long to stop; afterwards it is left to itself. */
const STOP_MS = 2_000
const STORE_CLOSE_MS = 500
/** Idle streams are looked at, and the DHT mode, this often. */
const TIDY_MS = 5_000
/** Relays asked for a way to somebody without a known address. */
const RELAYS_TRIED_MAX = 3
/** Peers met before that are tried after a restart. */
const KNOWN_PEERS_MAX = 200

/** The network of a node in life: one libp2p host. Nothing listens before `start()`. */
export function createLibp2pNetwork(
  parts: Libp2pNetworkParts,
  options: Partial<Libp2pNetworkOptions> = {},
): Network {
  return new Libp2pNetwork(parts, { ...LIBP2P_NETWORK_DEFAULTS, ...options })
}

/** What exists only while the network runs. */
interface Running extends Libp2pHost {
  memory: PeerMemory
  table: Dht | undefined
  life: AbortController
}

class Libp2pNetwork implements Network {
  readonly peerId: PeerId
  readonly #parts: Libp2pNetworkParts
  readonly #options: Libp2pNetworkOptions
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #peerListeners = new Set<PeerListener>()
  readonly #broadcasts: Broadcasts
  readonly #gate: ConnectionGate
  readonly #keeper: ConnectionKeeper
  readonly #client: RequestClient
  readonly #server: RequestServer
  readonly #dials = new Map<string, Promise<Connection>>()
  readonly #kept = new Set<PeerId>()
  #running: Running | undefined
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
    this.#client = new RequestClient({
      clock,
      metrics,
      connectionTo: (peer, call) => this.#connectionTo(peer, call),
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
        dial: (candidate, signal) => this.#dialCandidate(candidate, signal),
      },
      { peersWanted: Math.min(options.peersWanted, options.connectionsMax) },
    )
    metrics.gauge('kizuna_connections', 'Open connections to peers.', () =>
      this.#running === undefined ? 0 : this.#running.host.getConnections().length,
    )
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    await this.#starting
  }

  async #start(): Promise<void> {
    const { clock, log, metrics, key, folder } = this.#parts
    const relays = new Relays()
    const options = this.#options
    const started = await startLibp2pHost(
      { key, folder, gate: this.#gate, keeper: this.#keeper, relays },
      options,
    )
    const { host } = started
    const memory = new PeerMemory({ host, clock })
    const life = new AbortController()
    const table =
      started.dht === undefined
        ? undefined
        : new Dht({
            host,
            dht: started.dht,
            clock,
            metrics,
            log: log.named('dht'),
            connectionTo: (peer, call) => this.#connectionTo(peer, call),
            newCall: (what, callOptions) => new NetworkCall(clock, what, callOptions),
          })
    this.#running = { ...started, memory, table, life }
    this.#watchPeers(this.#running)
    await Promise.all([...this.#handlers.keys()].map((protocol) => this.#register(protocol)))
    started.gossip.addEventListener('message', ({ detail }) => this.#broadcasts.heard(detail))
    this.#broadcasts.attach(started.gossip as never)
    this.#keeper.start()
    const connectedCount = () => host.getPeers().length
    const resolveTxt = options.resolveTxt ?? resolveTxtBySystem
    const discovery = { clock, log: log.named('bootstrap'), keeper: this.#keeper, resolveTxt, connectedCount }
    startBootstrap(discovery, options, life.signal)
    if (options.redial) void this.#offerKnown(this.#running)
    if (options.peerExchange !== false)
      this.#startPeerExchange(this.#running, options.peerExchange.intervalMs)
    if (options.relayClient && !started.isPublic) {
      const supervised = {
        clock,
        log: log.named('relays'),
        addresses: () => this.addresses(),
        relaysConnected: () => this.#relaysConnected(),
        keep: (relay: PeerId) => void this.#keepRelay(relay),
      }
      void relays.supervise(supervised, options, life.signal)
    }
    this.#tidy()
    metrics.count('kizuna_network_starts_total')
    log.info('network started', { addresses: this.addresses(), public: started.isPublic })
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {})
    const running = this.#running
    if (running === undefined) return
    const { clock, log } = this.#parts
    const left = running.host.getPeers()
    this.#running = undefined
    running.life.abort(new Error('this node stops'))
    this.#tidyTimer?.stop()
    this.#keeper.stop()
    this.#client.stop()
    this.#server.stop()
    this.#broadcasts.detach()
    const stopped = Promise.resolve(running.host.stop()).then(
      () => 'stopped',
      (error) => log.warn('libp2p did not stop cleanly', { error }),
    )
    if ((await Promise.race([stopped, clock.sleep(STOP_MS)])) !== 'stopped') {
      for (const connection of running.host.getConnections()) connection.abort(new Error('this node stops'))
      log.warn('libp2p did not stop in time')
    }
    await Promise.race([
      running.close().catch((error) => log.warn('peer store not closed', { error })),
      clock.sleep(STORE_CLOSE_MS),
    ])
    for (const peer of left) this.#tell('disconnected', peer.toString() as PeerId)
    log.info('network stopped')
  }

  addresses(): Address[] {
    const own = this.#running?.host.getMultiaddrs() ?? []
    return sortByReach(own).map((address) => address.toString())
  }

  connectedPeers(): ConnectedPeer[] {
    const { host } = this.#running ?? {}
    if (host === undefined) return []
    return host.getPeers().flatMap((id) => {
      const connection = best(host.getConnections(id))
      if (connection === undefined) return []
      return [
        {
          peer: id.toString() as PeerId,
          address: connection.remoteAddr.toString(),
          path: connection.direct ? 'direct' : 'relayed',
          direction: connection.direction,
          latencyMs: connection.rtt,
          connectedAt: connection.timeline.open,
        } satisfies ConnectedPeer,
      ]
    })
  }

  isConnected(peer: PeerId): boolean {
    return this.#openConnection(peer) !== undefined
  }

  onPeer(listener: PeerListener): () => void {
    this.#peerListeners.add(listener)
    return () => {
      this.#peerListeners.delete(listener)
    }
  }

  async connect(target: Address | PeerId, options: CallOptions = {}): Promise<PeerId> {
    const goal = looksLikeAddress(target)
      ? parseAddress(target)
      : { peer: parsePeerId(target), address: undefined }
    const call = new NetworkCall(this.#parts.clock, `Connecting to ${target.slice(0, 200)}`, options)
    try {
      if (goal.address === undefined) {
        return (await this.#connectionTo(goal.peer, call)).remotePeer.toString() as PeerId
      }
      return (await this.#connectionAt(goal, call)).remotePeer.toString() as PeerId
    } finally {
      call.end()
    }
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
    const { clock } = this.#parts
    await this.#running?.host.hangUp(peerIdFromString(peer), { signal: clock.deadline(STOP_MS) })
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
    return this.#client.request(peer, protocol, request, options)
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
    const table = this.#running?.table
    if (table === undefined) return
    await this.#during('Announcing', options, (call) => table.provide(ids, call))
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
    const running = this.#running
    if (running === undefined) return undefined
    return this.#during(`Looking for ${peer}`, options, async (call) => {
      // Who is connected has told us where it is.
      const found = this.isConnected(peer) ? undefined : await running.table?.findPeer(peer, call)
      if (found !== undefined) return found
      const addresses = (await running.memory.addresses(peer)).map(String)
      return addresses.length === 0 ? undefined : { peer, addresses }
    })
  }

  async broadcast(topic: string, bytes: Uint8Array): Promise<void> {
    await this.#broadcasts.send(topic, bytes)
  }

  listen(topic: string, listener: MessageListener): () => void {
    return this.#broadcasts.listen(topic, listener)
  }

  async #during<Result>(
    what: string,
    options: CallOptions,
    work: (call: NetworkCall) => Promise<Result>,
  ): Promise<Result> {
    const call = new NetworkCall(this.#parts.clock, what, options)
    try {
      call.signal.throwIfAborted()
      return await work(call)
    } finally {
      call.end()
    }
  }

  #openConnection(peer: PeerId): Connection | undefined {
    return best(this.#running?.host.getConnections(peerIdFromString(peer)) ?? [])
  }

  /** The best open connection to a peer, or a new one by any way that works. */
  async #connectionTo(peer: PeerId, call: NetworkCall): Promise<Connection> {
    const open = this.#openConnection(peer)
    if (open !== undefined) return open
    if (this.#running === undefined)
      throw new PeerUnreachableError({ peer, reason: 'this node is not started' })
    if (peer === this.peerId) throw new PeerUnreachableError({ peer, reason: 'it is this node itself' })
    return this.#shared(peer, call, (signal) => this.#dialPeer(peer, signal))
  }

  /** A connection to an address: the open one to its peer, or a new one. */
  async #connectionAt({ address, peer }: DialTarget, call: NetworkCall): Promise<Connection> {
    if (peer === undefined)
      return this.#shared(address.toString(), call, (signal) => this.#dialAddress(address, signal))
    const open = this.#openConnection(peer)
    if (open !== undefined) return open
    await this.remember({ peer, addresses: [address.toString()] })
    return this.#connectionTo(peer, call)
  }

  /** Those who want the same connection share one dial; each leaves by its own deadline. */
  #shared(
    key: string,
    call: NetworkCall,
    dial: (signal: AbortSignal) => Promise<Connection>,
  ): Promise<Connection> {
    let running = this.#dials.get(key)
    if (running === undefined) {
      const life = this.#running?.life.signal
      running = dial(this.#parts.clock.deadline(DIAL_TIMEOUT_MS, life)).finally(() => this.#dials.delete(key))
      // Whoever asked may have left by the time it fails.
      running.catch(() => {})
      this.#dials.set(key, running)
    }
    return call.race(running)
  }

  /** Known addresses first, then where the DHT says it is, then by way of the relays we know. */
  async #dialPeer(peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const { clock } = this.#parts
    const running = this.#running
    if (running === undefined) throw new PeerUnreachableError({ peer, reason: 'this node is not started' })
    if (this.#gate.isFull) await this.#makeRoom()
    const tried = new Set<string>()
    const reasons: unknown[] = []
    const attempt = async (addresses: Awaited<ReturnType<PeerMemory['addresses']>>) => {
      const fresh = addresses.filter((address) => !tried.has(address.toString()))
      for (const address of fresh) tried.add(address.toString())
      if (fresh.length === 0) return undefined
      try {
        return await dialFirst({ transports: running.transports, clock }, fresh, signal)
      } catch (error) {
        reasons.push(error)
        return undefined
      }
    }
    const known = await running.memory.addresses(peer)
    const relayed = async () => {
      const relays = (await this.#relaysConnected()).slice(0, RELAYS_TRIED_MAX)
      return attempt(relays.map((relay) => multiaddr(`/p2p/${relay}/p2p-circuit/p2p/${peer}`)))
    }
    const looked = async () => {
      const found = await this.findPeer(peer, { signal, timeoutMs: DIAL_TIMEOUT_MS / 2 }).catch(
        () => undefined,
      )
      return attempt(addressesOf(peer, found?.addresses ?? [], ADDRESSES_PER_PEER_MAX))
    }
    const connection =
      (await attempt(known)) ?? (await relayed()) ?? (await looked()) ?? this.#openConnection(peer)
    if (connection !== undefined) return connection
    const reason = signal.aborted
      ? 'nothing answered in time'
      : tried.size === 0
        ? 'no address of it is known'
        : 'none of its addresses answers'
    throw new PeerUnreachableError({ peer, reason, cause: new AggregateError(reasons) })
  }

  async #dialAddress(address: DialTarget['address'], signal: AbortSignal): Promise<Connection> {
    const { clock } = this.#parts
    const running = this.#running
    const where = address.toString()
    if (running === undefined)
      throw new PeerUnreachableError({ peer: where, reason: 'this node is not started' })
    if (this.#gate.isFull) await this.#makeRoom()
    try {
      return await dialFirst({ transports: running.transports, clock }, [address], signal)
    } catch (cause) {
      throw new PeerUnreachableError({ peer: where, reason: 'nothing answers there', cause })
    }
  }

  async #dialCandidate(candidate: Candidate, signal: AbortSignal): Promise<PeerId> {
    const { peer, addresses } = candidate
    const call = new NetworkCall(this.#parts.clock, 'Connecting', { signal, timeoutMs: DIAL_TIMEOUT_MS })
    try {
      if (peer === undefined) {
        const [address] = addresses
        if (address === undefined) throw new PeerUnreachableError({ peer: 'nobody', reason: 'no address' })
        return (await this.#connectionAt({ address, peer }, call)).remotePeer.toString() as PeerId
      }
      if (addresses.length > 0) await this.remember({ peer, addresses: addresses.map(String) })
      return (await this.#connectionTo(peer, call)).remotePeer.toString() as PeerId
    } finally {
      call.end()
    }
  }

  /** At the limit, whoever is connected for nobody's sake and quiet goes for whom we want to dial. */
  async #makeRoom(): Promise<void> {
    const connections = this.#running?.host.getConnections() ?? []
    const idle = connections.filter(({ remotePeer, streams }) => {
      const isBusy = streams.some(({ protocol }) => this.#handlers.has(protocol))
      return !isBusy && !this.#kept.has(remotePeer.toString() as PeerId)
    })
    const [oldest] = idle.toSorted((a, b) => a.timeline.open - b.timeline.open)
    if (oldest === undefined) return
    await oldest.close({ signal: this.#parts.clock.deadline(1_000) }).catch((error) => oldest.abort(error))
  }

  #watchPeers({ host, memory, life }: Running): void {
    const { log, metrics } = this.#parts
    host.addEventListener('peer:connect', ({ detail }) => {
      metrics.count('kizuna_peer_connections_total')
      this.#tell('connected', detail.toString() as PeerId)
    })
    host.addEventListener('peer:disconnect', ({ detail }) => {
      if (life.signal.aborted) return
      const peer = detail.toString() as PeerId
      this.#keeper.disconnected(peer)
      this.#tell('disconnected', peer)
    })
    // Only now, because identifying replaces what the peer store holds of a peer.
    host.addEventListener('peer:identify', ({ detail }) => {
      memory.seen(detail.connection).catch((error) => log.debug('peer not noted', { error }))
    })
  }

  #tell(kind: 'connected' | 'disconnected', peer: PeerId): void {
    for (const listener of [...this.#peerListeners]) {
      try {
        listener({ kind, peer })
      } catch (error) {
        this.#parts.log.warn('peer listener failed', { error })
      }
    }
  }

  async #register(protocol: string): Promise<void> {
    const host = this.#running?.host
    try {
      await host?.handle(protocol, (stream, connection) => this.#server.serve(protocol, stream, connection), {
        maxInboundStreams: 4 * STREAMS_PER_PROTOCOL_MAX,
        maxOutboundStreams: 2 * STREAMS_PER_PROTOCOL_MAX,
        runOnLimitedConnection: true,
        force: true,
      })
    } catch (error) {
      if (this.#running !== undefined) this.#parts.log.warn('handler not registered', { protocol, error })
    }
  }

  async #offerKnown({ memory }: Running): Promise<void> {
    try {
      await memory.prune()
      for (const { peer, addresses } of await memory.all(KNOWN_PEERS_MAX)) {
        this.#keeper.offer({
          source: 'known',
          peer,
          addresses: addressesOf(peer, addresses, ADDRESSES_PER_PEER_MAX),
        })
      }
    } catch (error) {
      this.#parts.log.warn('known peers not read', { error })
    }
  }

  #startPeerExchange({ host, privateKey, life }: Running, intervalMs: number): void {
    const { clock, random, log, metrics } = this.#parts
    const exchange = new PeerExchange(
      {
        host,
        privateKey,
        clock,
        random,
        metrics,
        log: log.named('peer-exchange'),
        keeper: this.#keeper,
        request: (peer, protocol, request, options) => this.request(peer, protocol, request, options),
      },
      { intervalMs },
    )
    const takeAway = this.handle(PEERS_PROTOCOL, exchange.handler)
    life.signal.addEventListener('abort', takeAway)
    // A newcomer is asked at once: that is how a network grows together within seconds.
    host.addEventListener('peer:identify', ({ detail }) => {
      if (!detail.protocols.includes(PEERS_PROTOCOL)) return
      void exchange.ask(detail.peerId.toString() as PeerId, life.signal)
    })
    void exchange.run(life.signal)
  }

  async #relaysConnected() {
    const { host } = this.#running ?? {}
    if (host === undefined) return []
    const direct = host.getPeers().filter((id) => host.getConnections(id).some((each) => each.direct))
    const peers = await Promise.all(direct.map((id) => host.peerStore.get(id).catch(() => undefined)))
    return peers.flatMap((peer) => (peer !== undefined && relaysForOthers(peer.protocols) ? [peer.id] : []))
  }

  async #keepRelay(relay: PeerId): Promise<void> {
    if (this.#kept.has(relay)) return
    const addresses = (await this.#running?.memory.addresses(relay)) ?? []
    await this.keepConnected({ peer: relay, addresses: addresses.map(String) })
  }

  #tidy(): void {
    this.#client.closeIdle()
    void this.#settleDhtMode().catch((error) => this.#parts.log.warn('DHT mode not settled', { error }))
    this.#tidyTimer = this.#parts.clock.after(TIDY_MS, () => {
      if (this.#running !== undefined) this.#tidy()
    })
  }

  /** Who can be reached only through a relay should not be asked by everybody. */
  async #settleDhtMode(): Promise<void> {
    const table = this.#running?.table
    if (table === undefined || this.#options.dhtMode !== 'auto') return
    const reaches = new Set(this.addresses().map((address) => reachOf(multiaddr(address))))
    await table.setMode(reaches.has(2) && !reaches.has(0) ? 'client' : 'server')
  }
}

/** Direct before relayed, then the oldest, so that both ends tend to use the same. */
function best(connections: readonly Connection[]): Connection | undefined {
  return connections
    .filter(({ status }) => status === 'open')
    .toSorted((a, b) => Number(b.direct) - Number(a.direct) || a.timeline.open - b.timeline.open)[0]
}
