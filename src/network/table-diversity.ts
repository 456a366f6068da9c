import type { AbortOptions, Libp2p, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import { networkGroupOf } from './network-group.ts'
import { isRelayed, reachOf } from './peer-address.ts'

/** Peers of one /24, one /48 or behind one relay in one region of the routing table. */
export const PEERS_PER_NETWORK_MAX = 2
/** A region is a bucket, or all buckets with these bits in common: deeper ones are too small to tell a crowd in. */
const REGION_BITS = 6
/** Between passing the check and standing in the table; who has not arrived by then is not awaited. */
const ARRIVAL_MS = 5_000
/** Peers remembered of a network before those that are gone are forgotten; two in each region may stand at once. */
const ADMITTED_PER_NETWORK_MAX = 2 * PEERS_PER_NETWORK_MAX * 2 ** REGION_BITS
/** The one that was let in longest ago is forgotten for another. */
const NETWORKS_MAX = 16_384

interface TablePeer {
  kadId: Uint8Array
  peerId: PeerId
}

type Bucket = { peers: readonly TablePeer[] } | { left: Bucket; right: Bucket }

/** Whoever was let in, by the name of its id: where it stands, and when that was. */
type Admitted = Map<string, { kadId: Uint8Array; at: number }>

/** What of the library's routing table is used; it says so in none of its types (@libp2p/kad-dht 16.4.5). */
export interface GuardedTable {
  kb: { root: Bucket; verify: (peer: TablePeer, options?: AbortOptions) => Promise<boolean> }
}

/**
 * Lets at most two peers of one network into each region: ids cost nothing, so somebody with one machine could stand
 * next to any key with as many of them as fit. Addresses of this machine and of private networks are not limited; homes
 * and tests live there, and nobody from outside has one.
 */
export class TableDiversity {
  readonly #clock: Clock
  readonly #networkOf: (peer: PeerId) => Promise<string | undefined>
  /** By network. */
  readonly #admitted = new Map<string, Admitted>()

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

  #hasRoom(root: Bucket, { kadId }: TablePeer, network: string): boolean {
    const admitted = this.#admitted.get(network)
    if (admitted === undefined) return true
    const region = regionOf(root, kadId)
    const oldest = this.#clock.monotonic() - ARRIVAL_MS
    let count = 0
    for (const [name, entry] of admitted) {
      const isArriving = entry.at > oldest && isSameStart(entry.kadId, kadId, region.bits)
      if (isArriving || region.names.has(name)) count++
    }
    return count < PEERS_PER_NETWORK_MAX
  }

  #admit(root: Bucket, { kadId }: TablePeer, network: string): true {
    const admitted: Admitted = this.#admitted.get(network) ?? new Map()
    this.#admitted.delete(network)
    this.#admitted.set(network, admitted)
    const [oldest] = this.#admitted.keys()
    if (this.#admitted.size > NETWORKS_MAX && oldest !== undefined) this.#admitted.delete(oldest)
    if (admitted.size >= ADMITTED_PER_NETWORK_MAX) this.#forgetGone(root, admitted)
    admitted.set(nameOf(kadId), { kadId, at: this.#clock.monotonic() })
    return true
  }

  /** Not by age: who has stood there longest would be forgotten first, and could be doubled. */
  #forgetGone(root: Bucket, admitted: Admitted): void {
    const standing = new Set(peersOf(root).map((peer) => nameOf(peer.kadId)))
    const oldest = this.#clock.monotonic() - ARRIVAL_MS
    for (const [name, { at }] of admitted) if (at <= oldest && !standing.has(name)) admitted.delete(name)
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

/** The part of the trie in which an id stands: how many bits all ids there have in common, and who is there. */
function regionOf(root: Bucket, kadId: Uint8Array): { bits: number; names: ReadonlySet<string> } {
  let bucket = root
  let bits = 0
  for (; 'left' in bucket && bits < REGION_BITS; bits++)
    bucket = bitOf(kadId, bits) ? bucket.right : bucket.left
  return { bits, names: new Set(peersOf(bucket).map((peer) => nameOf(peer.kadId))) }
}

function peersOf(bucket: Bucket): readonly TablePeer[] {
  return 'left' in bucket ? [...peersOf(bucket.left), ...peersOf(bucket.right)] : bucket.peers
}

function isSameStart(one: Uint8Array, other: Uint8Array, bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) if (bitOf(one, bit) !== bitOf(other, bit)) return false
  return true
}

function bitOf(id: Uint8Array, bit: number): boolean {
  return ((id[bit >> 3] ?? 0) & (128 >> (bit & 7))) !== 0
}

function nameOf(kadId: Uint8Array): string {
  return Buffer.from(kadId).toString('hex')
}
