import type { ContentId } from '../core/content-id.ts'
import { chunkBytesMax } from '../storage/chunking-profile.ts'
import { type ContentManifest, decodeManifest } from '../storage/content-manifest.ts'
import { InvalidManifestError } from '../storage/errors.ts'
import { ManifestLayout, type PageReader, type StripePlaces } from '../storage/manifest-layout.ts'
import { rebuildStripe, shardIds } from '../storage/parity.ts'
import { createErasureCode } from '../storage/reed-solomon.ts'
import type { DurabilityPolicy } from './content.ts'
import { ContentCorruptError } from './errors.ts'
import type { ObjectShape } from './plan-copies.ts'
import type { Stripe } from './stripe-rebuild.ts'

/** Chunks of one object whose ids are held in memory: about 130 bytes each; 1 TiB in chunks of 1 MiB. */
const CHUNKS_MAX = 1_100_000

/** A manifest with all its pages, ready to find chunks by place, by offset and by stripe. */
export interface ObjectManifest {
  readonly shape: ObjectShape
  readonly kind: 'file' | 'folder'
  /** Length of the content as chunked (encrypted, when it is encrypted). */
  readonly sizeBytes: number
  readonly sha256: Uint8Array
  /** As far as the manifest tells: its parity, or else three copies. */
  readonly policy: DurabilityPolicy
  /** Name of the encryption scheme. */
  readonly encryption: string | undefined
  readonly chunkBytesMax: number
  /** Data and parity ids, each once: what a transfer may want. */
  readonly catalogue: readonly ContentId[]
  sizeOf(index: number): number
  offsetOf(index: number): number
  /** The chunk that holds this byte. */
  chunkAt(offset: number): number
  /** The stripe with this data or parity chunk; undefined without parity. */
  stripeOf(id: ContentId): Stripe | undefined
}

/**
 * Reads a manifest and its pages.
 * @throws ContentCorruptError when the bytes are no manifest, or an unreasonable one; what `readPage` throws.
 */
export async function readObjectManifest(
  root: ContentId,
  bytes: Uint8Array,
  readPage: PageReader,
  options: { signal?: AbortSignal } = {},
): Promise<ObjectManifest> {
  try {
    const manifest = decodeManifest(bytes)
    if (manifest.chunkCount > CHUNKS_MAX) {
      throw new InvalidManifestError({ reason: `it lists ${manifest.chunkCount} chunks, over ${CHUNKS_MAX}` })
    }
    return await loadAll(root, manifest, new ManifestLayout(manifest, readPage), options)
  } catch (error) {
    if (!(error instanceof InvalidManifestError)) throw error
    throw new ContentCorruptError({
      id: root,
      reason: `what is stored under this id is not a valid manifest (${error.message})`,
      cause: error,
    })
  }
}

async function loadAll(
  root: ContentId,
  manifest: ContentManifest,
  layout: ManifestLayout,
  options: { signal?: AbortSignal },
): Promise<ObjectManifest> {
  const { k, m } = manifest
  const dataIds: ContentId[] = []
  const offsets: number[] = []
  for await (const { id, offset } of layout.chunks(0, layout.chunkCount, options)) {
    dataIds.push(id)
    offsets.push(offset)
  }
  const places: StripePlaces[] = []
  for (let index = 0; index < layout.stripeCount; index++) places.push(await layout.stripe(index, options))
  const sizeOf = (index: number) => (offsets[index + 1] ?? manifest.sizeBytes) - (offsets[index] ?? 0)
  const stripes = places.map(({ data, parityIds }) => [...data.map(({ id }) => id), ...parityIds])
  const stripeIndexOf = new Map<ContentId, number>()
  for (const [index, ids] of stripes.entries()) for (const id of ids) stripeIndexOf.set(id, index)
  return {
    shape: { root, pageIds: manifest.pages.map(({ id }) => id), dataIds, stripes },
    kind: manifest.kind,
    sizeBytes: manifest.sizeBytes,
    sha256: manifest.sha256,
    policy: k > 0 ? { kind: 'rs', k, m } : { kind: 'replica', copies: 3 },
    encryption: manifest.encryption?.scheme,
    chunkBytesMax: chunkBytesMax(manifest.profile),
    catalogue: [...new Set([...dataIds, ...stripes.flat()])],
    sizeOf,
    offsetOf: (index) => offsets[index] ?? 0,
    chunkAt: (offset) => lastAtMost(offsets, offset),
    stripeOf(id) {
      const index = stripeIndexOf.get(id) ?? -1
      const ids = stripes[index]
      const stripe = places[index]
      if (ids === undefined || stripe === undefined) return undefined
      // The empty places of a short last stripe count as shards that are always there.
      return {
        k: stripe.data.length,
        ids,
        shape: { k, m },
        places: shardIds(stripe, k).map((id, place) =>
          id === undefined
            ? undefined
            : { id, sizeBytes: stripe.data[place]?.sizeBytes ?? stripe.shardBytes },
        ),
        shardBytes: stripe.shardBytes,
        rebuild: (held) => rebuildStripe(stripe, held, createErasureCode(k, m)),
      }
    },
  }
}

/** Index of the last number that is at most `wanted`. */
function lastAtMost(sorted: readonly number[], wanted: number): number {
  let low = 0
  let high = sorted.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) <= wanted) low = middle
    else high = middle
  }
  return low
}
