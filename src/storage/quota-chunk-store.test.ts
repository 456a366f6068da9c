import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { newBytes, testChunkStore } from './chunk-store.suite.ts'
import { createMemoryChunkStore } from './memory-chunk-store.ts'
import { CHUNK_CHARGE_BYTES, createQuotaChunkStore, quotaOfFolder } from './quota-chunk-store.ts'

testChunkStore('quota chunk store', async () =>
  createQuotaChunkStore(createMemoryChunkStore(), { sizeBytesMax: 1e9 }),
)

const exceeded = (error: unknown) => isKizunaError(error, 'QUOTA_EXCEEDED')
const chunk = (length: number) => {
  const bytes = newBytes(length)
  return { id: contentIdOf(bytes), bytes }
}

test('a chunk is charged its bytes and what it takes besides', async () => {
  const store = createQuotaChunkStore(createMemoryChunkStore(), {
    sizeBytesMax: 2 * CHUNK_CHARGE_BYTES + 100,
  })
  const [first, second, third] = [chunk(60), chunk(40), chunk(0)]
  await store.put(first.id, first.bytes)
  await store.put(second.id, second.bytes)
  assert.equal(await store.freeBytes(), 0)
  await assert.rejects(store.put(third.id, third.bytes), exceeded)
  assert.equal(await store.put(first.id, first.bytes), 'known', 'what is held costs nothing')
  await store.delete(second.id)
  await store.put(third.id, third.bytes)
  assert.equal(await store.freeBytes(), 40)
})

test('puts at the same time cannot share the same room', async () => {
  const store = createQuotaChunkStore(createMemoryChunkStore(), {
    sizeBytesMax: 10 * (CHUNK_CHARGE_BYTES + 50),
  })
  const chunks = Array.from({ length: 30 }, () => chunk(50))
  const outcomes = await Promise.allSettled(chunks.map(({ id, bytes }) => store.put(id, bytes)))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10)
  assert.equal((await store.usage()).chunks, 10)
})

test('the number of chunks has a limit of its own, and a failed put gives its room back', async () => {
  const store = createQuotaChunkStore(createMemoryChunkStore(), { sizeBytesMax: 1e9, chunksMax: 2 })
  const wrong = chunk(10)
  await assert.rejects(store.put(wrong.id, newBytes(10)), (error) => isKizunaError(error, 'INVALID_CHUNK'))
  const chunks = [chunk(1), chunk(2), chunk(3)]
  const outcomes = await Promise.allSettled(chunks.map(({ id, bytes }) => store.put(id, bytes)))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
})

test('a quota can change while the store runs', async () => {
  const store = createQuotaChunkStore(createMemoryChunkStore(), { sizeBytesMax: 10_000 })
  const [first, second] = [chunk(5_000), chunk(5_000)]
  await store.put(first.id, first.bytes)
  await assert.rejects(store.put(second.id, second.bytes), exceeded)
  store.setQuota({ sizeBytesMax: 20_000 })
  await store.put(second.id, second.bytes)
  store.setQuota({ sizeBytesMax: 1_000 })
  assert.equal(await store.freeBytes(), 0)
  assert.equal((await store.get(first.id)).byteLength, 5_000)
})

test('the quota of a folder leaves room for the index, and never less than half for chunks', () => {
  assert.equal(quotaOfFolder(1e9).sizeBytesMax, 1e9 - 8_240_000)
  assert.equal(quotaOfFolder(1_000).sizeBytesMax, 500)
  assert.equal(quotaOfFolder(Number.POSITIVE_INFINITY).sizeBytesMax, Number.POSITIVE_INFINITY)
})

test('what the store takes on its disk counts when it is more than the chunks', async () => {
  const inner = createMemoryChunkStore()
  const store = createQuotaChunkStore(
    { ...inner, usage: async () => ({ ...(await inner.usage()), diskBytes: 9_000 }) },
    { sizeBytesMax: 10_000 },
  )
  assert.equal(await store.freeBytes(), 1_000)
  const large = chunk(20_000)
  await assert.rejects(store.put(large.id, large.bytes), exceeded)
})

test('a put that ends while the room is counted is counted', async () => {
  const inner = createMemoryChunkStore()
  let during = async () => {}
  const store = createQuotaChunkStore(
    {
      ...inner,
      async usage() {
        const usage = await inner.usage()
        await during()
        return usage
      },
    },
    { sizeBytesMax: 2 * (CHUNK_CHARGE_BYTES + 50) },
  )
  const [first, second] = [chunk(50), chunk(50)]
  await store.put(first.id, first.bytes)
  let isOver = false
  during = async () => {
    if (isOver) return
    isOver = true
    await store.put(second.id, second.bytes)
  }
  assert.equal(await store.freeBytes(), 0)
})
