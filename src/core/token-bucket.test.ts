import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvalidInputError, QueueFullError } from './errors.ts'
import { TokenBucket } from './token-bucket.ts'
import { VirtualClock } from './virtual-clock.ts'

test('gives the burst at once, then the rate, and says when to come back', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(clock, { perSecond: 10, burst: 5 })
  for (let taken = 0; taken < 5; taken++) assert.equal(bucket.tryTake(1), 0)
  assert.equal(bucket.tryTake(1), 100)
  await clock.advance(99)
  assert.equal(bucket.tryTake(1), 1)
  await clock.advance(1)
  assert.equal(bucket.tryTake(1), 0)
  await clock.advance(60_000)
  assert.equal(bucket.available, 5)
})

test('grants more than the burst as a debt that is paid off before the next', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(clock, { perSecond: 100, burst: 10 })
  assert.equal(bucket.tryTake(110), 0)
  assert.equal(bucket.tryTake(1), 1010)
  await clock.advance(1010)
  assert.equal(bucket.tryTake(1), 0)
})

test('those who wait are served in the order they came, and nobody slips in before them', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(clock, { perSecond: 10, burst: 10 })
  await bucket.take(10)
  const order: string[] = []
  const large = bucket.take(10).then(() => order.push(`large at ${clock.monotonic()}`))
  const small = bucket.take(1).then(() => order.push(`small at ${clock.monotonic()}`))
  assert.equal(bucket.waiting, 2)
  assert.ok(bucket.tryTake(1) > 0)
  await clock.advance(2000)
  await Promise.all([large, small])
  assert.deepEqual(order, ['large at 1000', 'small at 1100'])
  assert.equal(clock.pendingCount, 0)
})

test('one who gives up leaves the queue and lets the next come forward', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(clock, { perSecond: 10, burst: 10 })
  await bucket.take(10)
  const controller = new AbortController()
  const impatient = bucket.take(10, controller.signal)
  const patient = bucket.take(1)
  controller.abort(new Error('enough'))
  await assert.rejects(impatient, /enough/)
  await clock.advance(100)
  await patient
  assert.equal(bucket.waiting, 0)
  await assert.rejects(bucket.take(1, controller.signal), /enough/)
})

test('a new rate is felt at once by those who wait, also after a standstill and up to no limit', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(clock, { perSecond: 0, burst: 10 })
  await bucket.take(10)
  assert.equal(bucket.tryTake(1), Number.POSITIVE_INFINITY)
  const waiting = bucket.take(5)
  await clock.advance(3_600_000)
  assert.equal(bucket.waiting, 1)
  bucket.setRate({ perSecond: 5, burst: 10 })
  await clock.advance(1000)
  await waiting
  const next = bucket.take(10)
  bucket.setRate({ perSecond: Number.POSITIVE_INFINITY, burst: 1 })
  await next
  assert.equal(bucket.tryTake(1e12), 0)
})

test('never gives more than burst plus rate times time', () => {
  const step = fc.record({ waitMs: fc.nat({ max: 500 }), count: fc.integer({ min: 1, max: 20 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const clock = new VirtualClock()
      const bucket = new TokenBucket(clock, { perSecond: 50, burst: 20 })
      let taken = 0
      for (const { waitMs, count } of steps) {
        const timer = clock.after(waitMs, () => {})
        clock.fireNext()
        timer.stop()
        if (bucket.tryTake(count) === 0) taken += count
        assert.ok(taken <= 20 + (clock.monotonic() * 50) / 1000 + 1e-6)
      }
    }),
  )
})

test('too many who wait are refused, and a rate that cannot be kept is invalid', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket(clock, { perSecond: 1, burst: 1 })
  await bucket.take(1)
  const controller = new AbortController()
  const waiting = Array.from({ length: 4096 }, () => bucket.take(1, controller.signal).catch(() => 'stopped'))
  await assert.rejects(bucket.take(1), QueueFullError)
  controller.abort()
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['stopped']))
  for (const rate of [
    { perSecond: -1, burst: 1 },
    { perSecond: Number.NaN, burst: 1 },
    { perSecond: 1, burst: 0 },
  ]) {
    assert.throws(() => new TokenBucket(clock, rate), InvalidInputError)
    assert.throws(() => bucket.setRate(rate), InvalidInputError)
  }
})
