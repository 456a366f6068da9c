import { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import { type Digester, inlineDigester } from '../core/digester.ts'
import { InvalidInputError } from '../core/errors.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import { type Chunk, chunkOf, hashChunk } from './chunk.ts'
import type { ErasureCode, StripeRoom } from './erasure-code.ts'
import { StripeInconsistentError } from './errors.ts'
import type { StripePlaces } from './manifest-layout.ts'

/** What leaves `addParity`: the chunks as they came, and after each stripe its parity. */
export type StripedChunk =
  | { kind: 'data'; chunk: Chunk; stripe: number; shard: number }
  | { kind: 'parity'; chunk: Chunk; stripe: number; shard: number }

/** How parity is made. */
export interface ParityOptions {
  /** No chunk is longer. @default CHUNK_BYTES_MAX */
  chunkBytesMax?: number
  /** @default in this thread */
  digester?: Digester
  /** Where parity chunks get their memory; whoever takes one is its user. */
  buffers?: Pick<BufferPool, 'take'>
}

/**
 * Lets chunks through and adds, after every `k` of them and at the end, the `m` parity chunks of their stripe.
 * Holds a copy of one stripe. Shards are padded with zeros to the stripe's longest chunk, rounded up to
 * `SHARD_ALIGNMENT_BYTES`; a last stripe with fewer than k chunks is filled with shards of zeros that nobody stores.
 */
export async function* addParity(
  chunks: AsyncIterable<Chunk>,
  code: ErasureCode,
  options: ParityOptions = {},
): AsyncGenerator<StripedChunk> {
  const { chunkBytesMax = CHUNK_BYTES_MAX, digester = inlineDigester, buffers = new BufferPool() } = options
  const room = code.createRoom(chunkBytesMax)
  let stripe = 0
  let lengths: number[] = []
  for await (const chunk of chunks) {
    const shard = lengths.length
    room.data[shard]?.set(chunk.bytes)
    lengths.push(chunk.bytes.byteLength)
    yield { kind: 'data', chunk, stripe, shard }
    if (lengths.length < code.k) continue
    yield* parityOf(room, lengths, { stripe, k: code.k, digester, buffers })
    lengths = []
    stripe++
  }
  if (lengths.length > 0) yield* parityOf(room, lengths, { stripe, k: code.k, digester, buffers })
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
  room: StripeRoom,
  lengths: readonly number[],
  at: { stripe: number; k: number; digester: Digester; buffers: Pick<BufferPool, 'take'> },
): AsyncGenerator<StripedChunk> {
  const { stripe, k, digester, buffers } = at
  // Copied out at once: the room takes the next stripe while these are hashed and stored.
  const coming = room.encode(lengths).map((parity) => {
    const bytes = buffers.take(parity.byteLength)
    bytes.set(parity)
    const chunk = hashChunk(bytes, digester)
    chunk.catch(() => {})
    return chunk
  })
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
