import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testRandom } from './random.suite.ts'
import { SeededRandom, SystemRandom } from './random.ts'

testRandom('system random', () => new SystemRandom())
testRandom('seeded random', () => new SeededRandom(42))

test('one seed gives one sequence, and another seed another', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed)
    return [random.integer(1000), Buffer.from(random.bytes(6)).toString('hex'), random.fraction()]
  }
  assert.deepEqual(draw(7), draw(7))
  const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => new SeededRandom(seed).fraction()))
  assert.equal(firsts.size, 1000)
})

test('the sequence of a seed never changes, so a seed that was noted can be replayed', () => {
  assert.equal(Buffer.from(new SeededRandom(0).bytes(16)).toString('hex'), '2037b06a9e34ae0224504996391367e5')
  assert.equal(
    Buffer.from(new SeededRandom(42).bytes(16)).toString('hex'),
    '3d945d27b4aab9d94e30a10421104136',
  )
})
