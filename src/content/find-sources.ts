import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { Holdings } from './holdings.ts'

/** Providers taken from the DHT for one id. */
const PROVIDERS_MAX = 20
/** Ids looked up on the DHT in one search: the object, and some of the chunks that are stuck. */
const LOOKUPS_MAX = 8
/** A look-up ends by then, so that a dead DHT delays the answer only so much. */
const LOOKUP_TIMEOUT_MS = 8_000

/**
 * Peers said to have one of `ids`, each once: first what the index of kept keys knows, then the DHT. Works with
 * either alone; a look-up that fails is only logged.
 */
export async function* findSources(
  parts: { network: Network; holdings: Holdings; log: Logger },
  ids: readonly ContentId[],
  options: { signal: AbortSignal; timeoutMs: number },
): AsyncGenerator<PeerId> {
  const seen = new Set<PeerId>([parts.network.peerId])
  const asked = [...new Set(ids)].slice(0, LOOKUPS_MAX)
  for (const id of asked) {
    for (const peer of parts.holdings.keepersOf(id)) {
      if (seen.has(peer)) continue
      seen.add(peer)
      yield peer
    }
  }
  const timeoutMs = Math.min(LOOKUP_TIMEOUT_MS, options.timeoutMs / 2)
  const found: PeerId[] = []
  let wake: () => void = () => {}
  let running = asked.length
  for (const id of asked) {
    void lookUp(parts, id, { signal: options.signal, timeoutMs }, (peer) => {
      if (!seen.has(peer)) found.push(peer)
      seen.add(peer)
      wake()
    }).finally(() => {
      running--
      wake()
    })
  }
  while (running > 0 || found.length > 0) {
    const peer = found.shift()
    if (peer !== undefined) yield peer
    else {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

async function lookUp(
  parts: { network: Network; log: Logger },
  id: ContentId,
  options: { signal: AbortSignal; timeoutMs: number },
  onFound: (peer: PeerId) => void,
): Promise<void> {
  try {
    for await (const provider of parts.network.findProviders(id, { ...options, limit: PROVIDERS_MAX })) {
      if (provider.addresses.length > 0) await parts.network.remember(provider)
      onFound(provider.peer)
    }
  } catch (error) {
    if (!options.signal.aborted) parts.log.debug('look-up on the DHT failed', { id, error })
  }
}
