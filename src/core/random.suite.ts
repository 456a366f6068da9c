import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, shuffled } from './random.ts'

/** What every {@link Random} keeps; each implementation's test calls it. */
export function testRandom(name: string, create: () => Random): void {
  test(`${name}: gives as many bytes as asked for, different every time`, () => {
    const random = create()
    for (const count of [0, 1, 3, 4, 5, 1000]) assert.equal(random.bytes(count).byteLength, count)
    const seen = new Set(Array.from({ length: 1000 }, () => Buffer.from(random.bytes(16)).toString('hex')))
    assert.equal(seen.size, 1000)
  })

  test(`${name}: bits are ones half of the time`, () => {
    const bytes = create().bytes(100_000)
    for (let bit = 0; bit < 8; bit++) {
      const ones = bytes.reduce((sum, byte) => sum + ((byte >> bit) & 1), 0)
      // Six standard deviations of a fair coin.
      assert.ok(Math.abs(ones - 50_000) < 950, `bit ${bit}: ${ones} ones`)
    }
  })

  test(`${name}: integers stay below their limit and reach every value about equally`, () => {
    const random = create()
    const counts = new Array<number>(7).fill(0)
    for (let draw = 0; draw < 70_000; draw++) {
      const value = random.integer(7)
      counts[value] = (counts[value] ?? Number.NaN) + 1
    }
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 600, `${counts}`)
    assert.equal(random.integer(1), 0)
    for (let draw = 0; draw < 1000; draw++) {
      const value = random.integer(2 ** 32)
      assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32)
    }
  })

  test(`${name}: fractions are from 0 up to 1 and spread evenly`, () => {
    const random = create()
    let sum = 0
    for (let draw = 0; draw < 10_000; draw++) {
      const value = random.fraction()
      assert.ok(value >= 0 && value < 1)
      sum += value
    }
    assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02)
  })

  test(`${name}: shuffling keeps every item, leaves the list alone, and puts any item anywhere`, () => {
    const random = create()
    const items = ['a', 'b', 'c', 'd']
    const firsts = new Set<string>()
    for (let time = 0; time < 200; time++) {
      const mixed = shuffled(random, items)
      assert.deepEqual(mixed.toSorted(), items)
      firsts.add(mixed[0] ?? '')
    }
    assert.deepEqual(items, ['a', 'b', 'c', 'd'])
    assert.equal(firsts.size, 4)
    assert.deepEqual(shuffled(random, []), [])
  })
}
