import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ChunkLeases } from '../storage/chunk-leases.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { Keeper, KeptObjects } from './kept-objects.ts'
import type { ManifestReader, OpenTransfer } from './manifest-reader.ts'

/** Chunks being fetched and stored at once. */
const AT_ONCE_MAX = 16

/** What keeping needs. */
export interface KeepChunksParts {
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
  const waiting = [...new Set([facts.root, ...manifest.shape.pageIds, ...input.ids])]
  let stored: ContentId[] = []
  let next = 0
  let running = 0
  let failure: { error: unknown } | undefined
  let change = Promise.withResolvers<void>()
  const store = async (id: ContentId, order: number) => {
    lease.add(id)
    try {
      await transfer.store(id, { order })
      stored.push(id)
    } catch (error) {
      failure ??= { error }
    }
    running--
    change.resolve()
  }
  try {
    while (true) {
      for (; running < AT_ONCE_MAX && failure === undefined; running++) {
        const id = waiting[next]
        if (id === undefined) break
        void store(id, next++)
      }
      if (running === 0 && stored.length === 0) break
      if (stored.length === 0) await change.promise
      change = Promise.withResolvers()
      // What came together is written down together.
      const ids = stored
      stored = []
      if (ids.length === 0) continue
      await parts.kept.keep(facts, keeper, ids, keepOptions)
      for (const id of ids) if (wanted.has(id)) yield id
    }
  } finally {
    transfer.close()
    lease.release()
  }
  if (failure !== undefined) throw failure.error
}
