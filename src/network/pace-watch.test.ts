import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/virtual-clock.ts'
import { PaceWatch } from './pace-watch.ts'

function watched() {
  const clock = new VirtualClock()
  const state = { received: 0, owes: 1, dropped: false }
  const watch = new PaceWatch(clock, {
    received: () => state.received,
    owes: () => state.owes,
    onTooSlow: () => {
      state.dropped = true
    },
  })
  return { clock, state, watch }
}

test('a peer that owes bytes and sends one a second is dropped within 15 s [R-05]', async () => {
  const { clock, state } = watched()
  for (let second = 0; second < 15; second++) {
    state.received++
    await clock.advance(1_000)
  }
  assert.equal(state.dropped, true)
  assert.equal(clock.pendingCount, 0)
})

test('a slow line that keeps to 8 KiB in 30 s may go on for ever [R-05]', async () => {
  const { clock, state, watch } = watched()
  for (let second = 0; second < 600; second++) {
    state.received += 280
    await clock.advance(1_000)
  }
  assert.equal(state.dropped, false)
  watch.stop()
  assert.equal(clock.pendingCount, 0)
})

test('nobody is slow who owes nothing, and the time counts anew when something is owed again [R-05]', async () => {
  const { clock, state } = watched()
  for (let round = 0; round < 10; round++) {
    state.owes = 1
    await clock.advance(7_000)
    state.owes = 0
    await clock.advance(3_000)
  }
  assert.equal(state.dropped, false)
  state.owes = 1
  await clock.advance(15_000)
  assert.equal(state.dropped, true)
})

test('who owes many things at once owes the pace for each, and for new ones after a while only [R-05]', async () => {
  const { clock, state, watch } = watched()
  const seconds = async (count: number, bytes: number) => {
    for (let second = 0; second < count; second++) {
      state.received += bytes
      await clock.advance(1_000)
    }
  }
  state.owes = 8
  await seconds(60, 8 * 280)
  assert.equal(state.dropped, false)
  state.owes = 64
  await seconds(1, 8 * 280)
  await seconds(10, 64 * 280)
  assert.equal(state.dropped, false)
  await seconds(15, 8 * 280)
  assert.equal(state.dropped, true)
  watch.stop()
})
