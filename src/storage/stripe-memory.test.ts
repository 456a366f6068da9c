/**
 * Content is cut, and parity added, with chunks in rooms that are used again, by a consumer that holds on to some of
 * them; whatever it holds must stay as it was until it releases it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BufferPool } from '../core/buffer-pool.ts'
import { contentIdOf } from '../core/content-id.ts'
import { inlineDigester } from '../core/digester.ts'
import { SeededRandom } from '../core/random.ts'
import type { Chunk } from './chunk.ts'
import { chunkContentWith } from './chunk-content.ts'
import { freshMemory } from './chunk-memory.ts'
import { chunkBytesMax } from './chunking-profile.ts'
import type { ErasureCode, StripeRoom } from './erasure-code.ts'
import { addParity, type StripedChunk } from './parity.ts'
import { createErasureCode } from './reed-solomon.ts'
import { StripeMemory } from './stripe-memory.ts'
import { StripeRooms } from './stripe-rooms.ts'

const profile = 'dds-256k'
const KIB = 1024
const options = { chunkBytesMax: chunkBytesMax(profile) }
const poisoned = () => new BufferPool({ poison: true })

/** A code that remembers its rooms. */
function watched(code: ErasureCode): { code: ErasureCode; rooms: StripeRoom[] } {
  const rooms: StripeRoom[] = []
  const createRoom = (shardBytesMax: number) => {
    const room = code.createRoom(shardBytesMax)
    rooms.push(room)
    return room
  }
  const { k, m } = code
  return {
    rooms,
    code: {
      k,
      m,
      createRoom,
      encode: (data) => code.encode(data),
      reconstruct: (all) => code.reconstruct(all),
    },
  }
}

async function* piecesOf(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

/** Cuts `content` and adds parity, with memory of rooms or without. */
function striped(content: Uint8Array, code: ErasureCode, memory: StripeMemory): AsyncGenerator<StripedChunk> {
  const parts = { digester: inlineDigester, memory }
  const cut = chunkContentWith(parts, piecesOf(content, 100_000), { profile, sizeBytes: content.byteLength })
  return addParity(cut, code, { memory })
}

async function idsWithoutRooms(content: Uint8Array, code: ErasureCode): Promise<string[]> {
  const ids: string[] = []
  const memory = new StripeMemory({ outside: freshMemory })
  for await (const { chunk } of striped(content, code, memory)) ids.push(chunk.id)
  return ids
}

test('what a consumer holds stays as it was until it releases it, and parity is the same as without rooms [B-40]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 1, max: 5_000 * KIB }),
      fc.nat({ max: 12 }),
      fc.nat(),
      async (k, m, sizeBytes, heldMax, seed) => {
        const random = new SeededRandom(seed)
        const content = random.bytes(sizeBytes)
        const { code, rooms } = watched(createErasureCode(k, m))
        const memory = new StripeMemory({ outside: poisoned(), rooms: new StripeRooms() }, options)
        const held: Chunk[] = []
        const ids: string[] = []
        const letGo = (count: number) => {
          for (const chunk of held.splice(0, count)) {
            assert.equal(contentIdOf(chunk.bytes), chunk.id)
            memory.release(chunk.bytes)
          }
        }
        for await (const { chunk } of striped(content, code, memory)) {
          held.push(chunk)
          ids.push(chunk.id)
          letGo(held.length - heldMax)
          if (random.integer(3) === 0) letGo(1)
        }
        letGo(held.length)
        memory.end()
        assert.deepEqual(ids, await idsWithoutRooms(content, createErasureCode(k, m)))
        assert.ok(rooms.length <= 3)
      },
    ),
    { numRuns: 25 },
  )
})

test('long content needs two rooms when each chunk is released before the next stripe is whole', async () => {
  const { code, rooms } = watched(createErasureCode(2, 1))
  const memory = new StripeMemory({ outside: freshMemory, rooms: new StripeRooms() }, options)
  let last: Chunk | undefined
  let inRooms = 0
  for await (const { chunk } of striped(new SeededRandom(1).bytes(40 * 256 * KIB), code, memory)) {
    if (rooms.some(({ data }) => data[0]?.buffer === chunk.bytes.buffer)) inRooms++
    if (last !== undefined) memory.release(last.bytes)
    last = chunk
  }
  assert.equal(inRooms, 60)
  assert.equal(rooms.length, 2)
})

test('a room somebody still writes to is not handed out again after the end', () => {
  const { code, rooms } = watched(createErasureCode(2, 1))
  const all = new StripeRooms()
  const memory = new StripeMemory({ outside: freshMemory, rooms: all }, options)
  memory.begin(code)
  memory.take(100)
  memory.end()
  const next = new StripeMemory({ outside: freshMemory, rooms: all }, options)
  next.begin(code)
  next.release(next.take(100))
  next.end()
  assert.equal(rooms.length, 2)
  const third = new StripeMemory({ outside: freshMemory, rooms: all }, options)
  third.begin(code)
  assert.equal(third.take(1).buffer, rooms[1]?.data[0]?.buffer)
})

test('whoever holds three stripes gets the next one from outside, and a room again when one was released', () => {
  const { code, rooms } = watched(createErasureCode(2, 1))
  const memory = new StripeMemory({ outside: freshMemory, rooms: new StripeRooms() }, options)
  memory.begin(code)
  const stripe = () => [memory.take(256 * KIB), memory.take(256 * KIB)]
  const isInRoom = ([first]: Uint8Array[]) => rooms.some(({ data }) => data[0]?.buffer === first?.buffer)
  const held = [stripe(), stripe(), stripe()]
  assert.ok(held.every(isInRoom))
  assert.equal(isInRoom(stripe()), false)
  const [first] = held as [Uint8Array[]]
  const parity = memory.parityOf(first)
  for (const bytes of [...first, ...parity]) memory.release(bytes)
  assert.ok(isInRoom(stripe()))
  assert.equal(rooms.length, 3)
  memory.end()
})

test('without room left, memory comes from outside, and what does is released there', async () => {
  const content = new SeededRandom(2).bytes(1_000 * KIB)
  const { code, rooms } = watched(createErasureCode(2, 1))
  const outside = poisoned()
  const memory = new StripeMemory({ outside, rooms: new StripeRooms({ bytesMax: 100 }) }, options)
  const ids: string[] = []
  for await (const { chunk, kind } of striped(content, code, memory)) {
    assert.equal(contentIdOf(chunk.bytes), chunk.id)
    ids.push(chunk.id)
    if (kind === 'data') memory.release(chunk.bytes)
  }
  assert.deepEqual(ids, await idsWithoutRooms(content, createErasureCode(2, 1)))
  assert.equal(rooms.length, 0)
})

test('chunks that came before the code was known, or from elsewhere, are copied', async () => {
  const random = new SeededRandom(3)
  const code = createErasureCode(3, 2)
  const rooms = new StripeRooms()
  const memory = new StripeMemory({ outside: poisoned(), rooms }, options)
  const chunks = Array.from({ length: 6 }, (_, index) => {
    const bytes = index === 4 ? new Uint8Array(1_280) : memory.take(1_280)
    bytes.set(random.bytes(1_280))
    if (index === 0) memory.begin(code)
    return bytes
  })
  for (const stripe of [chunks.slice(0, 3), chunks.slice(3, 6), [chunks[5] as Uint8Array]]) {
    const zeros = new Uint8Array(1_280)
    const whole = [0, 1, 2].map((place) => stripe[place] ?? zeros)
    assert.deepEqual(
      memory.parityOf(stripe).map((bytes) => Buffer.from(bytes)),
      code.encode(whole).map((bytes) => Buffer.from(bytes)),
    )
  }
})

test('rooms are bounded together, and idle ones of another code make way', () => {
  const rooms = new StripeRooms({ bytesMax: 2_000_000 })
  const [one, other] = [createErasureCode(2, 1), createErasureCode(1, 1)]
  const first = rooms.take(one, 500_000)
  assert.ok(first !== undefined)
  assert.equal(rooms.take(one, 500_000), undefined)
  rooms.give(first)
  assert.equal(rooms.take(one, 500_000), first)
  rooms.give(first)
  rooms.give(first)
  assert.ok(rooms.take(other, 500_000) !== undefined)
  assert.equal(rooms.take(one, 500_000), undefined)
  assert.equal(rooms.take(createErasureCode(200, 55), 1_000_000), undefined)
})

test('of rooms that nobody uses only some are kept', () => {
  const rooms = new StripeRooms({ bytesMax: 64 * KIB * KIB })
  const code = createErasureCode(10, 4)
  const [first, second] = [rooms.take(code, 700_000), rooms.take(code, 700_000)]
  assert.ok(first !== undefined && second !== undefined)
  rooms.give(first)
  rooms.give(second)
  assert.equal(rooms.take(code, 700_000), second)
  assert.notEqual(rooms.take(code, 700_000), first)
})
