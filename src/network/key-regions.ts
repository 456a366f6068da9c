import { hash } from 'node:crypto'

/** A place in the key space of Kademlia: SHA-256 of a key, 32 bytes. */
export type KeyPoint = Uint8Array

/** Copies of a provider record, and peers that one look-up finds: Kademlia's k. */
export const CLOSEST_PEERS = 20
/** Peers that a region must have of its own to serve a key that was not looked up itself. */
const REGION_PEERS_MIN = 3

/** Somebody who keeps records, and where they stand. */
export interface RegionPeer<Peer> {
  peer: Peer
  point: KeyPoint
}

/** Part of the key space in which a look-up saw every peer. */
export interface KeyRegion<Peer> {
  point: KeyPoint
  /** Keys that share this many leading bits with `point` lie in it. */
  bits: number
  /** The closest to `point`, those outside of the region too. */
  peers: readonly RegionPeer<Peer>[]
}

/** Where a key, or a peer id, stands. */
export function pointOf(key: Uint8Array): KeyPoint {
  return hash('sha256', key, 'buffer')
}

/** How many leading bits two points share, 0 to 256. */
export function sharedBits(a: KeyPoint, b: KeyPoint): number {
  for (let index = 0; index < a.length; index++) {
    const difference = (a[index] ?? 0) ^ (b[index] ?? 0)
    if (difference !== 0) return index * 8 + Math.clz32(difference) - 24
  }
  return a.length * 8
}

/** Orders points by their distance to `point`, the closest first. */
export function byDistanceTo(point: KeyPoint): (a: KeyPoint, b: KeyPoint) => number {
  return (a, b) => {
    for (let index = 0; index < point.length; index++) {
      const here = point[index] ?? 0
      const difference = ((a[index] ?? 0) ^ here) - ((b[index] ?? 0) ^ here)
      if (difference !== 0) return difference
    }
    return 0
  }
}

/**
 * What a look-up of `point` that found `peers` tells about its neighbourhood. Whoever is closer than the furthest
 * peer found was found too; so every peer that shares more leading bits with `point` than that one is known. A
 * look-up that found fewer than k saw the whole network.
 */
export function regionOf<Peer>(point: KeyPoint, peers: readonly RegionPeer<Peer>[]): KeyRegion<Peer> {
  const sharedMin = Math.min(...peers.map((each) => sharedBits(point, each.point)))
  return { point, bits: peers.length < CLOSEST_PEERS ? 0 : sharedMin + 1, peers }
}

/**
 * Who should keep a key, when one of `regions` can tell without a look-up. The peers inside a region are closer to
 * any key in it than all others are, so the closest ones are right, and a reader asks those.
 */
export function keepersFrom<Peer>(
  regions: Iterable<KeyRegion<Peer>>,
  key: KeyPoint,
): readonly RegionPeer<Peer>[] | undefined {
  for (const region of regions) {
    if (sharedBits(region.point, key) < region.bits) continue
    const inside = region.peers.filter(({ point }) => sharedBits(point, key) >= region.bits)
    if (region.bits === 0 || inside.length >= REGION_PEERS_MIN) return region.peers
  }
  return undefined
}
