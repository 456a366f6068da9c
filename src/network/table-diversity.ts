import type { AbortOptions, Libp2p, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import { networkGroupOf } from './network-group.ts'
import { isRelayed, reachOf } from './peer-address.ts'

/** Peers of one /24, one /48 or behind one relay in one bucket of the routing table. */
export const PEERS_PER_NETWORK_MAX = 2
/** Between passing the check and standing in the table; who has not arrived by then is not awaited. */
const ARRIVAL_MS = 5_000
/** More than any routing table holds: 256 buckets of 20. */
const ADMITTED_MAX = 5_120

interface TablePeer {
  kadId: Uint8Array
  peerId: PeerId
}

type Bucket = { prefix: string; peers: readonly TablePeer[] } | { left: Bucket; right: Bucket }

/** What of the library's routing table is used; it says so in none of its types (@libp2p/kad-dht 16.4.5). */
export interface GuardedTable {
  kb: { root: Bucket; verify: (peer: TablePeer, options?: AbortOptions) => Promise<boolean> }
}

/**
 * Lets at most two peers of one network into each bucket: ids cost nothing, so somebody with one machine could stand
 * next to any key with as many of them as fit. Addresses of this machine and of private networks are not limited; homes
 * and tests live there, and nobody from outside has one.
 */
export class TableDiversity {
  readonly #clock: Clock
  readonly #networkOf: (peer: PeerId) => Promise<string | undefined>
  /** Whoever was let in: where it stands, its network, and when that was; those long gone are forgotten first. */
  readonly #admitted = new Map<string, { network: string; place: string; at: number }>()

  constructor(parts: { clock: Clock; networkOf: (peer: PeerId) => Promise<string | undefined> }) {
    this.#clock = parts.clock
    this.#networkOf = parts.networkOf
  }

  /** Puts the check before the table's own, which asks whether a new peer answers. */
  guard({ kb }: GuardedTable): void {
    const answers = kb.verify
    kb.verify = async (peer, options) => {
      const network = await this.#networkOf(peer.peerId)
      if (network === undefined) return answers(peer, options)
      if (!this.#hasRoom(kb.root, peer, network) || !(await answers(peer, options))) return false
      // Once more, because others may have come in while this one was asked.
      return this.#hasRoom(kb.root, peer, network) && this.#admit(kb.root, peer, network)
    }
  }

  #hasRoom(root: Bucket, peer: TablePeer, network: string): boolean {
    const { prefix, peers } = bucketOf(root, peer.kadId)
    const inside = new Set(peers.map(({ kadId }) => nameOf(kadId)))
    const oldest = this.#clock.monotonic() - ARRIVAL_MS
    let count = 0
    for (const [name, entry] of this.#admitted) {
      if (entry.network !== network) continue
      const isArriving = entry.at > oldest && entry.place === prefix
      if (inside.has(name) || isArriving) count++
    }
    return count < PEERS_PER_NETWORK_MAX
  }

  #admit(root: Bucket, { kadId }: TablePeer, network: string): true {
    const place = bucketOf(root, kadId).prefix
    this.#admitted.set(nameOf(kadId), { network, place, at: this.#clock.monotonic() })
    const [oldest] = this.#admitted.keys()
    if (this.#admitted.size > ADMITTED_MAX && oldest !== undefined) this.#admitted.delete(oldest)
    return true
  }
}

/** Where a peer is connected from, or else where it says that it is; undefined for those who are not limited. */
export async function networkOfPeer(host: Libp2p, peer: PeerId): Promise<string | undefined> {
  const connected = host.getConnections(peer).map(({ remoteAddr }) => remoteAddr)
  const known =
    connected.length > 0
      ? connected
      : await host.peerStore.get(peer).then(
          ({ addresses }) => addresses.map(({ multiaddr }) => multiaddr),
          () => [],
        )
  for (const address of known) {
    const network = limitedNetworkOf(address)
    if (network !== undefined) return network
  }
  return undefined
}

function limitedNetworkOf(address: Multiaddr): string | undefined {
  if (isRelayed(address)) return `relay ${/\/p2p\/([^/]+)\/p2p-circuit/.exec(address.toString())?.[1] ?? ''}`
  return reachOf(address) === 0 ? networkGroupOf(address) : undefined
}

/** The leaf of the trie in which an id stands. */
function bucketOf(root: Bucket, kadId: Uint8Array): { prefix: string; peers: readonly TablePeer[] } {
  let bucket = root
  for (let bit = 0; 'left' in bucket; bit++) {
    const isSet = ((kadId[bit >> 3] ?? 0) & (128 >> (bit & 7))) !== 0
    bucket = isSet ? bucket.right : bucket.left
  }
  return bucket
}

function nameOf(kadId: Uint8Array): string {
  return Buffer.from(kadId).toString('hex')
}
