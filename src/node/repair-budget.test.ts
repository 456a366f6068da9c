import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/virtual-clock.ts'
import { Bandwidth } from '../network/bandwidth.ts'
import { RepairBudget } from './repair-budget.ts'

const CHUNK = 100_000

/** Seconds of virtual time that ten chunks take. */
async function secondsForTen(settings: { upload: number; repair: number }): Promise<number> {
  const clock = new VirtualClock()
  const bandwidth = new Bandwidth({ clock }, { uploadBytesPerSecond: settings.upload })
  const budget = new RepairBudget({ clock, bandwidth }, { bytesPerSecondMax: settings.repair })
  let done = 0
  const all = (async () => {
    for (; done < 10; done++) await budget.take(CHUNK, undefined)
  })()
  const begin = clock.monotonic()
  for (let step = 0; done < 10 && step < 1_000; step++) await clock.advance(100)
  await all
  return (clock.monotonic() - begin) / 1_000
}

test('repair takes half of a limited upload, what its own setting says, and all where nothing is limited', async () => {
  assert.ok(Math.abs((await secondsForTen({ upload: 2 * CHUNK, repair: 0 })) - 10) < 0.5)
  assert.ok(Math.abs((await secondsForTen({ upload: 2 * CHUNK, repair: 2 * CHUNK })) - 5) < 0.5)
  assert.ok((await secondsForTen({ upload: 0, repair: 0 })) < 0.2)
})

test('a change frees those who wait', async () => {
  const clock = new VirtualClock()
  const bandwidth = new Bandwidth({ clock })
  const budget = new RepairBudget({ clock, bandwidth }, { bytesPerSecondMax: 1 })
  await budget.take(CHUNK, undefined)
  let isThrough = false
  const second = budget.take(CHUNK, undefined).then(() => {
    isThrough = true
  })
  await clock.advance(60_000)
  assert.equal(isThrough, false)
  budget.change({ bytesPerSecondMax: 0 })
  await second
})

test('one who gives up waiting takes nothing', async () => {
  const clock = new VirtualClock()
  const budget = new RepairBudget({ clock, bandwidth: new Bandwidth({ clock }) }, { bytesPerSecondMax: 1 })
  await budget.take(CHUNK, undefined)
  const control = new AbortController()
  const waiting = budget.take(CHUNK, control.signal)
  control.abort(new Error('stopped'))
  await assert.rejects(waiting, /stopped/)
})
