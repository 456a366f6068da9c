import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { peerIdFromPublicKey } from '../core/signing-key.ts'
import { type PlacementCandidate, placeChunks, placementWeight, rankCandidates } from './place-chunks.ts'

const candidate = (number: number, weight = 1, failureDomain = `home-${number}`): PlacementCandidate => ({
  peer: peerIdFromPublicKey(hash('sha256', `peer ${number}`, 'buffer')),
  weight,
  failureDomain,
})
const candidates = (count: number) => Array.from({ length: count }, (_, number) => candidate(number))
const keyOf = (number: number) => hash('sha256', `chunk ${number}`, 'buffer')

test('gives the same placement on every node, whatever the order it knows the members in [K-33]', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 36 }),
      fc.shuffledSubarray(candidates(12), { minLength: 1 }),
      (key, some) => {
        const there = placeChunks(key, some, 3).map(({ peer }) => peer)
        const elsewhere = placeChunks(key, [...some].reverse(), 3).map(({ peer }) => peer)
        assert.deepEqual(there, elsewhere)
        assert.equal(new Set(there).size, Math.min(3, some.length))
      },
    ),
  )
})

test('adding one node to ten moves at most 1/11 + 5 % of the chunks [K-33]', () => {
  const chunks = 4000
  let moved = 0
  for (let number = 0; number < chunks; number++) {
    const before = placeChunks(keyOf(number), candidates(10), 1)[0]?.peer
    const after = placeChunks(keyOf(number), candidates(11), 1)[0]?.peer
    if (before === after) continue
    moved++
    assert.equal(after, candidate(10).peer, 'a chunk moves only to the new node')
  }
  assert.ok(moved / chunks <= 1 / 11 + 0.05, `${moved} of ${chunks} moved`)
  assert.ok(moved / chunks >= 1 / 11 - 0.05, `${moved} of ${chunks} moved`)
})

test('gives a member twice as free about twice the chunks [K-33] [S-45]', () => {
  const some = [candidate(0, 2), candidate(1, 1), candidate(2, 1)]
  const counts = new Map<string, number>()
  for (let number = 0; number < 4000; number++) {
    const peer = rankCandidates(keyOf(number), some)[0]?.peer ?? ''
    counts.set(peer, (counts.get(peer) ?? 0) + 1)
  }
  const heavy = counts.get(some[0]?.peer ?? '') ?? 0
  assert.ok(heavy > 1800 && heavy < 2200, `${heavy} of 4000`)
})

test('puts no two copies in one failure domain while another is left [S-45]', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.integer({ min: 2, max: 6 }), (number, domains) => {
      const some = Array.from({ length: 12 }, (_, index) => candidate(index, 1, `home-${index % domains}`))
      const chosen = placeChunks(keyOf(number), some, 3)
      const different = new Set(chosen.map(({ failureDomain }) => failureDomain)).size
      assert.equal(different, Math.min(3, domains))
    }),
  )
})

test('counts the domains of peers that hold it already [S-45]', () => {
  const some = [candidate(0, 1, 'a'), candidate(1, 1000, 'a'), candidate(2, 1, 'b')]
  const taken = [{ peer: candidate(0).peer, failureDomain: 'a' }]
  for (let number = 0; number < 50; number++) {
    assert.equal(placeChunks(keyOf(number), some, 1, taken)[0]?.failureDomain, 'b')
  }
})

test('weighs by free capacity and by uptime, in classes that small changes do not leave [S-45]', () => {
  const gib = 2 ** 30
  const weight = (freeBytes: number, uptime: number) => placementWeight({ freeBytes, uptime })
  assert.ok(weight(100 * gib, 1) > weight(10 * gib, 1))
  assert.ok(weight(100 * gib, 1) > weight(100 * gib, 0.5))
  assert.equal(weight(100 * gib, 0.99), weight(99 * gib, 0.98))
  assert.ok(weight(0, 0) > 0)
})
