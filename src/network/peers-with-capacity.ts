import type { PeerId } from '../core/signing-key.ts'

/** What is known of a peer's room. */
export interface PeerCapacity {
  peer: PeerId
  /** Bytes it still offers. */
  freeBytes: number
  /** Requests it could take besides those underway. */
  freeSlots: number
  /** From `Reputation.score`. */
  score: number
}

/** Those of `peers` with at least `sizeBytes` and one slot free, the most trusted first, then the roomiest. */
export function peersWithCapacity<Peer extends PeerCapacity>(
  peers: readonly Peer[],
  needed: { sizeBytes: number },
): Peer[] {
  return peers
    .filter(({ freeBytes, freeSlots }) => freeBytes >= needed.sizeBytes && freeSlots > 0)
    .toSorted((a, b) => b.score - a.score || b.freeBytes - a.freeBytes || (a.peer < b.peer ? -1 : 1))
}
