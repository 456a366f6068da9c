import type { PeerId } from '../core/signing-key.ts'

/**
 * How many of a stripe's shards can be told to distinct peers, given who holds what: a largest bipartite
 * matching (Kuhn 1955). It is the stripe's real strength: two shards on one machine are lost together.
 *
 * @param holders for each shard the peers that hold it.
 * @returns for each shard the peer that counts for it, or undefined when nobody is left to count.
 */
export function matchShards(holders: readonly (readonly PeerId[])[]): (PeerId | undefined)[] {
  const shardOf = new Map<PeerId, number>()
  const tryPlace = (shard: number, seen: Set<PeerId>): boolean => {
    for (const peer of holders[shard] ?? []) {
      if (seen.has(peer)) continue
      seen.add(peer)
      const other = shardOf.get(peer)
      if (other === undefined || tryPlace(other, seen)) {
        shardOf.set(peer, shard)
        return true
      }
    }
    return false
  }
  for (let shard = 0; shard < holders.length; shard++) tryPlace(shard, new Set())
  const matched: (PeerId | undefined)[] = holders.map(() => undefined)
  for (const [peer, shard] of shardOf) matched[shard] = peer
  return matched
}
