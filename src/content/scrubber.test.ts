import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../core/clock.ts'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { advanceUntil, rotAndHeal } from './rot-healing.suite.ts'
import { openRottingStore, type RottingStore, rotChunk } from './rotting-store.suite.ts'
import { Scrubber, type ScrubberOptions } from './scrubber.ts'
import { randomContent } from './space-under-test.suite.ts'

const DAY_MS = 24 * 3_600_000
const OPTIONS: ScrubberOptions = { cycleMs: 7 * DAY_MS, cpuShare: 0.05 }

async function scrubbed(store: RottingStore, clock: Clock, options: Partial<ScrubberOptions> = {}) {
  const damaged: ContentId[] = []
  const metrics = createMetrics({ processMetrics: false })
  const scrubber = new Scrubber(
    {
      ...store,
      clock,
      log: silentLogger,
      metrics,
      onDamaged: (id) => damaged.push(id),
      findLost: async () => {},
    },
    { ...OPTIONS, ...options },
  )
  return { scrubber, damaged, metrics }
}

async function fill(store: RottingStore, count: number, sizeBytes = 20_000): Promise<ContentId[]> {
  const ids: ContentId[] = []
  for (let seed = 0; seed < count; seed++) {
    const bytes = randomContent(seed % 2 === 0 ? sizeBytes : 200, seed + 1)
    ids.push(contentIdOf(bytes))
    await store.chunks.put(contentIdOf(bytes), bytes)
  }
  return ids
}

/** A clock on which reading takes `costMs` per look at the time. */
function costly(inner: VirtualClock, costMs: () => number): Clock {
  let spent = 0
  return {
    now: () => inner.now(),
    monotonic: () => {
      spent += costMs()
      return inner.monotonic() + spent
    },
    after: (delayMs, action) => inner.after(delayMs, action),
    sleep: (delayMs, signal) => inner.sleep(delayMs, signal),
    deadline: (delayMs, ...signals) => inner.deadline(delayMs, ...signals),
  }
}

test('every chunk, in files and packs, is read within the cycle and all rot is found [R-02] [9.2.1]', async () => {
  const clock = new VirtualClock()
  const store = await openRottingStore(clock)
  const ids = await fill(store, 40)
  const { scrubber, damaged, metrics } = await scrubbed(store, clock)
  const rotten = ids.slice(0, 10)
  for (const [place, id] of rotten.entries()) {
    await rotChunk(store, id, place % 4 === 0 ? 'page' : 'bit', new SeededRandom(place))
  }
  scrubber.start()
  await advanceUntil(clock, () => scrubber.report().finishedAt !== undefined, 7 * DAY_MS)
  assert.deepEqual(new Set(damaged), new Set(rotten))
  assert.equal(await metrics.total('kizuna_scrub_chunks_total'), 40)
  for (const id of rotten) assert.equal(await store.chunks.has(id), false, 'it may be stored anew')
  await scrubber.stop()
})

test('a large store is spread over the cycle, and does not take longer', async () => {
  const clock = new VirtualClock()
  const store = await openRottingStore(clock)
  await fill(store, 60)
  const { scrubber } = await scrubbed(store, clock, { cycleMs: 600_000 })
  scrubber.start()
  await clock.advance(240_000)
  const { progress, isBehind } = scrubber.report()
  assert.ok(progress > 0.4 && progress < 0.6, `${progress} of the cycle after half of its time`)
  assert.equal(isBehind, false)
  await advanceUntil(clock, () => scrubber.report().finishedAt !== undefined, 360_000)
  assert.ok((scrubber.report().finishedCycleMs ?? Infinity) <= 600_000)
  await scrubber.stop()
})

test('the share of a core goes before the time of the cycle, and the owner is told', async () => {
  const clock = new VirtualClock()
  const store = await openRottingStore(clock)
  await fill(store, 100)
  // The processor hashes half a MiB in 7.5 s, and the rest costs half as much again and more.
  const slow = costly(clock, () => 7_500)
  const { scrubber } = await scrubbed(store, slow, { cycleMs: 60_000 })
  scrubber.start()
  await clock.advance(400_000)
  const report = scrubber.report()
  const busyMs = (report.checkedBytes / 2 ** 19) * 7_500 * 1.5
  assert.ok(busyMs > 10_000 && busyMs < 400_000 * 0.055, `busy for ${busyMs} of 400,000 ms`)
  assert.equal(report.isBehind, true)
  await scrubber.stop()
})

test('a restart goes on where the last run ended', async () => {
  const clock = new VirtualClock()
  const store = await openRottingStore(clock)
  await fill(store, 60)
  const first = await scrubbed(store, clock, { cycleMs: 600_000 })
  first.scrubber.start()
  await clock.advance(240_000)
  await first.scrubber.stop()
  const { checked } = first.scrubber.report()
  const second = await scrubbed(store, clock, { cycleMs: 600_000 })
  assert.equal(second.scrubber.report().checked, checked)
  second.scrubber.start()
  await advanceUntil(clock, () => second.scrubber.report().finishedAt !== undefined, 600_000)
  const read = await second.metrics.total('kizuna_scrub_chunks_total')
  assert.ok(read === 60 - checked || read === 61 - checked, `${read} read, the next cycle may have begun`)
  await second.scrubber.stop()
})

test('a disk that refuses to read for two hours costs no chunk; a bad place does, after some tries [R-25]', async () => {
  const clock = new VirtualClock()
  const store = await openRottingStore(clock)
  const ids = await fill(store, 30)
  const { scrubber, damaged } = await scrubbed(store, clock)
  store.disk.fail({ operation: 'read', code: 'EIO', count: Number.POSITIVE_INFINITY })
  scrubber.start()
  await clock.advance(2 * 3_600_000)
  assert.deepEqual(damaged, [])
  assert.ok(scrubber.report().unreadable > 0)
  store.disk.heal()
  const bad = ids[2] as ContentId
  store.disk.fail({
    operation: 'read',
    path: `chunks/${bad.slice(-3, -1)}/${bad}`,
    code: 'EIO',
    count: Number.POSITIVE_INFINITY,
  })
  await advanceUntil(clock, () => scrubber.report().finishedAt !== undefined, 7 * DAY_MS)
  assert.deepEqual(damaged, [bad])
  assert.equal(scrubber.report().unreadable, 0)
  for (const id of ids) assert.ok(await store.chunks.has(id), 'nothing was taken away')
  await scrubber.stop()
})

test('five nodes find all rot and heal it from copies and parity within a minute [R-02] [K-43]', async () => {
  const { injected, detected, kept, healed, wrongReads, healMs, failures } = await rotAndHeal({
    seed: 1,
    injections: 60,
  })
  assert.deepEqual(failures, [])
  assert.deepEqual([detected, healed, wrongReads], [injected, kept, 0])
  assert.ok(kept > 40, `${kept} were kept`)
  healMs.sort((a, b) => a - b)
  assert.ok((healMs[healMs.length >> 1] ?? Infinity) <= 10_000, `median ${healMs[healMs.length >> 1]} ms`)
  assert.ok((healMs.at(-1) ?? Infinity) <= 60_000, `worst ${healMs.at(-1)} ms`)
})
