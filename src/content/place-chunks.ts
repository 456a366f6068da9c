import { hash } from 'node:crypto'
import { type PeerId, publicKeyOf } from '../core/signing-key.ts'

/** A member that may hold chunks, as placement sees it. */
export interface PlacementCandidate {
  peer: PeerId
  /** Above 0; see {@link placementWeight}. */
  weight: number
  /** Two candidates with the same domain may fail together. */
  failureDomain: string
}

/** Below this a member would be chosen almost never; it still gets its small part. */
const WEIGHT_MIN = 1e-6
/** Free bytes are compared in classes, so that small changes do not move chunks: one class per doubling from 1 GiB. */
const CAPACITY_UNIT_BYTES = 2 ** 30
/** A member seldom up still counts a little, or a newcomer would never be asked. */
const UPTIME_MIN = 0.05

/** Weight of a member: its free capacity, in coarse classes, times the share of time it is up, in tenths. */
export function placementWeight(member: { freeBytes: number; uptime: number }): number {
  const units = Math.max(member.freeBytes, 1) / CAPACITY_UNIT_BYTES
  const capacityClass = 2 ** Math.floor(Math.log2(units))
  const uptime = Math.max(Math.round(member.uptime * 10) / 10, UPTIME_MIN)
  return Math.max(capacityClass * uptime, WEIGHT_MIN)
}

/**
 * Every candidate in the order in which `key` prefers them: weighted rendezvous hashing (Schindelhauer and
 * Schomaker 2005; score −w / ln h). Pure: the same input gives the same order on every machine, and a
 * candidate that comes or goes moves only what it wins or held.
 */
export function rankCandidates(
  key: Uint8Array,
  candidates: readonly PlacementCandidate[],
): PlacementCandidate[] {
  const scored = candidates.map((candidate) => ({
    candidate,
    score: -Math.max(candidate.weight, WEIGHT_MIN) / Math.log(unitHash(key, candidate.peer)),
  }))
  scored.sort((a, b) => b.score - a.score || (a.candidate.peer < b.candidate.peer ? -1 : 1))
  return scored.map(({ candidate }) => candidate)
}

/**
 * The `count` candidates for `key`, best first, no two in one failure domain while another domain is left,
 * counting the domains of `taken` (peers that hold it already) as used.
 */
export function placeChunks(
  key: Uint8Array,
  candidates: readonly PlacementCandidate[],
  count: number,
  taken: readonly { peer: PeerId; failureDomain: string }[] = [],
): PlacementCandidate[] {
  const takenPeers = new Set(taken.map(({ peer }) => peer))
  const domains = new Set(taken.map(({ failureDomain }) => failureDomain))
  const ranked = rankCandidates(key, candidates).filter(({ peer }) => !takenPeers.has(peer))
  const chosen: PlacementCandidate[] = []
  const doubled: PlacementCandidate[] = []
  for (const candidate of ranked) {
    if (chosen.length >= count) break
    if (domains.has(candidate.failureDomain)) {
      doubled.push(candidate)
      continue
    }
    domains.add(candidate.failureDomain)
    chosen.push(candidate)
  }
  return [...chosen, ...doubled].slice(0, count)
}

/** A number strictly between 0 and 1 from the key and the peer. */
function unitHash(key: Uint8Array, peer: PeerId): number {
  const digest = hash('sha256', Buffer.concat([key, publicKeyOf(peer)]), 'buffer')
  // 52 bits, shifted by a half so that neither end is reached.
  const high = digest.readUInt32BE(0)
  const low = digest.readUInt32BE(4) >>> 12
  return (high * 2 ** 20 + low + 0.5) / 2 ** 52
}
