import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { askHave } from './dds-client.ts'
import type { Holdings } from './holdings.ts'
import type { HoldersOf } from './known-copies.ts'
import type { PlacementGroup } from './plan-copies.ts'

/** Other holders asked, before a repair, whether somebody who is away keeps what seems missing. */
const PEERS_ASKED_MAX = 3
const ASK_TIMEOUT_MS = 5_000

/**
 * A member that is away for a short while may keep what seems missing without our ever having heard it: other
 * holders are asked. Their word only lets us wait; it ends with the grace, and the member itself corrects it.
 */
export async function hearOfAbsent(
  parts: { network: Network; holdings: Holdings },
  lacking: readonly { group: PlacementGroup; ids: readonly ContentId[] }[],
  options: { absent: ReadonlySet<PeerId>; holdersOf: HoldersOf; signal: AbortSignal },
): Promise<void> {
  const { network, holdings } = parts
  const { absent, holdersOf, signal } = options
  if (absent.size === 0) return
  for (const { group, ids } of lacking) {
    // Chunks of a group of copies lie together; the shards of a stripe each lie alone.
    const asked = group.kind === 'stripe' ? [...new Set(ids)] : ids.slice(0, 1)
    const others = new Set(group.ids.flatMap(holdersOf))
    others.delete(network.peerId)
    const reachable = [...others].filter((peer) => !absent.has(peer)).slice(0, PEERS_ASKED_MAX)
    for (const id of asked) {
      for (const peer of reachable) {
        const call = { signal, timeoutMs: ASK_TIMEOUT_MS }
        const answer = await askHave(network, peer, { ids: [id] }, call).catch(() => undefined)
        for (const holder of answer?.knownHolders ?? []) {
          if (absent.has(holder)) holdings.noteKept(holder, group.kind === 'stripe' ? [id] : group.ids)
        }
      }
    }
  }
}
