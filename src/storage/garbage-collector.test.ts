import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { ChunkLeases } from './chunk-leases.ts'
import { newBytes, testChunkStore } from './chunk-store.suite.ts'
import { openFileChunkStore } from './file-chunk-store.ts'
import { createCollectedChunkStore, GarbageCollector } from './garbage-collector.ts'
import { openIndexDatabase } from './index-database.ts'
import { createMemoryChunkStore } from './memory-chunk-store.ts'
import { MemoryDisk } from './memory-disk.ts'
import { Pins } from './pins.ts'

testChunkStore('collected chunk store', async () =>
  createCollectedChunkStore(createMemoryChunkStore(), { noteStored: () => {} }),
)

const GRACE_MS = 60_000

async function create() {
  const disk = new MemoryDisk()
  const index = openIndexDatabase(disk.openDatabase('index.db'))
  const clock = new VirtualClock()
  const metrics = createMetrics({ processMetrics: false })
  const inner = await openFileChunkStore(
    { disk, index, clock, log: silentLogger, metrics },
    { folder: 'chunks' },
  )
  const pins = new Pins({ index, clock })
  const leases = new ChunkLeases()
  const cached = new Set<ContentId>()
  const collector = new GarbageCollector(
    { chunks: inner, pins, leases, cache: cached, index, clock, log: silentLogger, metrics },
    { graceMs: GRACE_MS },
  )
  const chunks = createCollectedChunkStore(inner, collector)
  const put = async (length = 100) => {
    const bytes = newBytes(length)
    const id = contentIdOf(bytes)
    await chunks.put(id, bytes)
    return { id, bytes }
  }
  return { chunks, pins, leases, cached, collector, clock, index, metrics, put }
}

test('a chunk goes when nothing referred to it for the whole grace, and not before', async () => {
  const { chunks, collector, clock, metrics, put } = await create()
  const { id } = await put(20_000)
  assert.equal((await collector.collect()).waiting, 1)
  await clock.advance(GRACE_MS - 1)
  assert.equal((await collector.collect()).waiting, 1)
  await clock.advance(1)
  const report = await collector.collect()
  assert.deepEqual(report, {
    dryRun: false,
    examined: 1,
    pinned: 0,
    leased: 0,
    cached: 0,
    waiting: 0,
    collected: 1,
    freedBytes: 20_000,
  })
  assert.equal(await chunks.has(id), false)
  assert.equal(await metrics.total('kizuna_garbage_collected_total'), 1)
  assert.equal((await collector.collect()).examined, 0)
})

test('pinned, leased and cached chunks stay, however old', async () => {
  const { chunks, pins, leases, cached, collector, clock, put } = await create()
  const [pinned, leased, kept, loose] = [await put(), await put(), await put(), await put()]
  pins.add({ root: pinned.id, owner: 'self' }, [pinned.id])
  const lease = leases.hold([leased.id])
  cached.add(kept.id)
  await collector.collect()
  await clock.advance(GRACE_MS)
  const report = await collector.collect()
  const { pinned: pinnedCount, leased: leasedCount, cached: cachedCount, collected } = report
  assert.deepEqual([pinnedCount, leasedCount, cachedCount, collected], [1, 1, 1, 1])
  assert.equal(await chunks.has(loose.id), false)
  pins.remove(pinned.id, 'self')
  lease.release()
  cached.clear()
  assert.equal((await collector.collect()).waiting, 3, 'their grace begins when they are let go')
  await clock.advance(GRACE_MS)
  assert.equal((await collector.collect()).collected, 3)
})

test('an expired pin protects nothing', async () => {
  const { pins, collector, clock, put } = await create()
  const { id } = await put()
  pins.add({ root: id, owner: 'self', expiresAt: clock.now() + 10 }, [id])
  await collector.collect()
  await clock.advance(10)
  await collector.collect()
  await clock.advance(GRACE_MS)
  assert.equal((await collector.collect()).collected, 1)
  assert.deepEqual(pins.chunkIdsOf({ root: id, owner: 'self' }), [])
})

test('a dry run says what would go and changes nothing', async () => {
  const { chunks, collector, clock, put } = await create()
  const { id } = await put()
  assert.equal((await collector.collect({ dryRun: true })).waiting, 1)
  await clock.advance(GRACE_MS)
  assert.equal((await collector.collect({ dryRun: true })).waiting, 1, 'a dry run marks nothing')
  await collector.collect()
  await clock.advance(GRACE_MS)
  const report = await collector.collect({ dryRun: true })
  assert.deepEqual([report.collected, report.freedBytes, report.dryRun], [1, 100, true])
  assert.equal(await chunks.has(id), true)
})

test('storing a chunk again begins its grace anew', async () => {
  const { chunks, collector, clock, put } = await create()
  const { id, bytes } = await put()
  await collector.collect()
  await clock.advance(GRACE_MS)
  assert.equal(await chunks.put(id, bytes), 'known')
  assert.equal((await collector.collect()).waiting, 1)
  assert.equal(await chunks.has(id), true)
})

test('a clock that was set back lets nothing go early', async () => {
  const { collector, clock, put } = await create()
  await put()
  clock.jump(86_400_000)
  await collector.collect()
  clock.jump(-86_400_000)
  assert.equal((await collector.collect()).waiting, 1)
  await clock.advance(GRACE_MS)
  assert.equal((await collector.collect()).collected, 1)
})

test('marks of chunks that went another way are forgotten', async () => {
  const { chunks, collector, clock, put } = await create()
  const { id, bytes } = await put()
  await collector.collect()
  await chunks.delete(id)
  await collector.collect()
  await clock.advance(GRACE_MS)
  await chunks.put(id, bytes)
  assert.equal((await collector.collect()).waiting, 1)
})

test('a collection stops when it is cancelled; a second waits for the first', async () => {
  const { collector, put } = await create()
  for (let index = 0; index < 300; index++) await put(10)
  const aborted = (error: unknown) => isKizunaError(error, 'ABORTED')
  await assert.rejects(collector.collect({ signal: AbortSignal.abort() }), aborted)
  const controller = new AbortController()
  const first = collector.collect({ signal: controller.signal })
  const second = collector.collect()
  const third = collector.collect()
  controller.abort()
  await assert.rejects(first, aborted)
  assert.equal((await second).examined, 300)
  assert.equal((await third).examined, 300)
})

test('whoever publishes while the collector runs never loses a chunk', async () => {
  // Garbage that is due and the same bytes published at every possible moment of the collection.
  for (let seed = 0; seed < 150; seed++) {
    const { chunks, pins, leases, collector, clock, put } = await create()
    const random = new SeededRandom(seed)
    const garbage = [await put(200), await put(20_000), await put(300)]
    await collector.collect()
    await clock.advance(GRACE_MS)
    const root = garbage[0]?.id as ContentId
    const publish = async () => {
      for (let turn = random.integer(60); turn > 0; turn--) await null
      using lease = leases.hold()
      for (const { id, bytes } of garbage) {
        lease.add(id)
        // A publisher that asks first and one that stores anyhow.
        if (random.integer(2) === 0 || !(await chunks.has(id))) await chunks.put(id, bytes)
        for (let turn = random.integer(20); turn > 0; turn--) await null
        if (!(await chunks.has(id))) await chunks.put(id, bytes)
      }
      pins.add(
        { root, owner: 'self' },
        garbage.map(({ id }) => id),
      )
    }
    await Promise.all([publish(), collector.collect()])
    await collector.collect()
    for (const { id } of garbage) assert.equal(await chunks.has(id), true, `seed ${seed}`)
  }
})

test('a lease counts each holder', () => {
  const leases = new ChunkLeases()
  const id = contentIdOf(newBytes(9))
  const first = leases.hold([id, id])
  const second = leases.hold()
  second.add(id)
  first.release()
  first.release()
  assert.equal(leases.has(id), true)
  second.release()
  assert.deepEqual([leases.has(id), leases.size], [false, 0])
})

test('what is stored again or deleted while it is looked at is not collected', async () => {
  const { chunks, pins, leases, clock, index, metrics, put } = await create()
  let during: (id: ContentId) => Promise<unknown> = async () => {}
  const collector = new GarbageCollector(
    {
      chunks: {
        ...chunks,
        async sizeOf(id) {
          await during(id)
          return chunks.sizeOf(id)
        },
      },
      pins,
      leases,
      index,
      clock,
      log: silentLogger,
      metrics,
    },
    { graceMs: GRACE_MS },
  )
  const [again, gone] = [await put(), await put()]
  await collector.collect()
  await clock.advance(GRACE_MS)
  during = (id) => (id === again.id ? chunks.put(id, again.bytes) : chunks.delete(id))
  const report = await collector.collect()
  assert.deepEqual([report.collected, report.waiting, report.freedBytes], [0, 1, 0])
  assert.equal(await chunks.has(again.id), true)
  assert.equal(await chunks.has(gone.id), false)
})
