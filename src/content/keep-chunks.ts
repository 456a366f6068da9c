import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ChunkLeases } from '../storage/chunk-leases.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { Keeper, KeptObjects } from './kept-objects.ts'
import type { ManifestReader, OpenTransfer } from './manifest-reader.ts'
import { storeChunks } from './store-chunks.ts'

/** What keeping needs. */
export interface KeepChunksParts {
  clock: Clock
  kept: KeptObjects
  leases: ChunkLeases
  manifests: ManifestReader
  openTransfer: OpenTransfer
}

/**
 * Fetches chunks of an object, from any peer or rebuilt from parity, and keeps them here together with the
 * object's manifest; yields each when it is durable and kept.
 * @throws the transfer's errors, after what could be had was kept.
 */
export async function* keepChunks(
  parts: KeepChunksParts,
  input: {
    facts: ObjectFacts
    ids: readonly ContentId[]
    hints: readonly PeerId[]
    keeper: Keeper
    expiresAt?: number
    guessed?: boolean
  },
  options: { signal?: AbortSignal; timeoutMs: number },
): AsyncGenerator<ContentId> {
  const { facts, keeper } = input
  const { manifest, sources } = await parts.manifests.load(facts.root, options)
  const transfer = parts.openTransfer({
    ...options,
    root: facts.root,
    catalogue: [facts.root, ...manifest.shape.pageIds, ...manifest.catalogue],
    foundBefore: true,
    hints: [...input.hints, ...sources],
    stripeOf: (id) => manifest.stripeOf(id),
  })
  const lease = parts.leases.hold()
  const { expiresAt, guessed } = input
  const keepOptions = {
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(guessed === undefined ? {} : { guessed }),
  }
  const wanted = new Set(input.ids)
  // Whoever keeps a part must be able to repair the whole.
  const ids = [...new Set([facts.root, ...manifest.shape.pageIds, ...input.ids])]
  try {
    const { chunkBytesMax } = manifest
    for await (const group of storeChunks({ clock: parts.clock, transfer, lease }, { ids, chunkBytesMax })) {
      await parts.kept.keep(facts, keeper, group, keepOptions)
      for (const id of group) if (wanted.has(id)) yield id
    }
  } finally {
    transfer.close()
    lease.release()
  }
}
