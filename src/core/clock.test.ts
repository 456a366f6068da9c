import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testClock } from './clock.suite.ts'
import { SystemClock } from './clock.ts'

// The clock's own timers do not keep the process alive, so something else must while tests wait for them.
let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => {}, 1000)
})
after(() => clearInterval(alive))

testClock('system clock', () => ({
  clock: new SystemClock(),
  pass: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
}))

test('a pending timer does not keep the process alive', () => {
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
  const count = timers()
  const timer = new SystemClock().after(60_000, () => {})
  assert.equal(timers(), count)
  timer.stop()
})

test('a delay beyond what timers can hold does not fire at once', async () => {
  let hasFired = false
  const timer = new SystemClock().after(2 ** 40, () => {
    hasFired = true
  })
  await new Promise((resolve) => setTimeout(resolve, 10))
  timer.stop()
  assert.equal(hasFired, false)
})
