import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { ChunkCache } from './chunk-cache.ts'
import { ChunkLeases } from './chunk-leases.ts'
import { newBytes } from './chunk-store.suite.ts'
import { openIndexDatabase } from './index-database.ts'
import { createMemoryChunkStore } from './memory-chunk-store.ts'
import { MemoryDisk } from './memory-disk.ts'
import { Pins } from './pins.ts'

function create(sizeBytesMax: number) {
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  const chunks = createMemoryChunkStore()
  const pins = new Pins({ index, clock: new VirtualClock() })
  const leases = new ChunkLeases()
  const parts = { chunks, pins, leases, index }
  const cache = new ChunkCache(parts, { sizeBytesMax })
  const put = async (length: number): Promise<ContentId> => {
    const bytes = newBytes(length)
    const id = contentIdOf(bytes)
    await chunks.put(id, bytes)
    cache.note(id, length)
    return id
  }
  const held = async (ids: ContentId[]) => Promise.all(ids.map((id) => chunks.has(id)))
  return { parts, cache, chunks, pins, leases, put, held }
}

test('the least recently used go first when the cache is over its bytes [S-51]', async () => {
  const { cache, put, held } = create(300)
  const ids = [await put(100), await put(100), await put(100)]
  assert.deepEqual(await cache.trim(), { evicted: 0, freedBytes: 0 })
  cache.note(ids[0] as ContentId, 100)
  ids.push(await put(150))
  assert.equal(cache.sizeBytes, 450)
  assert.deepEqual(await cache.trim(), { evicted: 2, freedBytes: 200 })
  assert.deepEqual(await held(ids), [true, false, false, true])
  assert.equal(cache.sizeBytes, 250)
  assert.equal(cache.has(ids[1] as ContentId), false)
  cache.setSizeBytesMax(0)
  await cache.trim()
  assert.deepEqual(await held(ids), [false, false, false, false])
  assert.equal(cache.sizeBytes, 0)
})

test('pinned and leased chunks are never evicted [S-51]', async () => {
  const { cache, pins, leases, put, held } = create(0)
  const ids = [await put(100), await put(100), await put(100)]
  pins.add({ root: ids[0] as ContentId, owner: 'self' }, [ids[0] as ContentId])
  using lease = leases.hold([ids[1] as ContentId])
  assert.deepEqual(await cache.trim(), { evicted: 1, freedBytes: 100 })
  assert.deepEqual(await held(ids), [true, true, false])
  assert.equal(cache.sizeBytes, 100, 'a pinned chunk is no longer counted, a leased one still is')
  lease.release()
  await cache.trim()
  assert.deepEqual(await held(ids), [true, false, false])
})

test('the order survives a restart, and chunks deleted elsewhere do no harm', async () => {
  const { parts, cache, chunks, put, held } = create(1e9)
  const ids: ContentId[] = []
  for (let index = 0; index < 300; index++) ids.push(await put(10))
  cache.note(ids[0] as ContentId, 10)
  await chunks.delete(ids[1] as ContentId)
  cache.flush()
  cache.flush()
  const again = new ChunkCache(parts, { sizeBytesMax: 1_000 })
  assert.equal(again.sizeBytes, 3_000)
  assert.deepEqual(await again.trim(), { evicted: 199, freedBytes: 1_990 })
  assert.equal((await held(ids)).filter(Boolean).length, 100)
  assert.equal(await chunks.has(ids[0] as ContentId), true)
})

test('a chunk used while others are evicted stays', async () => {
  const { cache, chunks, put } = create(0)
  const first = await put(10)
  const second = await put(10)
  const trimming = cache.trim()
  cache.note(second, 10)
  await trimming
  assert.deepEqual([await chunks.has(first), await chunks.has(second)], [false, true])
})

test('a use that is not written down yet counts already', async () => {
  const { cache, put } = create(1_000)
  const id = await put(10)
  cache.note(id, 10)
  assert.equal(cache.has(id), true)
  cache.note(id, 10)
  assert.equal(cache.sizeBytes, 10)
})
