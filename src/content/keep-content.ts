import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { KeepContentOptions } from './content.ts'
import { type KeepChunksParts, keepChunks } from './keep-chunks.ts'
import { RETRIEVE_TIMEOUT_MS } from './retrieve-content.ts'

/** Keeps a whole object here, because somebody on this machine wants it, fetching what is missing. */
export async function keepContent(
  parts: KeepChunksParts & { self: PeerId },
  id: ContentId,
  options: KeepContentOptions = {},
): Promise<void> {
  const { kept, manifests, self } = parts
  const call = {
    timeoutMs: options.timeoutMs ?? RETRIEVE_TIMEOUT_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
  const { manifest, sources } = await manifests.load(id, call)
  const told = options.facts ?? kept.get(id)
  const facts = {
    root: id,
    // A manifest tells its parity, but neither how many copies there shall be nor who made it.
    publisher: told?.publisher ?? self,
    policy: told?.policy ?? manifest.policy,
    sizeBytes: manifest.sizeBytes,
  }
  const ids = [id, ...manifest.shape.pageIds, ...new Set(manifest.shape.dataIds)]
  const wish = {
    facts,
    ids,
    hints: sources,
    keeper: 'self' as const,
    guessed: told === undefined,
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
  }
  let done = 0
  for await (const _ of keepChunks(parts, wish, call)) {
    done++
    options.onProgress?.({ phase: 'fetch', done, total: ids.length, unit: 'chunks' })
  }
}
