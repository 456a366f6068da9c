import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chunkOf } from '../storage/chunk.ts'
import { ChunkLeases } from '../storage/chunk-leases.ts'
import { freshMemory } from '../storage/chunk-memory.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { ChunkWrites } from './chunk-writes.ts'

/** Chunks all of one length, in a store whose puts end when told. */
function slowStore(chunkBytes: number) {
  const puts: PromiseWithResolvers<'stored'>[] = []
  const chunks = {
    put: () => {
      const put = Promise.withResolvers<'stored'>()
      puts.push(put)
      return put.promise
    },
  } as unknown as ChunkStore
  const lease = new ChunkLeases().hold()
  const writes = new ChunkWrites({ chunks, memory: freshMemory }, lease, undefined)
  let number = 0
  const next = () => {
    const bytes = new Uint8Array(chunkBytes)
    new DataView(bytes.buffer).setUint32(0, number++)
    return writes.put(chunkOf(bytes))
  }
  return { writes, puts, next }
}

/** How many are on their way when the next has to wait. */
async function underWay(chunkBytes: number): Promise<number> {
  const { puts, next } = slowStore(chunkBytes)
  for (;;) {
    let hasRoom = false
    void next().then(() => {
      hasRoom = true
    })
    await new Promise(setImmediate)
    if (!hasRoom) return puts.length
  }
}

describe('chunks on their way to the disk', () => {
  test('eight MiB are written at once, in thirty-two chunks at most and four at least', async () => {
    assert.equal(await underWay(1000), 32)
    assert.equal(await underWay(2 ** 19), 16)
    assert.equal(await underWay(2 ** 20), 8)
    assert.equal(await underWay(2_093_056), 5)
  })

  test('one that is done makes room for the next; a failure ends everything', async () => {
    const { writes, puts, next } = slowStore(2 ** 20)
    for (let count = 0; count < 7; count++) await next()
    const eighth = next()
    puts[3]?.resolve('stored')
    await eighth
    assert.equal(writes.stored.length, 1)
    const ninth = next()
    puts[0]?.reject(new Error('no disk'))
    await assert.rejects(ninth, /no disk/)
    for (const { resolve } of puts) resolve('stored')
    await assert.rejects(writes.finish(), /no disk/)
  })
})
