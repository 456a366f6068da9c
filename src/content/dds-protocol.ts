import type { BufferPool } from '../core/buffer-pool.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from '../core/limits.ts'
import { fitsProtobufShape, type ProtobufShape } from '../core/protobuf-shape.ts'
import { type PeerId, peerIdFromPublicKey, publicKeyOf } from '../core/signing-key.ts'
import { SHARDS_MAX } from '../storage/erasure-code.ts'
import type { DurabilityPolicy } from './content.ts'
import { DdsRequest, DdsResponse, type ObjectNote } from './dds-messages.js'

/** Our id first; the DDS plan's id is answered by the same handler. `docs/protocol/dds.md` describes the messages. */
export const DDS_PROTOCOLS = ['/kizuna/dds/1.0.0', '/digisocialblock/dds/0.1.0'] as const
export const DDS_PROTOCOL = DDS_PROTOCOLS[0]

/** Ids in one HaveRequest: 34 bytes each, so that the request fits one frame. */
export const HAVE_IDS_MAX = 1000
/** Ids in one ReplicationInstruction; the answer streams one frame for each. */
export const INSTRUCTION_IDS_MAX = 256
/** Peers named as sources of an instruction, or as known holders of an id. */
export const PEERS_NAMED_MAX = 16
/** Copies asked of one object; more members than this never hold the same bytes on purpose. */
export const COPIES_MAX = 100
/** Bytes of a challenge's nonce. */
export const NONCE_BYTES = 32
/** Bytes that a challenge may have revealed. */
export const REVEALED_BYTES_MAX = 4_096

/** Fields of a message besides its lists; twice what there are now, for later versions. */
const FIELDS_MAX = 16
const FEW: ProtobufShape = { fieldsMax: FIELDS_MAX }
const REQUEST_SHAPE: ProtobufShape = {
  fieldsMax: 4,
  messages: {
    1: { fieldsMax: FIELDS_MAX, messages: { 3: FEW } },
    2: FEW,
    3: { fieldsMax: INSTRUCTION_IDS_MAX + PEERS_NAMED_MAX + FIELDS_MAX, messages: { 2: FEW } },
    4: { fieldsMax: HAVE_IDS_MAX + FIELDS_MAX, messages: { 2: FEW } },
    5: FEW,
    6: FEW,
  },
}
const ANSWER_SHAPE: ProtobufShape = {
  fieldsMax: 4,
  messages: { 1: FEW, 2: FEW, 3: FEW, 4: { fieldsMax: PEERS_NAMED_MAX + FIELDS_MAX }, 5: FEW, 6: FEW },
}

const DIGEST_BYTES = 32
const KEY_BYTES = 32

/** What object a chunk is kept for: enough for any holder to repair it without the publisher. */
export interface ObjectFacts {
  root: ContentId
  publisher: PeerId
  policy: DurabilityPolicy
  sizeBytes: number
}

/** A request's first frame. */
export function encodeRequest(request: DdsRequest): Uint8Array {
  return DdsRequest.encode(request)
}

/** @throws InvalidInputError when the bytes are no request. */
export function decodeRequest(frame: Uint8Array): DdsRequest {
  return decodeWith((bytes) => DdsRequest.decode(bytes), frame, REQUEST_SHAPE, 'The request')
}

/** An answer's first frame. */
export function encodeResponse(response: DdsResponse): Uint8Array {
  return DdsResponse.encode(response)
}

/** @throws InvalidInputError when the bytes are no answer. */
export function decodeResponse(frame: Uint8Array): DdsResponse {
  return decodeWith((bytes) => DdsResponse.decode(bytes), frame, ANSWER_SHAPE, 'The answer')
}

/** Cuts a chunk into pieces of at most `pieceBytesMax`; no bytes make no piece. */
export function* framesOf(bytes: Uint8Array, pieceBytesMax = FRAME_BYTES_MAX): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += pieceBytesMax) {
    yield bytes.subarray(offset, offset + pieceBytesMax)
  }
}

/**
 * Puts frames together to exactly `sizeBytes`, in memory of the pool; the caller is a user of it.
 * @throws InvalidInputError as soon as there is more, or at the end when there is less.
 */
export async function joinFrames(
  frames: AsyncIterator<Uint8Array>,
  sizeBytes: number,
  buffers: BufferPool,
): Promise<Uint8Array> {
  if (sizeBytes > CHUNK_BYTES_MAX) throw new InvalidInputError({ what: 'A chunk', reason: 'it is too long' })
  const bytes = buffers.take(sizeBytes)
  let filled = 0
  for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
    if (filled + next.value.byteLength > sizeBytes) {
      throw new InvalidInputError({ what: 'A chunk', reason: `more than the ${sizeBytes} bytes said came` })
    }
    bytes.set(next.value, filled)
    filled += next.value.byteLength
  }
  if (filled < sizeBytes) {
    throw new InvalidInputError({ what: 'A chunk', reason: `${filled} of ${sizeBytes} bytes came` })
  }
  return bytes
}

/** @throws InvalidInputError when the digest is not 32 bytes. */
export function idFromWire(digest: Uint8Array): ContentId {
  if (digest.byteLength !== DIGEST_BYTES) {
    throw new InvalidInputError({ what: 'A chunk_cid', reason: `it has ${digest.byteLength} bytes, not 32` })
  }
  return contentIdFromDigest(digest)
}

/** Many ids; refused when more than `idsMax`. */
export function idsFromWire(digests: readonly Uint8Array[], idsMax: number): ContentId[] {
  if (digests.length > idsMax) {
    throw new InvalidInputError({
      what: 'The list of ids',
      reason: `it has ${digests.length}, over ${idsMax}`,
    })
  }
  return digests.map(idFromWire)
}

/** Peers travel as their 32-byte public keys. */
export function peersToWire(peers: readonly PeerId[]): Uint8Array<ArrayBuffer>[] {
  return peers.slice(0, PEERS_NAMED_MAX).map((peer) => Uint8Array.from(publicKeyOf(peer)))
}

/** At most `PEERS_NAMED_MAX`; malformed ones are left out, they are only hints. */
export function peersFromWire(keys: readonly Uint8Array[]): PeerId[] {
  return keys
    .slice(0, PEERS_NAMED_MAX)
    .filter((key) => key.byteLength === KEY_BYTES)
    .map((key) => peerIdFromPublicKey(key))
}

/** An id as it travels: its 32-byte digest. */
export function digestToWire(id: ContentId): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(digestOf(id))
}

/** An object’s facts as they travel with its chunks. */
export function objectToWire(facts: ObjectFacts): ObjectNote {
  const { policy } = facts
  return {
    manifestCid: digestToWire(facts.root),
    publisher: Uint8Array.from(publicKeyOf(facts.publisher)),
    copies: policy.kind === 'replica' ? policy.copies : 0,
    k: policy.kind === 'rs' ? policy.k : 0,
    m: policy.kind === 'rs' ? policy.m : 0,
    sizeBytes: BigInt(facts.sizeBytes),
  }
}

/** @throws InvalidInputError when a field is out of its limits. */
export function objectFromWire(note: ObjectNote): ObjectFacts {
  if (note.publisher.byteLength !== KEY_BYTES) {
    throw new InvalidInputError({ what: 'The object note', reason: 'its publisher is not a 32-byte key' })
  }
  const policy: DurabilityPolicy =
    note.copies > 0 ? { kind: 'replica', copies: note.copies } : { kind: 'rs', k: note.k, m: note.m }
  checkPolicy(policy)
  if (note.sizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidInputError({ what: 'The object note', reason: 'its size is over 2^53' })
  }
  return {
    root: idFromWire(note.manifestCid),
    publisher: peerIdFromPublicKey(note.publisher),
    policy,
    sizeBytes: Number(note.sizeBytes),
  }
}

/** @throws InvalidInputError when no community could follow it. */
export function checkPolicy(policy: DurabilityPolicy): void {
  const good =
    policy.kind === 'replica'
      ? Number.isInteger(policy.copies) && policy.copies >= 1 && policy.copies <= COPIES_MAX
      : Number.isInteger(policy.k) &&
        Number.isInteger(policy.m) &&
        policy.k >= 1 &&
        policy.m >= 1 &&
        policy.k + policy.m <= SHARDS_MAX
  if (good) return
  throw new InvalidInputError({
    what: 'The durability policy',
    reason: `it must be 1 to ${COPIES_MAX} copies, or rs:k+m with k and m at least 1 and at most ${SHARDS_MAX} together`,
  })
}

/** One bit per id, first id in the lowest bit of the first byte. */
export function toBitmap(bits: readonly boolean[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, index) =>
    bits.slice(8 * index, 8 * index + 8).reduce((byte, bit, place) => byte | (Number(bit) << place), 0),
  )
}

/** @throws InvalidInputError when the bitmap has another length than `count` needs. */
export function fromBitmap(bytes: Uint8Array, count: number): boolean[] {
  if (bytes.byteLength !== Math.ceil(count / 8)) {
    throw new InvalidInputError({
      what: 'A bitmap',
      reason: `it has ${bytes.byteLength} bytes for ${count} ids`,
    })
  }
  return [...bytes]
    .flatMap((byte) => Array.from({ length: 8 }, (_, place) => ((byte >> place) & 1) === 1))
    .slice(0, count)
}

function decodeWith<Message>(
  decode: (bytes: Uint8Array) => Message,
  frame: Uint8Array,
  shape: ProtobufShape,
  what: string,
): Message {
  if (frame.byteLength > FRAME_BYTES_MAX) {
    throw new InvalidInputError({ what, reason: `it is over ${FRAME_BYTES_MAX} bytes` })
  }
  if (!fitsProtobufShape(frame, shape)) {
    throw new InvalidInputError({ what, reason: 'it has more fields than any, or a length that cannot be' })
  }
  try {
    return decode(frame)
  } catch {
    throw new InvalidInputError({ what, reason: 'its bytes are not a message of the DDS protocol' })
  }
}
