import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodePackEntries,
  PACK_HEADER_BYTES,
  PACKED_CHUNK_BYTES_MAX,
  scanPackEntries,
} from './pack-entry.ts'

const entryOf = (bytes: Uint8Array) => ({ digest: hash('sha256', bytes, 'buffer'), bytes })
const bodies = ['', 'one', 'two and a bit', 'x'.repeat(500)].map((text) => Buffer.from(text))
const pack = Buffer.from(encodePackEntries(bodies.map(entryOf)))
const ends = bodies.map((_, index) =>
  bodies.slice(0, index + 1).reduce((sum, { length }) => sum + PACK_HEADER_BYTES + length, 0),
)

test('a pack cut anywhere gives back the entries that are whole', () => {
  for (let length = 0; length <= pack.length; length++) {
    const { entries, end } = scanPackEntries(pack.subarray(0, length), 1_000)
    const whole = ends.filter((one) => one <= length)
    assert.equal(entries.length, whole.length)
    assert.equal(end, 1_000 + (whole.at(-1) ?? 0))
    for (const [index, { offset, size }] of entries.entries()) {
      assert.deepEqual(pack.subarray(offset - 1_000, offset - 1_000 + size), bodies[index])
    }
  }
})

test('a flipped bit costs the entry that it is in and no other', () => {
  fc.assert(
    fc.property(fc.nat({ max: pack.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
      const damaged = Buffer.from(pack)
      damaged[at] = (damaged[at] as number) ^ (1 << bit)
      const { entries } = scanPackEntries(damaged, 0)
      const hit = ends.findIndex((end) => end > at)
      assert.deepEqual(
        entries.map(({ offset, size }) => offset + size),
        ends.filter((_, place) => place !== hit),
      )
    }),
  )
})

test('an entry that claims to be longer than any is not believed', () => {
  const long = entryOf(new Uint8Array(PACKED_CHUNK_BYTES_MAX + 1))
  assert.deepEqual(scanPackEntries(encodePackEntries([long]), 0).entries, [])
})
