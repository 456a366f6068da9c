import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import { type LinkFaults, MemoryLinks, PERFECT_LINK } from './memory-links.ts'
import {
  MemoryNetworkNode,
  type MemoryNetworkOptions,
  type MemoryNetworkSeat,
} from './memory-network-node.ts'
import type { MemoryConnection } from './memory-stream.ts'
import type { Network, PeerAddresses } from './network.ts'

/** How long a provider record lives, as on the DHT (milliseconds). */
const PROVIDER_LIFE_MS = 48 * 60 * 60 * 1000
/** A connection across a partition is noticed dead after this, as by ping (milliseconds). */
const DEAD_LINK_MS = 4_000

const OPTIONS_DEFAULT: MemoryNetworkOptions = {
  connectionsMax: 300,
  behindRouter: false,
  relays: false,
  dht: true,
}

/**
 * Many nodes' networks in one process: the simulator's world, and the network of fast tests.
 * With a virtual clock and a seeded random a run is the same every time. On perfect links everything
 * happens without the clock moving.
 */
export class MemoryNetworkHub implements MemoryNetworkSeat {
  readonly clock: Clock
  readonly random: Random
  readonly links: MemoryLinks
  #created = 0
  readonly #open = new Set<MemoryConnection>()
  readonly #carried = new Set<MemoryConnection>()
  readonly #live = new Map<PeerId, MemoryNetworkNode>()
  readonly #peerStores = new Map<PeerId, Map<PeerId, PeerAddresses>>()
  /** Id → peer → when its record ends. */
  readonly #providers = new Map<ContentId, Map<PeerId, number>>()

  /** @param faults how links behave that are not set one by one. @default perfect */
  constructor(parts: { clock: Clock; random: Random }, faults: Partial<LinkFaults> = {}) {
    this.clock = parts.clock
    this.random = parts.random
    this.links = new MemoryLinks(parts, { ...PERFECT_LINK, ...faults })
  }

  /** A node's network. After a crash the same key may be given again; it finds its remembered peers. */
  createNetwork(key: SigningKey, options: Partial<MemoryNetworkOptions> = {}): Network {
    this.#created++
    return new MemoryNetworkNode(
      { key, hub: this, number: this.#created },
      { ...OPTIONS_DEFAULT, ...options },
    )
  }

  /** Changes how one link behaves, in both directions; what is not named stays. */
  setLink(a: PeerId, b: PeerId, faults: Partial<LinkFaults>): void {
    this.links.set(a, b, faults)
  }

  /** Changes how all links behave that were not set one by one. */
  setAllLinks(faults: Partial<LinkFaults>): void {
    this.links.setDefaults(faults)
  }

  /** Every link behaves as `setAllLinks` says again. */
  resetLinks(): void {
    this.links.reset()
  }

  /**
   * Cuts the network into groups; peers in no group form one together, a peer in two is a bridge between them. Messages across the cut wait for its end,
   * connections across it are noticed dead after 4 s, dials across it time out.
   */
  partition(groups: readonly (readonly PeerId[])[]): void {
    this.links.partition(groups)
    for (const connection of [...this.#open]) {
      if (this.links.isOpen(connection.hops)) continue
      this.clock.after(DEAD_LINK_MS, () => {
        if (!this.links.isOpen(connection.hops)) this.closeConnection(connection)
      })
    }
  }

  /** Ends the partition. */
  heal(): void {
    this.links.heal()
  }

  /** A machine dies: its connections vanish, requests on them fail at both ends, its `Network` is dead for good. */
  crash(peer: PeerId): void {
    for (const connection of [...this.#open]) {
      if (connection.hops.slice(1, -1).includes(peer)) this.closeConnection(connection)
    }
    this.#live.get(peer)?.crash()
  }

  /** Peers whose network is started. */
  livePeers(): PeerId[] {
    return [...this.#live.keys()]
  }

  /** The most frames that any request in the hub holds underway or unread now. */
  bufferedFramesMax(): number {
    let most = 0
    for (const connection of [...this.#open]) {
      for (const stream of connection.streams) most = Math.max(most, stream.up.buffered, stream.down.buffered)
    }
    return most
  }

  enter(node: MemoryNetworkNode): void {
    this.#live.set(node.peerId, node)
  }

  leave(node: MemoryNetworkNode): void {
    if (this.#live.get(node.peerId) === node) this.#live.delete(node.peerId)
  }

  live(peer: PeerId): MemoryNetworkNode | undefined {
    return this.#live.get(peer)
  }

  route(from: PeerId, to: PeerId): readonly PeerId[] | undefined {
    const target = this.#live.get(to)
    if (target === undefined || !target.options.behindRouter) return [from, to]
    const relay = [...target.connections.keys()].find(
      (peer) => peer !== from && this.#live.get(peer)?.options.relays === true,
    )
    return relay === undefined ? undefined : [from, relay, to]
  }

  openConnection(connection: MemoryConnection): void {
    this.#open.add(connection)
    if (connection.path === 'relayed') this.#carried.add(connection)
    this.#live.get(connection.dialler)?.onConnection(connection, 'connected')
    this.#live.get(connection.dialled)?.onConnection(connection, 'connected')
  }

  closeConnection(connection: MemoryConnection): void {
    if (!connection.close()) return
    this.#open.delete(connection)
    this.#carried.delete(connection)
    for (const peer of [connection.dialler, connection.dialled]) {
      const node = this.#live.get(peer)
      if (node?.connections.get(connection.other(peer)) === connection) {
        node.onConnection(connection, 'disconnected')
      }
    }
    // Those that were carried by an end of this connection lose their way with it.
    for (const carried of [...this.#carried]) {
      if (!this.#carries(carried)) this.closeConnection(carried)
    }
  }

  peerStore(peer: PeerId): Map<PeerId, PeerAddresses> {
    const store = this.#peerStores.get(peer) ?? new Map()
    this.#peerStores.set(peer, store)
    return store
  }

  announce(peer: PeerId, ids: Iterable<ContentId>): void {
    const expiresAt = this.clock.monotonic() + PROVIDER_LIFE_MS
    for (const id of ids) {
      const records = this.#providers.get(id) ?? new Map<PeerId, number>()
      this.#providers.set(id, records.set(peer, expiresAt))
    }
  }

  providers(id: ContentId): PeerId[] {
    const now = this.clock.monotonic()
    return [...(this.#providers.get(id) ?? [])]
      .filter(([, expiresAt]) => expiresAt > now)
      .map(([peer]) => peer)
  }

  /** Whether the relay of a carried connection still holds its own to the peer behind the router. */
  #carries(connection: MemoryConnection): boolean {
    const relay = this.#live.get(connection.hops[1] as PeerId)
    return relay?.connections.has(connection.dialled) === true
  }
}
