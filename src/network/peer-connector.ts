import type { Connection, Libp2p, PeerId as Libp2pPeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ConnectionGate } from './connection-gate.ts'
import type { Candidate } from './connection-keeper.ts'
import type { Dht } from './dht.ts'
import { dialFirst, type Transports } from './dialler.ts'
import { relaysForOthers } from './discovery/relays.ts'
import { PeerUnreachableError } from './errors.ts'
import type { PeerAddresses } from './network.ts'
import { NetworkCall } from './network-call.ts'
import { addressesOf, type DialTarget } from './peer-address.ts'
import { ADDRESSES_PER_PEER_MAX, type PeerMemory } from './peer-memory.ts'

/** A dial ends by then, whoever waits for it. */
const DIAL_TIMEOUT_MS = 10_000
/** Relays asked for a way to somebody whose addresses do not work. */
const RELAYS_TRIED_MAX = 3
/** A connection that makes room closes politely within this time. */
const CLOSE_MS = 1_000

/** What of a running host connecting needs. */
export interface ConnectorHost {
  host: Libp2p
  transports: Transports
  memory: PeerMemory
  table: Dht | undefined
  /** Aborts when the network stops. */
  life: AbortController
}

interface Parts {
  self: PeerId
  clock: Clock
  gate: ConnectionGate
  /** Whether a connection to this peer must not go to make room. */
  isKept: (peer: PeerId) => boolean
  /** Whether streams of this protocol are somebody's work. */
  isWork: (protocol: string) => boolean
}

/** Finds the best connection to a peer or address, and makes one where there is none. */
export class PeerConnector {
  readonly #parts: Parts
  readonly #dials = new Map<string, Promise<Connection>>()
  #running: ConnectorHost | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The network runs now, or no longer. */
  attach(running: ConnectorHost | undefined): void {
    this.#running = running
  }

  /** The best open connection to a peer: a direct one before a relayed one. */
  openConnection(peer: PeerId): Connection | undefined {
    return bestOf(this.#running?.host.getConnections(peerIdFromString(peer)) ?? [])
  }

  /**
   * The best open connection to a peer, or a new one by any way that works.
   * @throws PeerUnreachableError, or the call's reason.
   */
  async connectionTo(peer: PeerId, call: NetworkCall): Promise<Connection> {
    const open = this.openConnection(peer)
    if (open !== undefined) return open
    if (peer === this.#parts.self) throw new PeerUnreachableError({ peer, reason: 'it is this node itself' })
    return this.#shared(peer, call, (running, signal) => this.#dialPeer(running, peer, signal))
  }

  /** A connection to whoever is at an address: the open one to that peer, or a new one. */
  async connectionAt({ address, peer }: DialTarget, call: NetworkCall): Promise<Connection> {
    if (peer === undefined) {
      return this.#shared(String(address), call, (running, signal) =>
        this.#dialAddress(running, address, signal),
      )
    }
    const open = this.openConnection(peer)
    if (open !== undefined) return open
    if (peer !== this.#parts.self)
      await this.#running?.memory.remember({ peer, addresses: [address.toString()] })
    return this.connectionTo(peer, call)
  }

  /** For the keeper: connects to whom some source of discovery named. */
  async dialCandidate({ peer, addresses }: Candidate, signal: AbortSignal): Promise<PeerId> {
    const call = new NetworkCall(this.#parts.clock, 'Connecting', { signal, timeoutMs: DIAL_TIMEOUT_MS })
    try {
      const [address] = addresses
      if (peer !== undefined) {
        if (address !== undefined)
          await this.#running?.memory.remember({ peer, addresses: addresses.map(String) })
        return idOf(await this.connectionTo(peer, call))
      }
      if (address === undefined)
        throw new PeerUnreachableError({ peer: 'nobody', reason: 'no address is known' })
      return idOf(await this.connectionAt({ address, peer }, call))
    } finally {
      call.end()
    }
  }

  /** Where a peer may be: as others say, or as we remember. */
  async findPeer(peer: PeerId, call: NetworkCall): Promise<PeerAddresses | undefined> {
    const running = this.#running
    // Who is connected has told us itself where it is.
    const isConnected = this.openConnection(peer) !== undefined
    const found = isConnected ? undefined : await running?.table?.findPeer(peer, call)
    if (found !== undefined) return found
    const addresses = ((await running?.memory.addresses(peer)) ?? []).map(String)
    return addresses.length === 0 ? undefined : { peer, addresses }
  }

  /** Connected peers that relay for others. */
  async relaysConnected(): Promise<Libp2pPeerId[]> {
    const host = this.#running?.host
    if (host === undefined) return []
    const direct = host.getPeers().filter((id) => host.getConnections(id).some((each) => each.direct))
    const peers = await Promise.all(direct.map((id) => host.peerStore.get(id).catch(() => undefined)))
    return peers.flatMap((peer) => (peer !== undefined && relaysForOthers(peer.protocols) ? [peer.id] : []))
  }

  /** Those who want the same connection share one dial; each leaves by its own deadline. */
  #shared(
    key: string,
    call: NetworkCall,
    dial: (running: ConnectorHost, signal: AbortSignal) => Promise<Connection>,
  ): Promise<Connection> {
    const running = this.#running
    if (running === undefined) {
      return Promise.reject(new PeerUnreachableError({ peer: key, reason: 'this node is not started' }))
    }
    let dialling = this.#dials.get(key)
    if (dialling === undefined) {
      const whole = new NetworkCall(this.#parts.clock, 'Dialling', {
        signal: running.life.signal,
        timeoutMs: DIAL_TIMEOUT_MS,
      })
      dialling = this.#roomFor(() => dial(running, whole.signal)).finally(() => {
        whole.end()
        this.#dials.delete(key)
      })
      // Whoever asked may have left by the time it fails.
      dialling.catch(() => {})
      this.#dials.set(key, dialling)
    }
    return call.race(dialling)
  }

  /** Known addresses first, then by way of the relays we know, then where the DHT says it is. */
  async #dialPeer(running: ConnectorHost, peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const { clock } = this.#parts
    const tried = new Set<string>()
    const reasons: unknown[] = []
    const attempt = async (addresses: readonly Multiaddr[]): Promise<Connection | undefined> => {
      const fresh = addresses.filter((address) => !tried.has(address.toString()))
      if (fresh.length === 0 || signal.aborted) return undefined
      for (const address of fresh) tried.add(address.toString())
      try {
        return await dialFirst({ transports: running.transports, clock }, fresh, signal)
      } catch (error) {
        reasons.push(error)
        return undefined
      }
    }
    const throughRelays = async () => {
      const relays = (await this.relaysConnected()).filter((relay) => relay.toString() !== peer)
      const ways = relays.slice(0, RELAYS_TRIED_MAX)
      return attempt(ways.map((relay) => multiaddr(`/p2p/${relay}/p2p-circuit/p2p/${peer}`)))
    }
    const lookedUp = async () => {
      const call = new NetworkCall(clock, `Looking for ${peer}`, { signal, timeoutMs: DIAL_TIMEOUT_MS / 2 })
      const found = await this.findPeer(peer, call).catch((error) => void reasons.push(error))
      call.end()
      return attempt(addressesOf(peer, found?.addresses ?? [], ADDRESSES_PER_PEER_MAX))
    }
    const known = await running.memory.addresses(peer)
    const connection = (await attempt(known)) ?? (await throughRelays()) ?? (await lookedUp())
    // It may have dialled us meanwhile.
    const found = connection ?? this.openConnection(peer)
    if (found !== undefined) return found
    throw new PeerUnreachableError({
      peer,
      reason: tried.size === 0 ? 'no address of it is known' : 'none of its addresses answers',
      cause: new AggregateError(reasons),
    })
  }

  async #dialAddress(running: ConnectorHost, address: Multiaddr, signal: AbortSignal): Promise<Connection> {
    try {
      return await dialFirst({ transports: running.transports, clock: this.#parts.clock }, [address], signal)
    } catch (cause) {
      throw new PeerUnreachableError({ peer: address.toString(), reason: 'nothing answers there', cause })
    }
  }

  /** At the limit, whoever is connected for nobody's sake and quiet goes for whom we want to dial. */
  async #roomFor(dial: () => Promise<Connection>): Promise<Connection> {
    const { clock, gate, isKept, isWork } = this.#parts
    if (gate.isFull) {
      const quiet = (this.#running?.host.getConnections() ?? []).filter((connection) => {
        return !isKept(idOf(connection)) && !connection.streams.some(({ protocol }) => isWork(protocol))
      })
      const [oldest] = quiet.toSorted((a, b) => a.timeline.open - b.timeline.open)
      await oldest?.close({ signal: clock.deadline(CLOSE_MS) }).catch((error) => oldest.abort(error))
    }
    return dial()
  }
}

/** Direct before relayed, then the oldest, so that both ends tend to use the same. */
export function bestOf(connections: readonly Connection[]): Connection | undefined {
  return connections
    .filter(({ status }) => status === 'open')
    .toSorted((a, b) => Number(b.direct) - Number(a.direct) || a.timeline.open - b.timeline.open)[0]
}

function idOf(connection: Connection): PeerId {
  return connection.remotePeer.toString() as PeerId
}
