import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '../core/random.ts'
import { createErasureCode } from '../storage/reed-solomon.ts'
import { compareLeaves } from './stripe-leaves.ts'

const SHAPE = { k: 4, m: 3 }

function stripe(seed: number, sizeBytes = 1024): Uint8Array[] {
  const random = new SeededRandom(seed)
  const data = Array.from({ length: SHAPE.k }, () => random.bytes(sizeBytes))
  return [...data, ...createErasureCode(SHAPE.k, SHAPE.m).encode(data)]
}

function leavesOf(shards: readonly Uint8Array[], offset: number): (Uint8Array | undefined)[] {
  return shards.map((shard) => shard.subarray(offset, offset + 256))
}

test('the same blocks of all shards fit together, whichever k + 1 of them are known [S-48]', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 0, max: 6 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 2 }),
      (seed, block, missing) => {
        const leaves = leavesOf(stripe(seed), block * 128)
        for (const place of missing) leaves[place] = undefined
        assert.deepEqual(compareLeaves(SHAPE, leaves), { kind: 'agree' })
      },
    ),
    { numRuns: 50 },
  )
})

test('who answers with other bytes is found, one or two at once; k answers show nothing', () => {
  const shards = stripe(1)
  const other = stripe(2)
  for (let place = 0; place < 7; place++) {
    const leaves = leavesOf(shards, 128)
    leaves[place] = leavesOf(other, 128)[place]
    assert.deepEqual(compareLeaves(SHAPE, leaves), { kind: 'disagree', wrong: [place] })
    const without = leaves.with((place + 1) % 7, undefined)
    assert.deepEqual(compareLeaves(SHAPE, without), { kind: 'disagree', wrong: [place] })
  }
  const two = leavesOf(shards, 0).with(1, new Uint8Array(256)).with(5, new Uint8Array(256))
  assert.deepEqual(compareLeaves(SHAPE, two), { kind: 'disagree', wrong: [1, 5] })
  const three = two.with(0, new Uint8Array(256))
  assert.deepEqual(compareLeaves(SHAPE, three), { kind: 'disagree', wrong: [] })
  const few = leavesOf(shards, 0).map((leaf, place) => (place < 4 ? leaf : undefined))
  assert.deepEqual(compareLeaves(SHAPE, few), { kind: 'too-few' })
})

test('leaves of the same content at another place do not pass', () => {
  const shards = stripe(3)
  const leaves = leavesOf(shards, 0).with(2, shards[2]?.subarray(128, 384))
  assert.deepEqual(compareLeaves(SHAPE, leaves), { kind: 'disagree', wrong: [2] })
})
