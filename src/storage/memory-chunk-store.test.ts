import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { newBytes, testChunkStore } from './chunk-store.suite.ts'
import { createMemoryChunkStore } from './memory-chunk-store.ts'

testChunkStore('memory chunk store', async () => createMemoryChunkStore())

test('the memory store holds to its limit in bytes [S-26]', async () => {
  const store = createMemoryChunkStore({ sizeBytesMax: 100 })
  const [first, second, third] = [newBytes(60), newBytes(41), newBytes(40)]
  await store.put(contentIdOf(first), first)
  await assert.rejects(store.put(contentIdOf(second), second), (error) =>
    isKizunaError(error, 'QUOTA_EXCEEDED'),
  )
  await store.put(contentIdOf(third), third)
  await store.delete(contentIdOf(first))
  await store.put(contentIdOf(second), second)
  assert.equal((await store.usage()).sizeBytes, 81)
})
