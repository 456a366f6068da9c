/**
 * Honest peers have bad days: lines break, disks fail, machines are busy. Whatever the mix and order, none of it may keep
 * one out; and a peer that lies is out soon, however much good it does in between.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { forgetfulReputationStore, type PeerDeed, Reputation } from './reputation.ts'

const PEER = signingKeyFromSeed(new Uint8Array(32).fill(9)).peerId
const HOUR = 3_600_000

function newReputation() {
  const clock = new VirtualClock()
  const metrics = createMetrics({ processMetrics: false })
  return {
    clock,
    reputation: new Reputation({ clock, store: forgetfulReputationStore, log: silentLogger, metrics }),
  }
}

/** What happens to honest peers, as often as it likes. */
const accident = fc.record({
  deed: fc.constantFrom<PeerDeed>('timeout', 'slow', 'refused', 'good-chunk'),
  afterMs: fc.integer({ min: 0, max: HOUR }),
})

test('no number of time-outs, slow answers and refusals ever suspends an honest peer [R-04] [R-25]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(accident, { maxLength: 300 }), async (accidents) => {
      const { clock, reputation } = newReputation()
      for (const { deed, afterMs } of accidents) {
        reputation.report(PEER, deed)
        assert.equal(reputation.isSuspended(PEER), false)
        await clock.advance(afterMs)
      }
      await clock.advance(HOUR)
      assert.ok(reputation.score(PEER) > -5, `an hour later it stands at ${reputation.score(PEER)}`)
    }),
    { numRuns: 50 },
  )
})

test('one flipped bit now and then, as a failing disk makes it, suspends nobody who has time to recover [R-04]', async () => {
  const { clock, reputation } = newReputation()
  // Half of it is forgiven in a week.
  for (let month = 0; month < 24; month++) {
    reputation.report(PEER, 'bad-chunk')
    assert.equal(reputation.isSuspended(PEER), false, `in month ${month}`)
    await clock.advance(30 * 24 * HOUR)
  }
})

test('a peer that sends wrong bytes or breaks the protocol is out after two bad answers in a day, whatever good it does [R-04]', () => {
  const deeds = fc.array(fc.constantFrom<PeerDeed>('good-chunk', 'timeout', 'refused'), { maxLength: 200 })
  const lie = fc.constantFrom<PeerDeed>('bad-chunk', 'misbehaved')
  fc.assert(
    fc.property(deeds, lie, lie, deeds, (before, first, second, after) => {
      const { reputation } = newReputation()
      for (const deed of before) reputation.report(PEER, deed)
      reputation.report(PEER, first)
      assert.equal(reputation.isSuspended(PEER), false)
      reputation.report(PEER, second)
      assert.equal(reputation.isSuspended(PEER), true)
      for (const deed of after) reputation.report(PEER, deed)
      assert.equal(reputation.isSuspended(PEER), true, 'good deeds buy nobody out')
      assert.equal(reputation.isBanned(PEER), false, 'and no lie about bytes bans for ever')
    }),
    { numRuns: 200 },
  )
})

test('every suspension ends, and only what a third party could check is for ever [R-04]', async () => {
  const { clock, reputation } = newReputation()
  for (let round = 0; round < 12; round++) {
    while (!reputation.isSuspended(PEER)) reputation.report(PEER, 'bad-chunk')
    assert.ok(reputation.suspendedForMs(PEER) <= 24 * HOUR)
    await clock.advance(24 * HOUR)
    assert.equal(reputation.isSuspended(PEER), false)
  }
  reputation.report(PEER, 'forged')
  await clock.advance(365 * 24 * HOUR)
  assert.equal(reputation.isBanned(PEER), true)
})
