import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { AbortedError, DeadlineError, InvalidInputError, LimitExceededError } from '../core/errors.ts'
import { KizunaError, toKizunaError } from '../core/kizuna-error.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import type { Random } from '../core/random.ts'
import { type PeerId, parsePeerId, type SigningKey } from '../core/signing-key.ts'
import {
  ConnectionLostError,
  PeerUnreachableError,
  ProtocolTakenError,
  RateLimitedError,
  RequestRefusedError,
} from './errors.ts'
import type { MemoryLinks } from './memory-links.ts'
import { type FramePipe, MemoryConnection, MemoryStream, type Send } from './memory-stream.ts'
import {
  type Address,
  BROADCAST_BYTES_MAX,
  CALL_TIMEOUT_MS_DEFAULT,
  type CallOptions,
  type ConnectedPeer,
  type MessageListener,
  type Network,
  type PeerAddresses,
  type PeerListener,
  type RequestHandler,
} from './network.ts'

/** A dial into a partition ends after this, as a TCP connect does that nobody answers. */
const DIAL_TIMEOUT_MS = 5_000
/** Requests that one node answers at once; more are told to come back. */
const ANSWERS_MAX = 1_024
/** A kept peer is dialled again after this, doubling up to the maximum. */
const REDIAL_MS = 1_000
const REDIAL_MS_MAX = 30_000
/** Bytes a request costs besides its frames. */
const HEADER_BYTES = 64

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

interface Broadcast {
  topic: string
  bytes: Uint8Array
  from: PeerId
  seenBy: Set<PeerId>
}

/** One node's `Network` on a {@link MemoryNetworkSeat}; made by `MemoryNetworkHub.createNetwork`. */
export class MemoryNetworkNode implements Network {
  readonly peerId: PeerId
  readonly options: MemoryNetworkOptions
  /** By peer; one connection serves all requests between two peers. */
  readonly connections = new Map<PeerId, MemoryConnection>()
  readonly #hub: MemoryNetworkSeat
  readonly #number: number
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #listeners = new Map<string, Set<MessageListener>>()
  readonly #peerListeners = new Set<PeerListener>()
  readonly #dials = new Map<PeerId, Promise<MemoryConnection>>()
  readonly #kept = new Set<PeerId>()
  #state: 'new' | 'started' | 'stopped' | 'crashed' = 'new'
  #answering = 0
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
    this.#listeners.clear()
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
    const call = new Call(this.#hub.clock, `Connecting to ${peer}`, options)
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
    const call = new Call(this.#hub.clock, `The request ${protocol} to ${peer}`, options)
    let leave = () => {}
    try {
      const connection = await call.race(this.#connectionTo(peer))
      if (!connection.isOpen) throw new ConnectionLostError({ peer, protocol })
      const { stream, hangUp } = this.#open(connection, protocol, call.timeoutMs)
      leave = hangUp
      call.signal.addEventListener('abort', () => stream.down.fail(call.signal.reason as Error))
      void writeRequest(request, stream)
      for (let frame = await stream.down.read(); frame !== undefined; frame = await stream.down.read()) {
        yield frame
      }
    } finally {
      call.end()
      leave()
    }
  }

  handle(protocol: string, handler: RequestHandler): () => void {
    if (this.#handlers.has(protocol)) throw new ProtocolTakenError({ protocol })
    this.#handlers.set(protocol, handler)
    return () => {
      if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol)
    }
  }

  async provide(ids: Iterable<ContentId>): Promise<void> {
    if (this.#usesDht()) this.#hub.announce(this.peerId, ids)
  }

  async *findProviders(
    id: ContentId,
    options: CallOptions & { limit: number },
  ): AsyncGenerator<PeerAddresses> {
    const call = new Call(this.#hub.clock, `Looking for providers of ${id}`, options)
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

  async broadcast(topic: string, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > BROADCAST_BYTES_MAX) {
      throw new LimitExceededError({
        what: 'A broadcast',
        limit: BROADCAST_BYTES_MAX,
        actual: bytes.byteLength,
      })
    }
    const message = {
      topic,
      bytes: Uint8Array.from(bytes),
      from: this.peerId,
      seenBy: new Set([this.peerId]),
    }
    this.#spread(message)
  }

  listen(topic: string, listener: MessageListener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return () => {
      listeners.delete(listener)
    }
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

  /** A request arrived. */
  async #answer(stream: MemoryStream, connection: MemoryConnection, timeoutMs: number): Promise<void> {
    const handler = this.#handlers.get(stream.protocol)
    if (handler === undefined) {
      stream.down.end(new RequestRefusedError({ peer: this.peerId, protocol: stream.protocol }))
      return
    }
    if (this.#answering >= ANSWERS_MAX) {
      stream.down.end(new RateLimitedError({ what: 'open requests', retryAfterMs: 1_000 }))
      return
    }
    this.#answering++
    const timer = this.#hub.clock.after(timeoutMs, () => {
      stream.stopAnswering(new DeadlineError({ what: `Answering ${stream.protocol}`, timeoutMs }))
    })
    try {
      const context = { from: stream.asker, path: connection.path, signal: stream.answerSignal }
      for await (const frame of handler(framesOf(stream.up), context)) {
        checkFrame(frame)
        if (!(await stream.down.write(frame))) return
      }
      stream.down.end()
    } catch (error) {
      stream.down.end(asSent(error))
    } finally {
      this.#answering--
      timer.stop()
      stream.answered = true
      stream.up.cancel()
    }
  }

  #open(connection: MemoryConnection, protocol: string, timeoutMs: number) {
    const there = connection.other(this.peerId)
    const sendUp = this.#sender(connection, this.peerId)
    const stream = new MemoryStream({
      protocol,
      asker: this.peerId,
      sendUp,
      sendDown: this.#sender(connection, there),
    })
    connection.streams.add(stream)
    sendUp(HEADER_BYTES, () => {
      const node = this.#hub.live(there)
      if (node !== undefined) void node.#answer(stream, connection, timeoutMs)
    })
    const hangUp = () => {
      connection.streams.delete(stream)
      stream.up.stopWriting()
      stream.down.cancel()
      if (stream.answered || !connection.isOpen) return
      sendUp(0, () =>
        stream.stopAnswering(new AbortedError({ what: `The request ${protocol} of ${this.peerId}` })),
      )
    }
    return { stream, hangUp }
  }

  #sender(connection: MemoryConnection, from: PeerId): Send {
    const hops = connection.hopsFrom(from)
    return (sizeBytes, deliver) => {
      if (!connection.isOpen) return
      if (this.#hub.links.losesMessage(hops)) {
        if (this.#hub.random.integer(2) === 0) this.#hub.closeConnection(connection)
        return
      }
      this.#hub.links.send({ hops, sizeBytes, deliver: () => connection.isOpen && deliver() })
    }
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

  #spread(message: Broadcast): void {
    const { links } = this.#hub
    for (const connection of this.connections.values()) {
      const other = connection.other(this.peerId)
      const hops = connection.hopsFrom(this.peerId)
      if (message.seenBy.has(other) || links.losesMessage(hops)) continue
      const pass = (hear: (node: MemoryNetworkNode) => void) =>
        links.send({
          hops,
          sizeBytes: message.bytes.byteLength,
          deliver: () => {
            const node = this.#hub.live(other)
            if (node !== undefined && connection.isOpen) hear(node)
          },
        })
      pass((node) => node.#hear(message))
      if (links.doublesMessage(this.peerId, other)) pass((node) => node.#tell(message))
    }
  }

  #hear(message: Broadcast): void {
    if (message.seenBy.has(this.peerId) || !this.#tell(message)) return
    message.seenBy.add(this.peerId)
    this.#spread(message)
  }

  /** False when nobody here listens: such a node does not pass the message on either. */
  #tell(message: Broadcast): boolean {
    const listeners = [...(this.#listeners.get(message.topic) ?? [])]
    for (const listener of listeners) listener(Uint8Array.from(message.bytes), message.from)
    return listeners.length > 0
  }

  #usesDht(): boolean {
    return this.options.dht && this.connections.size > 0
  }

  #unreachable(peer: PeerId, reason: string): PeerUnreachableError {
    return new PeerUnreachableError({ peer, reason })
  }
}

/** A call's deadline and the caller's signal as one signal with typed reasons. */
class Call {
  readonly timeoutMs: number
  readonly #abort = new AbortController()
  readonly #end: () => void

  constructor(clock: Clock, what: string, options: CallOptions) {
    const timeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS_DEFAULT
    this.timeoutMs = timeoutMs
    const { signal } = options
    const cancel = () => this.#abort.abort(new AbortedError({ what, cause: signal?.reason }))
    const timer = clock.after(timeoutMs, () => this.#abort.abort(new DeadlineError({ what, timeoutMs })))
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted === true) cancel()
    this.#end = () => {
      timer.stop()
      signal?.removeEventListener('abort', cancel)
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  end(): void {
    this.#end()
  }

  race<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(this.signal.reason)
      if (this.signal.aborted) stop()
      else this.signal.addEventListener('abort', stop, { once: true })
      work.then(resolve, reject)
    })
  }
}

async function writeRequest(
  request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  stream: MemoryStream,
): Promise<void> {
  try {
    for await (const frame of request) {
      checkFrame(frame)
      if (!(await stream.up.write(frame))) return
    }
    stream.up.end()
  } catch (error) {
    // The request ends with it, and the other end learns that it was given up.
    stream.down.fail(error as Error)
  }
}

async function* framesOf(pipe: FramePipe): AsyncGenerator<Uint8Array> {
  for (let frame = await pipe.read(); frame !== undefined; frame = await pipe.read()) yield frame
}

function checkFrame(frame: Uint8Array): void {
  if (frame.byteLength <= FRAME_BYTES_MAX) return
  throw new LimitExceededError({ what: 'A frame', limit: FRAME_BYTES_MAX, actual: frame.byteLength })
}

/** An error as it arrives elsewhere: its facts, without the cause and without what cannot be written as JSON. */
function asSent(error: unknown): KizunaError {
  return new KizunaError(JSON.parse(JSON.stringify(toKizunaError(error).toJSON())))
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
