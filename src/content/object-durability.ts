import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { AuditLedger } from './audit-ledger.ts'
import type { ObjectDurability } from './content.ts'
import type { MembersNow } from './counting-members.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import { anyOf, lossOdds, type RepairTimes, unreadableShare } from './durability-odds.ts'
import { matchShards } from './match-shards.ts'
import { type PlacementGroup, strengthOfObject, targetOf } from './plan-copies.ts'

/** Chunks of an object whose proofs are looked up per holder. */
const PROOFS_LOOKED_UP_MAX = 64

/** What the odds are made of, as measured here. */
export interface MeasuredRates {
  leavesPerDay: number
  repairMs: RepairTimes
}

/** What is known now about how safe an object is: pure, over who holds what. */
export function durabilityOf(
  object: ObjectFacts,
  groups: readonly PlacementGroup[],
  holdersOf: (id: ContentId) => readonly PeerId[],
  facts: { self: PeerId; members: MembersNow; proofs: Pick<AuditLedger, 'lastProved'>; rates: MeasuredRates },
): Omit<ObjectDurability, 'keptHere'> {
  const { self, members, rates } = facts
  const { confirmed, margin } = strengthOfObject(groups, holdersOf)
  const holders = new Map<PeerId, ContentId[]>()
  let domains = Infinity
  const odds = new Map<string, { lost: number; unread: number }>()
  for (const group of groups) {
    const units = unitsOf(group, holdersOf, members)
    // The manifest has copies of its own, also where nothing of the content is.
    const isContent = group.kind !== 'manifest' || groups.length === 1
    if (isContent) domains = Math.min(domains, units.alive)
    // Groups on the same peers are lost and unreadable together, not each by itself.
    const who = [...units.peers].sort().join()
    const needed = group.kind === 'stripe' ? Math.max(group.needed, 1) : 1
    const key = `${units.total} ${units.alive} ${needed} ${who}`
    if (!odds.has(key)) {
      const { total, alive } = units
      odds.set(key, {
        lost: lossOdds({ total, needed, alive, ...rates }),
        unread: unreadableShare(units.peers.map(members.uptimeOf), needed),
      })
    }
    for (const id of isContent ? group.ids : []) {
      for (const peer of holdersOf(id)) {
        const ids = holders.get(peer) ?? []
        ids.push(id)
        holders.set(peer, ids)
      }
    }
  }
  const { root: id, sizeBytes, policy } = object
  const proved = [...holders].flatMap(([peer, ids]) =>
    peer === self ? [] : (lastProof(facts.proofs, peer, ids) ?? []),
  )
  return {
    id,
    sizeBytes,
    policy,
    confirmed,
    target: targetOf(policy),
    needed: policy.kind === 'replica' ? 1 : policy.k,
    margin,
    domains,
    holders: [...holders.keys()],
    provedBy: proved.length,
    lastProvedAt: proved.length === 0 ? undefined : Math.min(...proved),
    lossOddsPerYear: anyOf([...odds.values()].map(({ lost }) => lost)),
    unreadableShare: anyOf([...odds.values()].map(({ unread }) => unread)),
  }
}

/** What can be lost by itself: peers that fail together are one. */
function unitsOf(
  group: PlacementGroup,
  holdersOf: (id: ContentId) => readonly PeerId[],
  members: MembersNow,
): { total: number; alive: number; peers: PeerId[] } {
  if (group.kind === 'stripe') {
    const inDomains = matchShards(
      group.places.map((id) => holdersOf(id).map((peer) => members.failureDomainOf(peer) as PeerId)),
    ).filter((domain) => domain !== undefined).length
    const peers = matchShards(group.places.map(holdersOf)).filter((peer) => peer !== undefined)
    return { total: group.places.length, alive: inDomains, peers }
  }
  const least = group.ids.map(holdersOf).reduce((a, b) => (b.length < a.length ? b : a))
  const domains = new Set(least.map(members.failureDomainOf))
  return { total: group.copies, alive: domains.size, peers: [...least] }
}

function lastProof(
  proofs: Pick<AuditLedger, 'lastProved'>,
  peer: PeerId,
  ids: readonly ContentId[],
): number | undefined {
  const times = ids.slice(0, PROOFS_LOOKED_UP_MAX).flatMap((id) => proofs.lastProved(peer, id) ?? [])
  return times.length === 0 ? undefined : Math.max(...times)
}
