import type { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ChunkLeases } from '../storage/chunk-leases.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { Keeper, KeptObjects } from './kept-objects.ts'
import type { ManifestReader, OpenTransfer } from './manifest-reader.ts'

/** Chunks being fetched and stored at once. */
const AT_ONCE_MAX = 16

/** What keeping needs. */
export interface KeepChunksParts {
  chunks: ChunkStore
  buffers: BufferPool
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
  const keep = async (id: ContentId, order: number): Promise<ContentId> => {
    lease.add(id)
    const bytes = await transfer.get(id, { order })
    try {
      await parts.chunks.put(id, bytes)
    } finally {
      parts.buffers.release(bytes)
    }
    const { expiresAt, guessed } = input
    await parts.kept.keep(facts, keeper, [id], {
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(guessed === undefined ? {} : { guessed }),
    })
    return id
  }
  const wanted = new Set(input.ids)
  // Whoever keeps a part must be able to repair the whole.
  const waiting = [...new Set([facts.root, ...manifest.shape.pageIds, ...input.ids])]
  const running = new Map<ContentId, Promise<ContentId>>()
  let order = 0
  let failure: { error: unknown } | undefined
  try {
    while (waiting.length > 0 || running.size > 0) {
      while (running.size < AT_ONCE_MAX && failure === undefined) {
        const id = waiting.shift()
        if (id === undefined) break
        running.set(id, keep(id, order++))
      }
      const settled = [...running].map(([id, kept]) =>
        kept.then(
          () => ({ id, error: undefined }),
          (error: unknown) => ({ id, error: error ?? new Error('no reason given') }),
        ),
      )
      if (settled.length === 0) break
      const { id, error } = await Promise.race(settled)
      running.delete(id)
      if (error !== undefined) failure ??= { error }
      else if (wanted.has(id)) yield id
    }
  } finally {
    transfer.close()
    lease.release()
  }
  if (failure !== undefined) throw failure.error
}
