import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { type PeerDeed, Reputation, type ReputationStore, type StoredReputation } from './reputation.ts'

const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS
const peer = '12D3KooWPeer' as PeerId

test('the score rises on good chunks and falls on bad and slow ones [B-09] [B-64]', () => {
  const { reputation } = makeReputation()
  assert.equal(reputation.score(peer), 0)
  reputation.report(peer, 'good-chunk')
  const good = reputation.score(peer)
  assert.ok(good > 0)
  reputation.report(peer, 'slow')
  const slow = reputation.score(peer)
  assert.ok(slow < good)
  reputation.report(peer, 'bad-chunk')
  assert.ok(reputation.score(peer) < slow)
})

test('the score decays towards neutral by its half-life, from both sides [B-09]', async () => {
  const { reputation, clock } = makeReputation()
  const other = '12D3KooWOther' as PeerId
  for (let index = 0; index < 80; index++) reputation.report(peer, 'good-chunk')
  reputation.report(other, 'bad-chunk')
  await clock.advance(7 * DAY_MS)
  assert.equal(Math.round(reputation.score(peer)), 40)
  assert.equal(Math.round(2 * reputation.score(other)), -25)
  await clock.advance(70 * DAY_MS)
  assert.ok(Math.abs(reputation.score(peer)) < 1)
})

test('bad chunks suspend by the third at the latest, whatever was earned before', () => {
  const { reputation } = makeReputation()
  for (let index = 0; index < 1_000; index++) reputation.report(peer, 'good-chunk')
  let bad = 0
  while (!reputation.isSuspended(peer)) {
    reputation.report(peer, 'bad-chunk')
    bad++
  }
  assert.ok(bad <= 3, `${bad} bad chunks`)
  assert.equal(reputation.isBanned(peer), false)
})

test('a suspended peer comes back by time, later when it did it again, and by good chunks to a good score [B-09]', async () => {
  const { reputation, clock } = makeReputation()
  const durations: number[] = []
  for (let round = 0; round < 3; round++) {
    while (!reputation.isSuspended(peer)) reputation.report(peer, 'bad-chunk')
    durations.push(reputation.suspendedForMs(peer))
    await clock.advance(reputation.suspendedForMs(peer) + 1)
    assert.equal(reputation.isSuspended(peer), false)
  }
  assert.deepEqual(durations, [10 * 60_000, 20 * 60_000, 40 * 60_000])
  for (let index = 0; index < 60; index++) reputation.report(peer, 'good-chunk')
  assert.ok(reputation.score(peer) > 0)
  await clock.advance(8 * DAY_MS)
  while (!reputation.isSuspended(peer)) reputation.report(peer, 'bad-chunk')
  assert.equal(reputation.suspendedForMs(peer), 10 * 60_000)
})

test('what a peer does while it is suspended does not await it afterwards', async () => {
  const { reputation, clock } = makeReputation()
  while (!reputation.isSuspended(peer)) reputation.report(peer, 'spam')
  for (let index = 0; index < 50; index++) reputation.report(peer, 'spam')
  await clock.advance(reputation.suspendedForMs(peer))
  reputation.report(peer, 'spam')
  assert.equal(reputation.isSuspended(peer), false)
  assert.ok(reputation.score(peer) > -50)
})

test('only provable forgery bans, and a ban does not end', async () => {
  const { reputation, clock } = makeReputation()
  reputation.report(peer, 'forged')
  assert.equal(reputation.isBanned(peer), true)
  assert.equal(reputation.suspendedForMs(peer), Number.POSITIVE_INFINITY)
  await clock.advance(1_000 * DAY_MS)
  for (let index = 0; index < 1_000; index++) reputation.report(peer, 'good-chunk')
  assert.equal(reputation.isSuspended(peer), true)
})

test('an honest peer is never suspended, however often it is slow, times out or refuses', async () => {
  const honest = fc.constantFrom<PeerDeed>('good-chunk', 'slow', 'timeout', 'refused')
  const steps = fc.array(fc.record({ deed: honest, afterMs: fc.integer({ min: 0, max: HOUR_MS }) }), {
    maxLength: 200,
  })
  await fc.assert(
    fc.asyncProperty(steps, async (story) => {
      const { reputation, clock } = makeReputation()
      for (const { deed, afterMs } of story) {
        reputation.report(peer, deed)
        assert.equal(reputation.isSuspended(peer), false)
        await clock.advance(afterMs)
      }
      await clock.advance(HOUR_MS)
      assert.ok(reputation.score(peer) > -1)
    }),
    { numRuns: 20 },
  )
})

test('no story of deeds but forgery locks a peer out for more than a day, and scores stay within ±100', async () => {
  const deeds = fc.array(
    fc.constantFrom<PeerDeed>('good-chunk', 'bad-chunk', 'spam', 'slow', 'timeout', 'refused'),
    { maxLength: 500 },
  )
  await fc.assert(
    fc.asyncProperty(deeds, async (story) => {
      const { reputation, clock } = makeReputation()
      for (const deed of story) {
        reputation.report(peer, deed)
        assert.ok(Math.abs(reputation.score(peer)) <= 100)
      }
      await clock.advance(DAY_MS + 1)
      assert.equal(reputation.isSuspended(peer), false)
    }),
    { numRuns: 30 },
  )
})

test('trust, suspensions and bans survive a restart [B-09]', async () => {
  const { reputation, clock, store } = makeReputation()
  const [good, bad, forger] = ['good', 'bad', 'forger'] as PeerId[] as [PeerId, PeerId, PeerId]
  for (let index = 0; index < 10; index++) reputation.report(good, 'good-chunk')
  while (!reputation.isSuspended(bad)) reputation.report(bad, 'bad-chunk')
  reputation.report(forger, 'forged')
  await clock.advance(6_000)

  const later = new VirtualClock(clock.now() + 60_000)
  const again = makeReputation({ clock: later, store }).reputation
  assert.equal(Math.round(again.score(good)), 10)
  assert.equal(again.isSuspended(bad), true)
  assert.ok(again.suspendedForMs(bad) < 10 * 60_000)
  assert.equal(again.isBanned(forger), true)
})

test('a wall clock set back years does not lock anybody out', () => {
  const { reputation, clock, store } = makeReputation()
  while (!reputation.isSuspended(peer)) reputation.report(peer, 'bad-chunk')
  const early = new VirtualClock(clock.now() - 1_000 * DAY_MS)
  const again = makeReputation({ clock: early, store }).reputation
  assert.ok(again.suspendedForMs(peer) <= DAY_MS)
})

test('remembers at most 10,000 peers, the suspended ones longest', () => {
  const { reputation } = makeReputation()
  while (!reputation.isSuspended(peer)) reputation.report(peer, 'bad-chunk')
  for (let index = 0; index < 10_100; index++) reputation.report(`peer ${index}` as PeerId, 'slow')
  assert.equal(reputation.isSuspended(peer), true)
  assert.equal(reputation.score('peer 0' as PeerId), 0)
  assert.ok(reputation.score('peer 10099' as PeerId) < 0)
})

test('what is reported after the end is never saved: what it would be saved in is closed', async () => {
  const saved: StoredReputation[] = []
  const store: ReputationStore = { load: () => [], save: (changed) => saved.push(...changed) }
  const { reputation, clock } = makeReputation({ store })
  reputation.report(peer, 'good-chunk')
  reputation.close()
  assert.equal(saved.length, 1)
  reputation.report(peer, 'good-chunk')
  reputation.report('12D3KooWLate' as PeerId, 'forged')
  await clock.advance(HOUR_MS)
  assert.equal(saved.length, 1)
})

function makeReputation(parts: { clock?: VirtualClock; store?: ReputationStore } = {}) {
  const clock = parts.clock ?? new VirtualClock()
  const kept = new Map<PeerId, StoredReputation>()
  const store = parts.store ?? {
    load: () => [...kept.values()],
    save: (changed) => {
      for (const stored of changed) kept.set(stored.peer, stored)
    },
  }
  const reputation = new Reputation({
    clock,
    store,
    log: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
  })
  return { reputation, clock, store }
}
