/**
 * A distributed hash table of a few hundred nodes as r-07 needs it: routing tables with the production rule of two peers
 * per network and bucket, look-ups over three disjoint paths, and Sybils that stand closer to a key than anybody. The
 * announcing is the production's (`RegionalProvider`); what libp2p does in between is modelled.
 */
import { hash } from 'node:crypto'
import type { SeededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import {
  byDistanceTo,
  CLOSEST_PEERS,
  type KeyPoint,
  pointOf,
  sharedBits,
} from '../../src/network/key-regions.ts'
import { RegionalProvider } from '../../src/network/provide-in-regions.ts'
import { PEERS_PER_NETWORK_MAX } from '../../src/network/table-diversity.ts'

/** What Sybils do: take announcements and give nothing, or also send everybody to each other and name false providers. */
export type Attack = 'none' | 'passive' | 'active'

interface ModelNode {
  point: KeyPoint
  network: string
  isSybil: boolean
  table: ModelNode[]
  records: Map<string, Set<ModelNode>>
}

const PATHS = 3
const ALPHA = 3
/** Sybils have machines in so many networks. */
const SYBIL_NETWORKS = 4

export class SybilModel {
  readonly #random: SeededRandom
  readonly #nodes: ModelNode[] = []
  readonly #attack: Attack

  constructor(
    random: SeededRandom,
    settings: { honest: number; sybils: number; target: Uint8Array; attack: Attack },
  ) {
    this.#random = random
    this.#attack = settings.attack
    for (let index = 0; index < settings.honest; index++)
      this.#add(pointOf(random.bytes(32)), `home ${index}`, false)
    const target = pointOf(settings.target)
    for (let index = 0; index < settings.sybils && settings.attack !== 'none'; index++) {
      // Nearer than any honest one: the first three bytes are the target's.
      const point = Uint8Array.from(hash('sha256', random.bytes(32), 'buffer'))
      point.set(target.subarray(0, 3))
      this.#add(point, `sybil ${index % SYBIL_NETWORKS}`, true)
    }
    for (const node of this.#nodes) node.table = this.#tableOf(node)
  }

  /** An honest node by number; the publisher and the reader are such. */
  honest(index: number): ModelNode {
    return this.#nodes[index] as ModelNode
  }

  /** The most peers of one network that any bucket of any honest table holds. */
  get mostPerNetwork(): number {
    let most = 0
    for (const node of this.#nodes.filter(({ isSybil }) => !isSybil)) {
      const counts = new Map<string, number>()
      for (const peer of node.table) {
        const place = `${sharedBits(node.point, peer.point)} ${peer.network}`
        counts.set(place, (counts.get(place) ?? 0) + 1)
        most = Math.max(most, counts.get(place) ?? 0)
      }
    }
    return most
  }

  async announce(from: ModelNode, key: Uint8Array): Promise<void> {
    const provider = new RegionalProvider<ModelNode>({
      clock: new VirtualClock(),
      records: {
        closestPeers: async (wanted) =>
          this.#lookUp(from, pointOf(wanted), () => false).map((peer) => ({ peer, point: peer.point })),
        tell: async (peer, keys) => {
          for (const each of keys) {
            const name = Buffer.from(each).toString('hex')
            peer.records.set(name, (peer.records.get(name) ?? new Set()).add(from))
          }
        },
      },
    })
    await provider.provide([key], new AbortController().signal)
  }

  /** The providers that a look-up names: honest ones, and how many false ones. */
  find(from: ModelNode, key: Uint8Array): { found: ModelNode[]; forged: number } {
    const name = Buffer.from(key).toString('hex')
    const found = new Set<ModelNode>()
    let forged = 0
    this.#lookUp(from, pointOf(key), (peer) => {
      if (peer.isSybil && this.#attack === 'active') forged++
      else if (!peer.isSybil) for (const provider of peer.records.get(name) ?? []) found.add(provider)
      return found.size + forged >= CLOSEST_PEERS
    })
    return { found: [...found], forged }
  }

  #add(point: KeyPoint, network: string, isSybil: boolean): void {
    this.#nodes.push({ point, network, isSybil, table: [], records: new Map() })
  }

  /** Twenty per bucket, in the order in which they came by, and two of one network. */
  #tableOf(node: ModelNode): ModelNode[] {
    const buckets = new Map<number, ModelNode[]>()
    const others = this.#nodes.filter((other) => other !== node)
    for (let index = others.length - 1; index > 0; index--) {
      const other = this.#random.integer(index + 1)
      ;[others[index], others[other]] = [others[other] as ModelNode, others[index] as ModelNode]
    }
    for (const other of others) {
      const depth = sharedBits(node.point, other.point)
      const bucket = buckets.get(depth) ?? []
      const alike = bucket.filter(({ network }) => network === other.network).length
      if (bucket.length < CLOSEST_PEERS && alike < PEERS_PER_NETWORK_MAX)
        buckets.set(depth, [...bucket, other])
    }
    return [...buckets.values()].flat()
  }

  #lookUp(from: ModelNode, target: KeyPoint, visit: (peer: ModelNode) => boolean): ModelNode[] {
    const order = (a: ModelNode, b: ModelNode) => byDistanceTo(target)(a.point, b.point)
    const start = from.table.toSorted(order).slice(0, CLOSEST_PEERS)
    const seen = new Set<ModelNode>([from])
    const answered: ModelNode[] = []
    let enough = false
    for (let path = 0; path < PATHS && !enough; path++) {
      let queue = start.filter((_, index) => index % PATHS === path)
      const closest: ModelNode[] = []
      while (queue.length > 0 && !enough) {
        queue = queue.filter((peer) => !seen.has(peer)).sort(order)
        const far = closest.length >= CLOSEST_PEERS ? closest.toSorted(order)[CLOSEST_PEERS - 1] : undefined
        const round = queue.splice(0, ALPHA).filter((peer) => far === undefined || order(peer, far) < 0)
        if (round.length === 0) break
        for (const peer of round) {
          seen.add(peer)
          answered.push(peer)
          closest.push(peer)
          enough ||= visit(peer)
          queue.push(...this.#closerPeers(peer, order))
        }
      }
    }
    return answered.sort(order).slice(0, CLOSEST_PEERS)
  }

  #closerPeers(peer: ModelNode, order: (a: ModelNode, b: ModelNode) => number): ModelNode[] {
    const known =
      peer.isSybil && this.#attack === 'active' ? this.#nodes.filter(({ isSybil }) => isSybil) : peer.table
    return known.toSorted(order).slice(0, CLOSEST_PEERS)
  }
}
