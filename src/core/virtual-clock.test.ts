import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testClock } from './clock.suite.ts'
import { VirtualClock } from './virtual-clock.ts'

testClock('virtual clock', () => {
  const clock = new VirtualClock()
  return { clock, pass: (durationMs) => clock.advance(durationMs) }
})

test('stands still until it is advanced, then fires each timer at its own time', async () => {
  const clock = new VirtualClock()
  const fired: number[] = []
  clock.after(30, () => fired.push(clock.monotonic()))
  clock.after(10, () => {
    fired.push(clock.monotonic())
    clock.after(5, () => fired.push(clock.monotonic()))
  })
  assert.equal(clock.nextAt, 10)
  await clock.advance(20)
  assert.deepEqual(fired, [10, 15])
  assert.equal(clock.monotonic(), 20)
  await clock.advance(20)
  assert.deepEqual(fired, [10, 15, 30])
  assert.equal(clock.pendingCount, 0)
  assert.equal(clock.fireNext(), false)
})

test('timers due at the same moment fire in the order they were set', async () => {
  const clock = new VirtualClock()
  const fired: number[] = []
  for (let number = 0; number < 50; number++) clock.after(5, () => fired.push(number))
  await clock.advance(5)
  assert.deepEqual(
    fired,
    Array.from({ length: 50 }, (_, index) => index),
  )
})

test('work that a timer starts goes on between timers as it would in real time', async () => {
  const clock = new VirtualClock()
  const seen: string[] = []
  const worker = async () => {
    for (let step = 0; step < 3; step++) {
      await clock.sleep(10)
      seen.push(`step ${step} at ${clock.monotonic()}`)
    }
  }
  const done = worker()
  await clock.advance(100)
  await done
  assert.deepEqual(seen, ['step 0 at 10', 'step 1 at 20', 'step 2 at 30'])
})

test('the wall clock can jump without moving monotonic time', () => {
  const clock = new VirtualClock(1000)
  clock.jump(-500)
  assert.equal(clock.now(), 500)
  assert.equal(clock.monotonic(), 0)
})
