import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CircuitBreaker } from './circuit-breaker.ts'
import { CircuitOpenError, DeadlineError, InvalidInputError } from './errors.ts'
import { VirtualClock } from './virtual-clock.ts'

const away = () => Promise.reject(new DeadlineError({ what: 'The service', timeoutMs: 1 }))
const fine = () => Promise.resolve('fine')

function openedBreaker() {
  const clock = new VirtualClock()
  const breaker = new CircuitBreaker(clock, {
    what: 'The service',
    failuresMax: 3,
    openMs: 1000,
    openMsMax: 3000,
  })
  const open = async () => {
    for (let failure = 0; failure < 3; failure++) await assert.rejects(breaker.run(away), DeadlineError)
  }
  return { clock, breaker, open }
}

test('opens after failures in a row and then refuses at once, saying when to come back', async () => {
  const { clock, breaker, open } = openedBreaker()
  await assert.rejects(breaker.run(away))
  await assert.rejects(breaker.run(away))
  await breaker.run(fine)
  await open()
  assert.equal(breaker.state, 'open')
  await clock.advance(400)
  let wasCalled = false
  const refused = breaker.run(async () => {
    wasCalled = true
  })
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof CircuitOpenError)
    assert.equal(error.details.retryAfterMs, 600)
    assert.ok(error.cause instanceof DeadlineError)
    return true
  })
  assert.equal(wasCalled, false)
})

test('lets one caller through after the pause and closes when that goes well', async () => {
  const { clock, breaker, open } = openedBreaker()
  await open()
  await clock.advance(1000)
  assert.equal(breaker.state, 'half-open')
  const { promise, resolve } = Promise.withResolvers<string>()
  const trial = breaker.run(() => promise)
  await assert.rejects(breaker.run(fine), CircuitOpenError)
  resolve('back')
  assert.equal(await trial, 'back')
  assert.equal(breaker.state, 'closed')
  assert.equal(await breaker.run(fine), 'fine')
})

test('each trial that fails doubles the pause up to its limit; success brings it back to the first', async () => {
  const { clock, breaker, open } = openedBreaker()
  await open()
  for (const pauseMs of [1000, 2000, 3000, 3000]) {
    await clock.advance(pauseMs - 1)
    assert.equal(breaker.state, 'open')
    await clock.advance(1)
    assert.equal(breaker.state, 'half-open')
    await assert.rejects(breaker.run(away), DeadlineError)
  }
  await clock.advance(3000)
  await breaker.run(fine)
  await open()
  await clock.advance(1000)
  assert.equal(breaker.state, 'half-open')
})

test('an honest no is an answer, not a failure', async () => {
  const { breaker } = openedBreaker()
  const no = () => Promise.reject(new InvalidInputError({ what: 'It', reason: 'it is wrong' }))
  for (let time = 0; time < 10; time++) await assert.rejects(breaker.run(no), InvalidInputError)
  assert.equal(breaker.state, 'closed')
  await assert.rejects(breaker.run(() => Promise.reject(new TypeError('a bug'))))
})
