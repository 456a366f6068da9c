import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { newBytes, testChunkStore } from './chunk-store.suite.ts'
import type { ChunkStore } from './chunk-store.ts'
import { createMemoryChunkStore } from './memory-chunk-store.ts'
import { createVerifiedChunkStore } from './verified-chunk-store.ts'

testChunkStore('verified chunk store', async () => createVerifiedChunkStore(createMemoryChunkStore()))

/** A store that believes everything. */
function credulousStore(): ChunkStore & { held: Map<ContentId, Uint8Array> } {
  const held = new Map<ContentId, Uint8Array>()
  return {
    ...createMemoryChunkStore(),
    held,
    put: async (id, bytes) => {
      held.set(id, bytes)
      return 'stored'
    },
    get: async (id) => held.get(id) ?? new Uint8Array(0),
    delete: async (id) => held.delete(id),
  }
}

test('nothing wrong gets into a store that does not check by itself [K-40]', async () => {
  const inner = credulousStore()
  const store = createVerifiedChunkStore(inner)
  await assert.rejects(store.put(contentIdOf(newBytes(9)), newBytes(9)), (error) =>
    isKizunaError(error, 'INVALID_CHUNK'),
  )
  assert.equal(inner.held.size, 0)
})

test('nothing wrong gets out of it: each of 1,000 flipped bits is noticed [K-62]', async () => {
  const inner = credulousStore()
  const corrupt: ContentId[] = []
  const store = createVerifiedChunkStore(inner, { onCorrupt: (id) => corrupt.push(id) })
  for (let run = 0; run < 1_000; run++) {
    const bytes = newBytes(125)
    const id = contentIdOf(bytes)
    const wrong = bytes.slice()
    wrong[run >> 3] = (wrong[run >> 3] ?? 0) ^ (1 << (run & 7))
    inner.held.set(id, wrong)
    await assert.rejects(store.get(id, { offset: 0, length: 1 }), (error) =>
      isKizunaError(error, 'CHUNK_CORRUPT'),
    )
    assert.equal(inner.held.has(id), false, 'it is gone, so that it can be fetched anew')
  }
  assert.equal(corrupt.length, 1_000)
})

test('other failures of the inner store pass through', async () => {
  const corrupt: ContentId[] = []
  const store = createVerifiedChunkStore(createMemoryChunkStore(), { onCorrupt: (id) => corrupt.push(id) })
  await assert.rejects(store.get(contentIdOf(newBytes(9))), (error) =>
    isKizunaError(error, 'CHUNK_NOT_FOUND'),
  )
  assert.equal(corrupt.length, 0)
  const quiet = createVerifiedChunkStore(credulousStore())
  await assert.rejects(quiet.get(contentIdOf(newBytes(9))), (error) => isKizunaError(error, 'CHUNK_CORRUPT'))
})
