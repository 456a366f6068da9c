/** The messages of the DDS protocol: vectors, round trips, limits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BufferPool } from '../core/buffer-pool.ts'
import { contentIdOf } from '../core/content-id.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from '../core/limits.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { SHARDS_MAX } from '../storage/erasure-code.ts'
import { DdsRequest, RetrieveChunkCode } from './dds-messages.js'
import {
  COPIES_MAX,
  checkPolicy,
  decodeRequest,
  decodeResponse,
  digestToWire,
  encodeRequest,
  encodeResponse,
  framesOf,
  fromBitmap,
  idFromWire,
  idsFromWire,
  joinFrames,
  objectFromWire,
  objectToWire,
  PEERS_NAMED_MAX,
  peersFromWire,
  peersToWire,
  toBitmap,
} from './dds-protocol.ts'
import { decodeCount, encodeCount } from './holdings-protocol.ts'

const INVALID = { code: 'INVALID_INPUT' }
const id = contentIdOf(Buffer.from('a chunk'))
const peer = signingKeyFromSeed(new Uint8Array(32)).peerId

const join = (frames: Iterable<Uint8Array>, sizeBytes: number) =>
  joinFrames(arriving(frames), sizeBytes, new BufferPool())

async function* arriving(frames: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* frames
}

test('the messages match the published vectors [S-03]', () => {
  const zero = new Uint8Array(32)
  const have = encodeRequest({ have: { chunkCids: [zero] } })
  assert.equal(Buffer.from(have).toString('hex'), `22220a20${'00'.repeat(32)}`)
  const retrieve = encodeRequest({ retrieveChunk: { chunkCid: zero, offset: 65_536, length: 0 } })
  assert.equal(Buffer.from(retrieve).toString('hex'), `12260a20${'00'.repeat(32)}10808004`)
  const answer = encodeResponse({
    retrieveChunk: {
      code: RetrieveChunkCode.RETRIEVE_OK,
      totalSizeBytes: 262_144,
      offset: 0,
      length: 262_144,
      retryAfterMs: 0,
    },
  })
  assert.equal(Buffer.from(answer).toString('hex'), '120a08011080801020808010')
})

test('the messages come back as they were, and unknown fields do no harm', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 50 }), (digests) => {
      const request = { have: { chunkCids: digests.map((digest) => Uint8Array.from(digest)) } }
      const encoded = encodeRequest(request)
      assert.deepEqual(decodeRequest(encoded).have?.chunkCids.map(Buffer.from), digests.map(Buffer.from))
      assert.doesNotThrow(() => DdsRequest.decode(Buffer.concat([encoded, Buffer.from('f80101', 'hex')])))
    }),
  )
})

test('an object’s facts are checked', () => {
  const facts = {
    root: id,
    publisher: peer,
    policy: { kind: 'rs', k: 10, m: 4 },
    sizeBytes: 2 ** 40,
  } as const
  assert.deepEqual(objectFromWire(objectToWire(facts)), facts)
  const note = objectToWire(facts)
  for (const bad of [
    { ...note, k: 0 },
    { ...note, k: 252 },
    { ...note, copies: 1000 },
    { ...note, publisher: new Uint8Array(31) },
    { ...note, manifestCid: new Uint8Array(33) },
    { ...note, sizeBytes: 2n ** 60n },
  ]) {
    assert.throws(() => objectFromWire(bad), INVALID)
  }
})

test('a chunk cut into frames comes together again, whatever its length', async () => {
  const sizes = [0, 1, FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 3 * FRAME_BYTES_MAX]
  for (const size of sizes) {
    const bytes = new Uint8Array(size).map((_, index) => index)
    assert.deepEqual(await join(framesOf(bytes), size), bytes)
  }
})

test('more bytes than said are refused when they come, fewer at the end, too many before any [S-69]', async () => {
  let taken = 0
  const frames = function* () {
    for (;;) {
      taken++
      yield new Uint8Array(10)
    }
  }
  await assert.rejects(join(frames(), 25), INVALID)
  assert.equal(taken, 3)
  await assert.rejects(join([new Uint8Array(10)], 25), INVALID)
  await assert.rejects(join(frames(), CHUNK_BYTES_MAX + 1), INVALID)
  assert.equal(taken, 3)
})

test('a message over a frame, with too many fields, or cut off is refused [S-69]', () => {
  const cutOff = Buffer.from('22220a20', 'hex')
  const many = Buffer.concat(Array.from({ length: 100 }, () => Buffer.from('7a00', 'hex')))
  // A request to store whose id ends before its length says.
  const idCutOff = Buffer.from('0a020a05', 'hex')
  for (const decode of [decodeRequest, decodeResponse]) {
    assert.throws(() => decode(new Uint8Array(FRAME_BYTES_MAX + 1)), INVALID)
    assert.throws(() => decode(cutOff), INVALID)
    assert.throws(() => decode(many), INVALID)
  }
  assert.throws(() => decodeRequest(idCutOff), INVALID)
  // A number where a message belongs: its fields can be counted, and it cannot be read.
  assert.throws(() => decodeRequest(Buffer.from('1039', 'hex')), INVALID)
})

test('ids, keys and lists out of their limits are refused or left out', () => {
  assert.equal(idFromWire(digestToWire(id)), id)
  for (const length of [0, 31, 33]) assert.throws(() => idFromWire(new Uint8Array(length)), INVALID)
  assert.throws(() => idsFromWire([digestToWire(id), digestToWire(id)], 1), INVALID)
  const many = Array.from({ length: PEERS_NAMED_MAX + 5 }, () => peer)
  const keys = peersToWire(many)
  assert.equal(keys.length, PEERS_NAMED_MAX)
  assert.deepEqual(peersFromWire([new Uint8Array(31), ...keys]).length, PEERS_NAMED_MAX - 1)
})

test('both kinds of policy travel, and one that nobody could follow does not [S-69]', () => {
  for (const policy of [
    { kind: 'replica', copies: COPIES_MAX },
    { kind: 'rs', k: SHARDS_MAX - 1, m: 1 },
  ] as const) {
    const facts = { root: id, publisher: peer, policy, sizeBytes: 7 }
    assert.deepEqual(objectFromWire(objectToWire(facts)), facts)
  }
  for (const policy of [
    { kind: 'replica', copies: 0 },
    { kind: 'replica', copies: 1.5 },
    { kind: 'replica', copies: COPIES_MAX + 1 },
    { kind: 'rs', k: 1.5, m: 1 },
    { kind: 'rs', k: 2, m: 1.5 },
    { kind: 'rs', k: 0, m: 1 },
    { kind: 'rs', k: 1, m: 0 },
    { kind: 'rs', k: SHARDS_MAX, m: 1 },
  ] as const) {
    assert.throws(() => checkPolicy(policy), INVALID, JSON.stringify(policy))
  }
})

test('a bitmap has its first id in the lowest bit, and exactly the bytes that it needs', () => {
  assert.deepEqual(
    toBitmap([true, false, false, true, false, false, false, false, true]),
    Uint8Array.of(9, 1),
  )
  assert.deepEqual(toBitmap([]), new Uint8Array(0))
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 1000 }), (bits) => {
      assert.deepEqual(fromBitmap(toBitmap(bits), bits.length), bits)
    }),
  )
  for (const length of [0, 1, 3]) assert.throws(() => fromBitmap(new Uint8Array(length), 9), INVALID)
})

test('a count of keys that is none counts nothing', () => {
  assert.equal(decodeCount(encodeCount(70_000)), 70_000)
  for (const answer of [undefined, new Uint8Array(0), new Uint8Array(3), new Uint8Array(5)]) {
    assert.equal(decodeCount(answer), 0)
  }
})
