import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { Community } from './community.ts'
import { askHave } from './dds-client.ts'
import { HAVE_IDS_MAX } from './dds-protocol.ts'
import { findSources } from './find-sources.ts'
import type { Holdings } from './holdings.ts'

/** Peers asked in one search. */
const PEERS_MAX = 64
const TIMEOUT_MS = 5_000

/**
 * Who really has each of `ids` (at most 1,000) now, us included: whoever the index of kept keys, the DHT or a
 * connection suggests is asked, all at once, each for all ids.
 */
export async function findHolders(
  parts: { network: Network; community: Community; chunks: ChunkStore; holdings: Holdings; log: Logger },
  ids: readonly ContentId[],
  options: { signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<Map<ContentId, PeerId[]>> {
  const { network, community, chunks, holdings } = parts
  const asked = ids.slice(0, HAVE_IDS_MAX)
  const found = new Map<ContentId, PeerId[]>(asked.map((id) => [id, []]))
  for (const id of asked) if (await chunks.has(id)) found.get(id)?.push(network.peerId)
  const call = {
    signal: options.signal ?? new AbortController().signal,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
  }
  const questions = new Map<PeerId, Promise<void>>()
  const ask = (peer: PeerId) => {
    if (peer === network.peerId || questions.has(peer) || questions.size >= PEERS_MAX) return
    const question = askHave(network, peer, { ids: asked }, call).then(
      ({ held }) => {
        for (const [place, id] of asked.entries()) {
          if (held[place]) found.get(id)?.push(peer)
          else if (holdings.keeps(peer, id)) holdings.noteLost(peer, [id])
        }
      },
      (error) => parts.log.debug('peer not asked', { peer, error }),
    )
    questions.set(peer, question)
  }
  for (const { peer } of network.connectedPeers()) if (community.isMember(peer)) ask(peer)
  for await (const peer of findSources(parts, asked, call)) ask(peer)
  await Promise.all(questions.values())
  return found
}
