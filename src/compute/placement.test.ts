/** Who is asked, who is believed, and how busy a machine is: the pure parts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type PeerId, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { chooseElectors } from './ask-for-task.ts'
import { judgeResults } from './judge-results.ts'
import { MachineLoad } from './machine-load.ts'
import { planOffers } from './plan-offers.ts'
import type { TaskOutcome } from './task.ts'

const peers = Array.from(
  { length: 9 },
  (_, fill) => signingKeyFromSeed(new Uint8Array(32).fill(fill + 1)).peerId,
)
const peer = (index: number) => peers[index] as PeerId

test('one task goes to the least busy with a free slot [K-56]', () => {
  const loads = [50, 10, 90].map((percent, index) => ({ peer: peer(index), percent, slots: 4, free: 4 }))
  assert.deepEqual([...planOffers(1, loads)], [[peer(1), 1]])
  const full = loads.map((each) => (each.peer === peer(1) ? { ...each, free: 0 } : each))
  assert.deepEqual([...planOffers(1, full)], [[peer(0), 1]])
})

test('many tasks are spread, never more than there are nor than are free [K-57]', () => {
  const candidate = fc.record({ percent: fc.nat(100), slots: fc.integer({ min: 1, max: 8 }) })
  fc.assert(
    fc.property(fc.nat(60), fc.array(candidate, { maxLength: 9 }), (waiting, given) => {
      const candidates = given.map((each, index) => ({ ...each, peer: peer(index), free: each.slots }))
      const offers = planOffers(waiting, candidates)
      const total = [...offers.values()].reduce((sum, count) => sum + count, 0)
      const free = candidates.reduce((sum, each) => sum + each.free, 0)
      assert.equal(total, Math.min(waiting, free))
      for (const each of candidates) assert.ok((offers.get(each.peer) ?? 0) <= each.free)
    }),
  )
  const equal = Array.from({ length: 5 }, (_, index) => ({
    peer: peer(index),
    percent: 0,
    slots: 4,
    free: 4,
  }))
  assert.deepEqual([...planOffers(10, equal).values()], [2, 2, 2, 2, 2])
})

test('more than half of those wanted must agree; the others are called liars', () => {
  const of = (index: number, said: string) =>
    ({ worker: peer(index), result: { said }, outcome: 'done' }) as unknown as TaskOutcome
  assert.deepEqual(judgeResults([], 1, 1), { verdict: 'wait' })
  assert.equal(judgeResults([of(0, 'a')], 1, 1).verdict, 'verified')
  assert.equal(judgeResults([of(0, 'a')], 3, 3).verdict, 'wait')
  const two = judgeResults([of(0, 'a'), of(1, 'b'), of(2, 'a')], 3, 3)
  assert.deepEqual(two, { verdict: 'verified', result: { said: 'a' }, agreeing: 2, liars: [peer(1)] })
  assert.equal(judgeResults([of(0, 'a'), of(1, 'b')], 2, 2).verdict, 'ask another')
  assert.equal(judgeResults([of(0, 'a'), of(1, 'b'), of(2, 'c')], 2, 3).verdict, 'ask another')
  assert.equal(judgeResults([of(0, 'a'), of(1, 'b'), of(2, 'c'), of(3, 'd')], 2, 4).verdict, 'rejected')
})

test('electors are an odd number of those who are most often there, or we alone', () => {
  const members = (count: number) => ({
    members: () =>
      peers.slice(1, count).map((each, index) => ({ peer: each, online: true, uptime: index / 10 }) as never),
  })
  assert.deepEqual(chooseElectors(peer(0), members(2)), [peer(0)])
  assert.deepEqual(chooseElectors(peer(0), members(4)), [peer(0), peer(3), peer(2)])
  assert.equal(chooseElectors(peer(0), members(9)).length, 5)
})

test('the load of a machine is that of the last moment, not of its whole life', async () => {
  const clock = new VirtualClock()
  let busy = 0
  let total = 0
  const load = new MachineLoad(clock, () => ({ busy, total }))
  const pass = async (ms: number, share: number) => {
    await clock.advance(ms)
    total += ms
    busy += ms * share
  }
  await pass(2_000, 0.9)
  assert.equal(load.percent(), 90)
  await pass(100, 0)
  assert.equal(load.percent(), 90, 'a tenth of a second says nothing')
  await pass(1_900, 0)
  assert.equal(load.percent(), 0)
  await pass(60_000, 1)
  assert.equal(load.percent(), 50, 'a mean over a minute says little about now')
})
