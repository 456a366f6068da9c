import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ContentId, contentIdFromDigest } from '../core/content-id.ts'
import { type PeerId, peerIdFromPublicKey } from '../core/signing-key.ts'
import { lossMargin, matchShards } from './match-shards.ts'
import type { PlacementCandidate } from './place-chunks.ts'
import { groupsOf, planCopies, strengthOf } from './plan-copies.ts'

const id = (name: string): ContentId => contentIdFromDigest(hash('sha256', name, 'buffer'))
const peer = (number: number): PeerId => peerIdFromPublicKey(hash('sha256', `peer ${number}`, 'buffer'))
const members = (count: number): PlacementCandidate[] =>
  Array.from({ length: count }, (_, number) => ({
    peer: peer(number),
    weight: 1,
    failureDomain: `home-${number}`,
  }))
const data = (count: number) => Array.from({ length: count }, (_, number) => id(`chunk ${number}`))

/** Applies a plan to what is held. */
function carryOut(
  held: Map<ContentId, Set<PeerId>>,
  wanted: readonly { id: ContentId; peer: PeerId }[],
): void {
  for (const copy of wanted) held.set(copy.id, (held.get(copy.id) ?? new Set()).add(copy.peer))
}
const heldBy = (held: Map<ContentId, Set<PeerId>>) => (chunk: ContentId) => [...(held.get(chunk) ?? [])]

test('the key of a group that is kept for long holds no more memory than itself [R-13]', () => {
  const shape = { root: id('root'), pageIds: [], dataIds: data(100), stripes: [data(6)] }
  for (const policy of [{ kind: 'replica', copies: 3 } as const, { kind: 'rs', k: 4, m: 2 } as const]) {
    const keys = groupsOf(shape, policy).map(({ key }) => key)
    assert.ok(keys.length > 1)
    for (const key of keys) assert.equal(key.buffer.byteLength, key.byteLength)
  }
})

test('brings every chunk to exactly its number of copies, the publisher included [K-32] [K-37] [S-14]', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 200 }), (copies, chunks) => {
      const shape = { root: id('root'), pageIds: [], dataIds: data(chunks), stripes: [] }
      const held = new Map<ContentId, Set<PeerId>>()
      for (const chunk of [shape.root, ...shape.dataIds]) held.set(chunk, new Set([peer(0)]))
      for (const group of groupsOf(shape, { kind: 'replica', copies })) {
        carryOut(held, planCopies(group, heldBy(held), members(7)))
        assert.deepEqual(planCopies(group, heldBy(held), members(7)), [], 'at target nothing is planned')
      }
      for (const chunk of shape.dataIds) assert.equal(held.get(chunk)?.size, copies)
      assert.equal(held.get(shape.root)?.size, Math.max(copies, 3), 'manifests have three copies or more')
    }),
    { numRuns: 30 },
  )
})

test('gives every shard of a stripe to a peer of its own when there are enough [K-37] [S-45]', () => {
  const stripe = data(6)
  const shape = { root: id('root'), pageIds: [], dataIds: stripe.slice(0, 4), stripes: [stripe] }
  const held = new Map(stripe.map((chunk) => [chunk, new Set([peer(0)])]))
  const group = groupsOf(shape, { kind: 'rs', k: 4, m: 2 })[1]
  assert.ok(group !== undefined)
  const plan = planCopies(group, heldBy(held), members(8))
  assert.equal(plan.length, 5, 'the publisher counts for one shard')
  carryOut(held, plan)
  assert.equal(strengthOf(group, heldBy(held)).confirmed, 6)
  assert.deepEqual(planCopies(group, heldBy(held), members(8)), [])
})

test('shares shards out evenly when there are fewer members than shards', () => {
  const stripe = data(6)
  const shape = { root: id('root'), pageIds: [], dataIds: stripe.slice(0, 4), stripes: [stripe] }
  const held = new Map(stripe.map((chunk) => [chunk, new Set([peer(0)])]))
  const group = groupsOf(shape, { kind: 'rs', k: 4, m: 2 })[1]
  assert.ok(group !== undefined)
  carryOut(held, planCopies(group, heldBy(held), members(3)))
  const others = [peer(1), peer(2)].map(
    (other) => stripe.filter((chunk) => held.get(chunk)?.has(other)).length,
  )
  assert.deepEqual(others, [2, 2])
  assert.deepEqual(planCopies(group, heldBy(held), members(3)), [])
})

test('plans only what a lost peer held, and to somebody else [K-38] [S-14]', () => {
  const stripe = data(6)
  const shape = { root: id('root'), pageIds: [], dataIds: stripe.slice(0, 4), stripes: [stripe] }
  const group = groupsOf(shape, { kind: 'rs', k: 4, m: 2 })[1]
  assert.ok(group !== undefined)
  const held = new Map<ContentId, Set<PeerId>>()
  carryOut(held, planCopies(group, heldBy(held), members(8)))
  const gone = [...(held.get(stripe[2] as ContentId) ?? [])][0]
  for (const peers of held.values()) peers.delete(gone as PeerId)
  const plan = planCopies(
    group,
    heldBy(held),
    members(8).filter((member) => member.peer !== gone),
  )
  assert.deepEqual(
    plan.map((copy) => copy.id),
    [stripe[2]],
  )
  assert.equal(held.get(stripe[2] as ContentId)?.size, 0)
  assert.ok(![...held.values()].some((peers) => peers.has(plan[0]?.peer as PeerId)))
})

test('counts a stripe by its shards on distinct peers, not by copies [S-56]', () => {
  const [a, b, c] = [peer(1), peer(2), peer(3)]
  assert.deepEqual(matchShards([[a, b], [a], [a]]).filter(Boolean).length, 2)
  assert.deepEqual(matchShards([[a, b], [a, b], [c]]).filter(Boolean).length, 3)
  assert.deepEqual(matchShards([[a], [a], [b]], 2).filter(Boolean).length, 3)
})

test('says how many peers may still be lost [S-56]', () => {
  const [a, b, c] = [peer(1), peer(2), peer(3)]
  assert.equal(lossMargin([[a], [b], [c]], 2), 1)
  assert.equal(lossMargin([[a], [a], [b]], 2), 0)
  assert.equal(lossMargin([[a, b, c]], 1), 2)
  assert.equal(lossMargin([[a], []], 2), -1)
})

test('a stripe of one chunk, whose parity is the chunk itself, still has a peer for each of its shards [S-45]', () => {
  const [chunk, other] = [id('only chunk'), id('second parity')]
  // Reed–Solomon's first parity of one chunk and zeros is that chunk.
  const shape = { root: id('root'), pageIds: [], dataIds: [chunk], stripes: [[chunk, chunk, other]] }
  const held = new Map([chunk, other].map((shard) => [shard, new Set([peer(0)])]))
  const group = groupsOf(shape, { kind: 'rs', k: 4, m: 2 })[1]
  assert.ok(group !== undefined)
  assert.equal(strengthOf(group, heldBy(held)).margin, 0)
  carryOut(held, planCopies(group, heldBy(held), members(6)))
  assert.equal(strengthOf(group, heldBy(held)).margin, 2)
  assert.equal(strengthOf(group, heldBy(held)).confirmed, 6)
  assert.deepEqual(planCopies(group, heldBy(held), members(6)), [])
})
