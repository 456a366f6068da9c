import type { ContentId } from '../core/content-id.ts'
import type { Chunk } from '../storage/chunk.ts'

/** A stripe of the object: the ids of its k + m shards and how to get the missing ones back from any k. */
export interface Stripe {
  k: number
  ids: readonly ContentId[]
  /** What the code was made with; a short last stripe has fewer data shards than its k. */
  shape: { k: number; m: number }
  /** Every place of the code, data first; undefined where a short last stripe has none and the code sees zeros. */
  places: readonly ({ id: ContentId; sizeBytes: number } | undefined)[]
  /** Length of the parity shards; for the code, shorter data shards end in zeros. */
  shardBytes: number
  /** @param held at least k of them. @returns all that are not in `held`, checked against their ids. */
  rebuild(held: ReadonlyMap<ContentId, Uint8Array>): Chunk[]
}

/** Any k shards of a stripe, from wherever `get` finds them first. @throws the signal's reason. */
export function collectShards(
  stripe: Stripe,
  get: (id: ContentId) => Promise<Uint8Array>,
  signal: AbortSignal,
): Promise<Map<ContentId, Uint8Array>> {
  const held = new Map<ContentId, Uint8Array>()
  // Places, not ids: two equal chunks of a stripe fill two places with one id.
  let places = 0
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    for (const id of stripe.ids) {
      const take = (bytes: Uint8Array) => {
        held.set(id, bytes)
        places++
        if (places === stripe.k) resolve(held)
      }
      get(id).then(take, () => {})
    }
  })
}
