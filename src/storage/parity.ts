import type { ContentId } from '../core/content-id.ts'
import { type Digester, inlineDigester } from '../core/digester.ts'
import { InvalidInputError } from '../core/errors.ts'
import { type Chunk, chunkOf, hashChunk } from './chunk.ts'
import { freshMemory } from './chunk-memory.ts'
import type { ErasureCode } from './erasure-code.ts'
import { StripeInconsistentError } from './errors.ts'
import type { StripePlaces } from './manifest-layout.ts'
import { StripeMemory } from './stripe-memory.ts'

/** What leaves `addParity`: the chunks as they came, and after each stripe its parity. */
export type StripedChunk =
  | { kind: 'data'; chunk: Chunk; stripe: number; shard: number }
  | { kind: 'parity'; chunk: Chunk; stripe: number; shard: number }

/** How parity is made. */
export interface ParityOptions {
  /** Where the chunks' bytes came from. @default memory of its own */
  memory?: StripeMemory
  /** @default in this thread */
  digester?: Digester
}

/**
 * Lets chunks through and adds, after every `k` of them and at the end, the `m` parity chunks of their stripe.
 * Holds one stripe. Shards are padded with zeros to the stripe's longest chunk, rounded up to
 * `SHARD_ALIGNMENT_BYTES`; a last stripe with fewer than k chunks is filled with shards of zeros that nobody stores.
 *
 * Chunks whose bytes were taken from `memory` are not copied for it. Parity chunks come from there: whoever gets one
 * is its user, as with a data chunk.
 */
export async function* addParity(
  chunks: AsyncIterable<Chunk>,
  code: ErasureCode,
  options: ParityOptions = {},
): AsyncGenerator<StripedChunk> {
  const { digester = inlineDigester, memory = new StripeMemory({ outside: freshMemory }) } = options
  memory.begin(code)
  let stripe = 0
  let held: Chunk[] = []
  for await (const chunk of chunks) {
    held.push(chunk)
    // Whoever stores it may be done with it before the stripe is whole.
    memory.share(chunk.bytes)
    yield { kind: 'data', chunk, stripe, shard: held.length - 1 }
    if (held.length < code.k) continue
    yield* parityOf(held, { stripe, k: code.k, memory, digester })
    held = []
    stripe++
  }
  if (held.length > 0) yield* parityOf(held, { stripe, k: code.k, memory, digester })
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

async function* parityOf(
  held: readonly Chunk[],
  at: { stripe: number; k: number; memory: StripeMemory; digester: Digester },
): AsyncGenerator<StripedChunk> {
  const { stripe, k, memory, digester } = at
  const coming = memory.parityOf(held.map(({ bytes }) => bytes)).map((bytes) => {
    const chunk = hashChunk(bytes, digester)
    // Whoever comes to it gets the error; before that it is nobody's.
    chunk.catch(() => {})
    return chunk
  })
  for (const { bytes } of held) memory.release(bytes)
  for (const [index, chunk] of coming.entries()) {
    yield { kind: 'parity', chunk: await chunk, stripe, shard: k + index }
  }
}

function padded(bytes: Uint8Array, lengthBytes: number): Uint8Array {
  if (bytes.byteLength === lengthBytes) return bytes
  const shard = new Uint8Array(lengthBytes)
  shard.set(bytes)
  return shard
}
