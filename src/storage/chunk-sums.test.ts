/** Sums must never take other bytes for the ones that were noted, and must not grow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { SeededRandom } from '../core/random.ts'
import { ChunkSums } from './chunk-sums.ts'

const random = new SeededRandom(7)
const newBytes = (length: number) => Uint8Array.from(random.bytes(length))

test('the bytes that were noted match, whichever bit is turned over does not', () => {
  const sums = new ChunkSums()
  const bytes = newBytes(600_000)
  const id = contentIdOf(bytes)
  sums.note(id, bytes)
  assert.equal(sums.matches(id, Uint8Array.from(bytes)), true)
  for (let round = 0; round < 60; round++) {
    const place = random.integer(bytes.byteLength)
    const wrong = Uint8Array.from(bytes)
    wrong[place] = (wrong[place] as number) ^ (1 << random.integer(8))
    assert.equal(sums.matches(id, wrong), false, `byte ${place}`)
  }
  assert.equal(sums.matches(id, bytes.subarray(1)), false)
  assert.equal(sums.matches(id, Buffer.concat([bytes, Buffer.alloc(1)])), false)
})

test('two stores have different keys: a sum of one is of no use at the other', () => {
  const bytes = newBytes(600_000)
  const id = contentIdOf(bytes)
  const [one, other] = [new ChunkSums(), new ChunkSums()]
  one.note(id, bytes)
  assert.equal(other.matches(id, bytes), false)
})

test('short chunks are left to their hash, and forgotten ones too', () => {
  const sums = new ChunkSums()
  const short = newBytes(524_287)
  sums.note(contentIdOf(short), short)
  assert.equal(sums.matches(contentIdOf(short), short), false)
  const long = newBytes(524_288)
  sums.note(contentIdOf(long), long)
  sums.forget(contentIdOf(long))
  assert.equal(sums.matches(contentIdOf(long), long), false)
})

test('only so many sums are kept: the oldest goes first', () => {
  const sums = new ChunkSums({ sumsMax: 3 })
  const chunks = Array.from({ length: 4 }, () => newBytes(524_288))
  for (const bytes of chunks) sums.note(contentIdOf(bytes), bytes)
  assert.deepEqual(
    chunks.map((bytes) => sums.matches(contentIdOf(bytes), bytes)),
    [false, true, true, true],
  )
})
