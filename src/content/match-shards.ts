import type { PeerId } from '../core/signing-key.ts'

/**
 * Which peer counts for which shard of a stripe, given who holds what, so that as many shards as possible are
 * told to peers with at most `shardsPerPeer` each: a largest bipartite matching (Kuhn 1955). With one shard per
 * peer its size is the stripe's real strength: two shards on one machine are lost together.
 *
 * @param holders for each shard the peers that hold it.
 * @returns for each shard the peer that counts for it, or undefined when nobody is left to count.
 */
export function matchShards(
  holders: readonly (readonly PeerId[])[],
  shardsPerPeer = 1,
): (PeerId | undefined)[] {
  const matched: (PeerId | undefined)[] = holders.map(() => undefined)
  const shardsOf = new Map<PeerId, number[]>()
  const tryPlace = (shard: number, seen: Set<PeerId>): boolean => {
    for (const peer of holders[shard] ?? []) {
      if (seen.has(peer)) continue
      seen.add(peer)
      const shards = shardsOf.get(peer) ?? []
      shardsOf.set(peer, shards)
      const place =
        shards.length < shardsPerPeer ? shards.length : shards.findIndex((other) => tryPlace(other, seen))
      if (place < 0) continue
      shards[place] = shard
      matched[shard] = peer
      return true
    }
    return false
  }
  for (let shard = 0; shard < holders.length; shard++) tryPlace(shard, new Set())
  return matched
}

/**
 * How many peers may be lost, in the worst order, before fewer than `needed` different shards are left; −1 when
 * that is so already. Greedy: the peer whose loss takes most goes first; exact when no shard is held twice or
 * every peer holds all.
 */
export function lossMargin(holders: readonly (readonly PeerId[])[], needed: number): number {
  if (holders.every(({ length }) => length <= 1)) return marginOfSingles(holders.flat(), needed)
  const left = new Map<PeerId, Set<number>>()
  for (const [shard, peers] of holders.entries()) {
    for (const peer of peers) left.set(peer, (left.get(peer) ?? new Set()).add(shard))
  }
  const shardsLeft = () => new Set([...left.values()].flatMap((shards) => [...shards])).size
  if (shardsLeft() < needed) return -1
  let lost = 0
  for (;;) {
    let worst: { peer: PeerId; remaining: number; own: number } | undefined
    for (const [peer, shards] of [...left]) {
      left.delete(peer)
      const remaining = shardsLeft()
      left.set(peer, shards)
      const better =
        worst === undefined ||
        remaining < worst.remaining ||
        (remaining === worst.remaining && shards.size > worst.own)
      if (better) worst = { peer, remaining, own: shards.size }
    }
    if (worst === undefined || worst.remaining < needed) return lost
    left.delete(worst.peer)
    lost++
  }
}

/** The same where no shard is held twice: whoever holds most goes first. */
function marginOfSingles(holders: readonly PeerId[], needed: number): number {
  const counts = [...Map.groupBy(holders, (peer) => peer).values()].map(({ length }) => length)
  let left = holders.length
  let lost = -1
  for (const count of counts.toSorted((a, b) => b - a)) {
    if (left < needed) return lost
    lost++
    left -= count
  }
  return left < needed ? lost : counts.length
}
