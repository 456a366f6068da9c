import type { ContentId } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { type Chunk, chunkOf } from './chunk.ts'
import { type ErasureCode, SHARD_ALIGNMENT_BYTES } from './erasure-code.ts'
import { StripeInconsistentError } from './errors.ts'
import type { StripePlaces } from './manifest-layout.ts'

/** What leaves `addParity`: the chunks as they came, and after each stripe its parity. */
export type StripedChunk =
  | { kind: 'data'; chunk: Chunk; stripe: number; shard: number }
  | { kind: 'parity'; chunk: Chunk; stripe: number; shard: number }

/**
 * Lets chunks through and adds, after every `k` of them and at the end, the `m` parity chunks of their stripe.
 * Holds one stripe. Shards are padded with zeros to the stripe's longest chunk, rounded up to
 * `SHARD_ALIGNMENT_BYTES`; a last stripe with fewer than k chunks is filled with shards of zeros that nobody stores.
 */
export async function* addParity(
  chunks: AsyncIterable<Chunk>,
  code: ErasureCode,
): AsyncGenerator<StripedChunk> {
  let stripe = 0
  let held: Chunk[] = []
  for await (const chunk of chunks) {
    held.push(chunk)
    yield { kind: 'data', chunk, stripe, shard: held.length - 1 }
    if (held.length < code.k) continue
    yield* parityOf(held, stripe, code)
    held = []
    stripe++
  }
  if (held.length > 0) yield* parityOf(held, stripe, code)
}

/** The ids of a stripe's shards: k data places (undefined where the last stripe has none) and m parity. */
export function shardIds(stripe: StripePlaces, k: number): (ContentId | undefined)[] {
  const data = Array.from({ length: k }, (_, shard) => stripe.data[shard]?.id)
  return [...data, ...stripe.parityIds]
}

/**
 * Rebuilds every chunk and parity chunk of a stripe that `held` lacks. What it returns is checked against the ids.
 * @param held bytes by id, already verified; k of the stripe's shards are enough, counting the empty places
 *   of a short stripe.
 * @throws NotEnoughShardsError; StripeInconsistentError when the publisher's parity was wrong.
 */
export function rebuildStripe(
  stripe: StripePlaces,
  held: ReadonlyMap<ContentId, Uint8Array>,
  code: ErasureCode,
): Chunk[] {
  const { shardBytes } = stripe
  const ids = shardIds(stripe, code.k)
  if (ids.length !== code.k + code.m) {
    throw new InvalidInputError({ what: 'The stripe', reason: `it has not ${code.k} and ${code.m} shards` })
  }
  const zeros = new Uint8Array(shardBytes)
  const missing: { shard: number; id: ContentId; sizeBytes: number }[] = []
  const shards = ids.map((id, shard) => {
    if (id === undefined) return zeros
    const bytes = held.get(id)
    const sizeBytes = stripe.data[shard]?.sizeBytes ?? shardBytes
    // A shard of another length would spoil the others; the manifest says what is right.
    if (bytes !== undefined && bytes.byteLength === sizeBytes) return padded(bytes, shardBytes)
    missing.push({ shard, id, sizeBytes })
    return undefined
  })
  if (missing.length === 0) return []
  const rebuilt = code.reconstruct(shards)
  return missing.map(({ shard, id, sizeBytes }) => {
    const chunk = chunkOf((rebuilt[shard] as Uint8Array).subarray(0, sizeBytes))
    if (chunk.id !== id) throw new StripeInconsistentError({ stripe: stripe.index, id })
    return chunk
  })
}

function* parityOf(held: readonly Chunk[], stripe: number, code: ErasureCode): Generator<StripedChunk> {
  const longest = held.reduce((most, { bytes }) => Math.max(most, bytes.byteLength), 0)
  const shardBytes = Math.ceil(longest / SHARD_ALIGNMENT_BYTES) * SHARD_ALIGNMENT_BYTES
  const data = held.map(({ bytes }) => padded(bytes, shardBytes))
  const zeros = data.length < code.k ? new Uint8Array(shardBytes) : undefined
  while (zeros !== undefined && data.length < code.k) data.push(zeros)
  for (const [index, bytes] of code.encode(data).entries()) {
    yield { kind: 'parity', chunk: chunkOf(bytes), stripe, shard: code.k + index }
  }
}

function padded(bytes: Uint8Array, lengthBytes: number): Uint8Array {
  if (bytes.byteLength === lengthBytes) return bytes
  const shard = new Uint8Array(lengthBytes)
  shard.set(bytes)
  return shard
}
