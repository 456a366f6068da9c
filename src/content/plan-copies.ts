import { type ContentId, digestOf } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { DurabilityPolicy } from './content.ts'
import { lossMargin, matchShards } from './match-shards.ts'
import { type PlacementCandidate, placeChunks } from './place-chunks.ts'

/** Chunks of an object that lie together with the same peers: small objects whole, large ones spread. */
const CHUNKS_PER_GROUP = 64
/** A manifest is worth more than any chunk: never fewer copies than this where there are so many members. */
export const MANIFEST_COPIES_MIN = 3

/** What a policy is about, as placement needs it. */
export interface ObjectShape {
  root: ContentId
  /** The manifest's further pages, without the root. */
  pageIds: readonly ContentId[]
  dataIds: readonly ContentId[]
  /** Per stripe the ids of its data and parity shards; empty without parity. */
  stripes: readonly (readonly ContentId[])[]
}

/** Chunks that are placed by one key. */
export interface PlacementGroup {
  key: Uint8Array
  kind: 'manifest' | 'replica' | 'stripe'
  /** Each once. */
  ids: readonly ContentId[]
  /** Copies of every id (manifest, replica); for a stripe each shard has one. */
  copies: number
  /** A stripe's shards as they stand in it: one id may fill several places, and a last stripe is short. */
  places: readonly ContentId[]
  /** Places of a stripe that are enough to read it. */
  needed: number
  /** What a stripe with every shard on a peer of its own counts: k + m, however short it is. */
  full: number
}

/** One chunk that must come to one peer. */
export interface CopyWanted {
  id: ContentId
  peer: PeerId
  group: PlacementGroup
}

/** The groups of an object: its manifest, then its chunks by 64, or stripe by stripe. */
export function groupsOf(shape: ObjectShape, policy: DurabilityPolicy): PlacementGroup[] {
  const copies = policy.kind === 'replica' ? policy.copies : MANIFEST_COPIES_MIN
  const manifestIds = [shape.root, ...shape.pageIds]
  const groups: PlacementGroup[] = [
    {
      key: keyOf(shape.root, 0),
      kind: 'manifest',
      ids: manifestIds,
      copies: Math.max(copies, MANIFEST_COPIES_MIN),
      places: [],
      needed: 0,
      full: 0,
    },
  ]
  if (policy.kind === 'rs') {
    for (const [index, stripe] of shape.stripes.entries()) {
      groups.push({
        key: keyOf(shape.root, index),
        kind: 'stripe',
        ids: [...new Set(stripe)],
        copies: 1,
        places: stripe,
        needed: stripe.length - policy.m,
        full: policy.k + policy.m,
      })
    }
    return groups
  }
  for (let start = 0; start < shape.dataIds.length; start += CHUNKS_PER_GROUP) {
    const ids = [...new Set(shape.dataIds.slice(start, start + CHUNKS_PER_GROUP))]
    const key = keyOf(shape.root, start / CHUNKS_PER_GROUP)
    groups.push({ key, kind: 'replica', ids, copies: policy.copies, places: [], needed: 0, full: 0 })
  }
  return groups
}

/**
 * What a group lacks: which chunk should come to which peer so that it has its copies on distinct peers and,
 * where possible, distinct failure domains. Nothing when it is at its target or nobody is left to take more.
 *
 * @param holdersOf the peers whose copy of a chunk counts now.
 * @param candidates peers that take chunks, holders among them or not.
 */
export function planCopies(
  group: PlacementGroup,
  holdersOf: (id: ContentId) => readonly PeerId[],
  candidates: readonly PlacementCandidate[],
): CopyWanted[] {
  return group.kind === 'stripe'
    ? planStripe(group, holdersOf, candidates)
    : planReplicas(group, holdersOf, candidates)
}

/** How safe a group is: its copies or shards on distinct peers, and how many peers it can still lose. */
export function strengthOf(
  group: PlacementGroup,
  holdersOf: (id: ContentId) => readonly PeerId[],
): { confirmed: number; margin: number } {
  if (group.kind === 'stripe') {
    const missing = matchShards(group.places.map(holdersOf)).filter((peer) => peer === undefined).length
    return {
      confirmed: Math.max(group.full - missing, 0),
      margin: lossMargin(group.places.map(holdersOf), group.needed),
    }
  }
  const confirmed = Math.min(...group.ids.map((id) => holdersOf(id).length))
  return { confirmed, margin: confirmed - 1 }
}

/** How safe an object is: that of its weakest group. */
export function strengthOfObject(
  groups: readonly PlacementGroup[],
  holdersOf: (id: ContentId) => readonly PeerId[],
): { confirmed: number; margin: number } {
  let confirmed = Infinity
  let margin = Infinity
  for (const group of groups) {
    const strength = strengthOf(group, holdersOf)
    margin = Math.min(margin, strength.margin)
    // The manifest's own copies count for the margin; what was asked for are those of the content.
    if (group.kind !== 'manifest' || groups.length === 1) confirmed = Math.min(confirmed, strength.confirmed)
  }
  return { confirmed, margin }
}

/** How many copies or shards a policy asks for. */
export function targetOf(policy: DurabilityPolicy): number {
  return policy.kind === 'replica' ? policy.copies : policy.k + policy.m
}

function planReplicas(
  group: PlacementGroup,
  holdersOf: (id: ContentId) => readonly PeerId[],
  candidates: readonly PlacementCandidate[],
): CopyWanted[] {
  const wanted: CopyWanted[] = []
  for (const id of group.ids) {
    const holders = holdersOf(id)
    if (holders.length >= group.copies) continue
    const taken = holders.map((peer) => ({ peer, failureDomain: domainOf(peer, candidates) }))
    const targets = placeChunks(group.key, candidates, group.copies - holders.length, taken)
    for (const { peer } of targets) wanted.push({ id, peer, group })
  }
  return wanted
}

function planStripe(
  group: PlacementGroup,
  holdersOf: (id: ContentId) => readonly PeerId[],
  candidates: readonly PlacementCandidate[],
): CopyWanted[] {
  // Places, not ids: where shards are equal bytes, as in a stripe of one chunk, each still needs a peer of its own.
  const holders = group.places.map(holdersOf)
  const peers = new Set([...holders.flat(), ...candidates.map(({ peer }) => peer)])
  if (peers.size === 0) return []
  const shardsPerPeer = Math.ceil(group.places.length / peers.size)
  const matched = matchShards(holders, shardsPerPeer)
  const load = new Map<PeerId, number>()
  for (const peer of matched) if (peer !== undefined) load.set(peer, (load.get(peer) ?? 0) + 1)
  const wanted: CopyWanted[] = []
  for (const [place, id] of group.places.entries()) {
    if (matched[place] !== undefined) continue
    const least = (limit: number) => candidates.filter(({ peer }) => (load.get(peer) ?? 0) < limit)
    // Those with fewest shards first; a second shard goes to anybody only when everybody has one.
    let open: PlacementCandidate[] = []
    for (let limit = 1; limit <= shardsPerPeer && open.length === 0; limit++) open = least(limit)
    const taken = [...load.keys()].map((peer) => ({ peer, failureDomain: domainOf(peer, candidates) }))
    const others = taken.filter(({ peer }) => !open.some((candidate) => candidate.peer === peer))
    const target = placeChunks(group.key, open, 1, others)[0]
    if (target === undefined) continue
    load.set(target.peer, (load.get(target.peer) ?? 0) + 1)
    if (!holders[place]?.includes(target.peer)) wanted.push({ id, peer: target.peer, group })
  }
  return wanted
}

/** Peers that take nothing more are still in some domain; unknown ones stand for themselves. */
function domainOf(peer: PeerId, candidates: readonly PlacementCandidate[]): string {
  return candidates.find((candidate) => candidate.peer === peer)?.failureDomain ?? peer
}

/** In memory of its own: keys are kept for long, and a `Buffer` this short would keep 64 KiB of Node's pool with it. */
function keyOf(root: ContentId, part: number): Uint8Array {
  const digest = digestOf(root)
  const key = new Uint8Array(digest.byteLength + 4)
  key.set(digest)
  new DataView(key.buffer).setUint32(digest.byteLength, part)
  return key
}
