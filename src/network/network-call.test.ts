import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/virtual-clock.ts'
import { NetworkCall } from './network-call.ts'

test('a call ends by its deadline, which counts anew with every progress and not while it rests', async () => {
  const clock = new VirtualClock()
  const call = new NetworkCall(clock, 'The question', { timeoutMs: 1_000 })
  await clock.advance(900)
  call.progress()
  await clock.advance(900)
  call.rest()
  await clock.advance(10_000)
  assert.equal(call.signal.aborted, false)
  call.progress(200)
  await clock.advance(200)
  assert.equal(call.signal.reason.code, 'DEADLINE_EXCEEDED')
  assert.match(call.signal.reason.message, /The question/)
})

test('nothing brings a call back that has ended, and it keeps no timer', async () => {
  const clock = new VirtualClock()
  const call = new NetworkCall(clock, 'The question')
  call.fail(new Error('first'))
  call.progress()
  call.cancel('later')
  assert.match(String(call.signal.reason), /first/)
  assert.equal(clock.pendingCount, 0)
  await assert.rejects(call.race(Promise.resolve('too late')), /first/)
})

test('a caller that leaves ends the call, and one that had left before it began, too', () => {
  const clock = new VirtualClock()
  const control = new AbortController()
  const call = new NetworkCall(clock, 'The question', { signal: control.signal })
  control.abort(new Error('gone home'))
  assert.equal(call.signal.reason.code, 'ABORTED')
  assert.match(String(call.signal.reason.cause), /gone home/)

  const late = new NetworkCall(clock, 'The question', { signal: control.signal })
  assert.equal(late.signal.reason.code, 'ABORTED')
  assert.equal(clock.pendingCount, 0)
})

test('a call that is over does not hear its caller any more', () => {
  const clock = new VirtualClock()
  const control = new AbortController()
  const call = new NetworkCall(clock, 'The question', { signal: control.signal })
  call.end()
  control.abort()
  assert.equal(call.signal.aborted, false)
  assert.equal(clock.pendingCount, 0)
})

test('a race gives the work, its failure, or the reason why the call ended first', async () => {
  const clock = new VirtualClock()
  const call = new NetworkCall(clock, 'The question', { timeoutMs: 1_000 })
  assert.equal(await call.race(Promise.resolve(7)), 7)
  await assert.rejects(call.race(Promise.reject(new Error('broken'))), /broken/)
  const race = call.race(new Promise(() => {}))
  const lost = assert.rejects(race, { code: 'DEADLINE_EXCEEDED' })
  await clock.advance(1_000)
  await lost
})
