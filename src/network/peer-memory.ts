import type { Connection, Libp2p, Peer } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { PeerAddresses } from './network.ts'
import { addressesOf, sortByReach, withPeer } from './peer-address.ts'

/** Addresses remembered of one peer. */
export const ADDRESSES_PER_PEER_MAX = 16
/** Addresses on disk of one peer; what is heard of it beyond them is not noted, so that nobody can fill our disk. */
const NOTED_ADDRESSES_MAX = 64
/** An address unconfirmed for this long is forgotten; libp2p's own hour would lose everybody overnight. */
export const ADDRESS_AGE_MS_MAX = 30 * 24 * 60 * 60 * 1000
/** Peers on disk; beyond it those unseen for longest are forgotten at the next start. */
const PEERS_MAX = 5_000

/** Our own notes in libp2p's peer store: when a peer was connected last, and the address that worked. */
const SEEN_NOTE = 'kizuna:seen'
const DIALLED_NOTE = 'kizuna:dialled'

/** Who was met and where, across restarts. */
export class PeerMemory {
  readonly #host: Libp2p
  readonly #clock: Clock

  constructor(parts: { host: Libp2p; clock: Clock }) {
    this.#host = parts.host
    this.#clock = parts.clock
  }

  /** Adds addresses to what is known of a peer; those that are none, or lead elsewhere, are left out. */
  async remember(peer: PeerAddresses): Promise<void> {
    const multiaddrs = addressesOf(peer.peer, peer.addresses, ADDRESSES_PER_PEER_MAX)
    if (multiaddrs.length === 0) return
    const id = peerIdFromString(peer.peer)
    const known = await this.#host.peerStore.get(id).catch(() => undefined)
    const room = NOTED_ADDRESSES_MAX - (known?.addresses.length ?? 0)
    if (room > 0) await this.#host.peerStore.merge(id, { multiaddrs: multiaddrs.slice(0, room) })
  }

  /** Where a peer may be, the address that worked last time among them. */
  async addresses(peer: PeerId): Promise<Multiaddr[]> {
    try {
      return addressesIn(await this.#host.peerStore.get(peerIdFromString(peer)), peer)
    } catch {
      return []
    }
  }

  /** Peers with addresses, those connected most recently first; at most `limit`. */
  async all(limit: number): Promise<PeerAddresses[]> {
    const peers = await this.#others()
    return peers
      .map((peer) => ({ peer: peer.id.toString() as PeerId, addresses: addressesIn(peer).map(String) }))
      .filter(({ addresses }) => addresses.length > 0)
      .slice(0, limit)
  }

  /** Notes that a peer is there; an outbound connection has also proven an address. */
  async seen(connection: Connection): Promise<void> {
    const metadata: Record<string, Uint8Array> = { [SEEN_NOTE]: Buffer.from(String(this.#clock.now())) }
    if (connection.direction === 'outbound' && connection.direct) {
      metadata[DIALLED_NOTE] = Buffer.from(connection.remoteAddr.toString())
    }
    await this.#host.peerStore.merge(connection.remotePeer, { metadata })
  }

  /** Forgets whoever is too many. */
  async prune(): Promise<void> {
    const peers = await this.#others()
    for (const peer of peers.slice(PEERS_MAX)) await this.#host.peerStore.delete(peer.id)
  }

  async #others(): Promise<Peer[]> {
    const peers = await this.#host.peerStore.all()
    return peers
      .filter((peer) => !peer.id.equals(this.#host.peerId))
      .toSorted((a, b) => seenAt(b) - seenAt(a))
  }
}

function addressesIn(peer: Peer, id = peer.id.toString() as PeerId): Multiaddr[] {
  const known = peer.addresses.map((entry) => withPeer(entry.multiaddr, id))
  const dialled = noteOf(peer, DIALLED_NOTE)
  try {
    if (dialled !== undefined) known.push(multiaddr(dialled))
  } catch {
    // Written by another version.
  }
  return sortByReach([...new Map(known.map((address) => [address.toString(), address])).values()])
}

function seenAt(peer: Peer): number {
  return Number(noteOf(peer, SEEN_NOTE) ?? 0) || 0
}

function noteOf(peer: Peer, note: string): string | undefined {
  const bytes = peer.metadata.get(note)
  return bytes === undefined ? undefined : Buffer.from(bytes).toString()
}
