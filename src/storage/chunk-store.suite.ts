import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import { SeededRandom } from '../core/random.ts'
import { chunkOf } from './chunk.ts'
import type { ChunkStore } from './chunk-store.ts'

const random = new SeededRandom(7)
/** Bytes that no other call returned. */
export const newBytes = (length: number) => random.bytes(length)

/** Lengths around every border: empty, packed or not, whole chunks, the longest. */
const LENGTHS = [0, 1, 511, 16_384, 16_385, 262_143, 262_144, 262_145, CHUNK_BYTES_MAX]

/** Every id of a store, sorted. */
export async function allIds(store: ChunkStore): Promise<ContentId[]> {
  const ids: ContentId[] = []
  for await (const id of store.ids()) ids.push(id)
  return ids.sort()
}

/** What every chunk store does. `create` gives a new, empty one. */
export function testChunkStore(name: string, create: () => Promise<ChunkStore>): void {
  test(`${name}: gives back the bytes it was given, for every length [S-02] [S-26] [K-27]`, async () => {
    const store = await create()
    for (const length of LENGTHS) {
      const bytes = newBytes(length)
      const id = contentIdOf(bytes)
      assert.equal(await store.has(id), false)
      assert.equal(await store.put(id, bytes), 'stored')
      assert.equal(await store.has(id), true)
      assert.equal(await store.sizeOf(id), length)
      assert.deepEqual(Buffer.from(await store.get(id)), Buffer.from(bytes))
    }
    assert.equal((await store.usage()).chunks, LENGTHS.length)
    await store.close()
  })

  test(`${name}: names chunks by their bytes, so storing again changes nothing [K-26] [S-08]`, async () => {
    const store = await create()
    for (const length of [100, 100_000]) {
      const bytes = newBytes(length)
      const id = contentIdOf(bytes)
      assert.equal(await store.put(id, bytes), 'stored')
      const before = await store.usage()
      assert.equal(await store.put(id, bytes.slice()), 'known')
      assert.deepEqual(await store.usage(), before)
      const other = bytes.slice()
      other[0] = (other[0] ?? 0) ^ 1
      assert.notEqual(contentIdOf(other), id)
      assert.equal(await store.put(contentIdOf(other), other), 'stored')
    }
    assert.equal((await allIds(store)).length, 4)
    await store.close()
  })

  test(`${name}: the same chunk stored by many at once is stored once`, async () => {
    const store = await create()
    for (const length of [100, 100_000]) {
      const bytes = newBytes(length)
      const id = contentIdOf(bytes)
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => store.put(id, bytes)))
      assert.equal(outcomes.filter((outcome) => outcome === 'stored').length, 1)
    }
    assert.equal((await store.usage()).chunks, 2)
    await store.close()
  })

  test(`${name}: refuses bytes that are not those the id names [K-40] [S-08]`, async () => {
    const store = await create()
    for (const length of [10, 50_000]) {
      const bytes = newBytes(length)
      const id = contentIdOf(bytes)
      const wrong = bytes.slice()
      wrong[length - 1] = (wrong[length - 1] ?? 0) ^ 128
      await assert.rejects(store.put(id, wrong), (error) => isKizunaError(error, 'INVALID_CHUNK'))
      await assert.rejects(store.put(id, bytes.subarray(1)), (error) => isKizunaError(error, 'INVALID_CHUNK'))
      await assert.rejects(store.put(id, chunkOf(wrong).bytes), (error) =>
        isKizunaError(error, 'INVALID_CHUNK'),
      )
      assert.equal(await store.has(id), false)
    }
    await store.close()
  })

  test(`${name}: refuses a chunk over the limit`, async () => {
    const store = await create()
    const bytes = newBytes(CHUNK_BYTES_MAX + 1)
    await assert.rejects(store.put(contentIdOf(bytes), bytes), (error) =>
      isKizunaError(error, 'LIMIT_EXCEEDED'),
    )
    await store.close()
  })

  test(`${name}: a chunk it lacks is missing, not an accident [K-28] [S-09] [S-10]`, async () => {
    const store = await create()
    const id = contentIdOf(newBytes(10))
    await assert.rejects(store.get(id), (error) => isKizunaError(error, 'CHUNK_NOT_FOUND'))
    assert.equal(await store.has(id), false)
    assert.equal(await store.sizeOf(id), undefined)
    assert.equal(await store.delete(id), false)
    await store.close()
  })

  test(`${name}: deletes, and takes the chunk again afterwards`, async () => {
    const store = await create()
    for (const length of [100, 100_000]) {
      const bytes = newBytes(length)
      const id = contentIdOf(bytes)
      await store.put(id, bytes)
      assert.equal(await store.delete(id), true)
      assert.equal(await store.has(id), false)
      assert.equal(await store.delete(id), false)
      await assert.rejects(store.get(id), (error) => isKizunaError(error, 'CHUNK_NOT_FOUND'))
      assert.equal((await store.usage()).sizeBytes, 0)
      const [deleted, stored] = await Promise.all([store.delete(id), store.put(id, bytes)])
      assert.equal(deleted, false)
      assert.equal(stored, 'stored')
      const [deletedNow, storedNow] = await Promise.all([store.delete(id), store.put(id, bytes)])
      assert.deepEqual([deletedNow, storedNow, await store.has(id)], [true, 'stored', true])
      await store.delete(id)
    }
    await store.close()
  })

  test(`${name}: gives the part of a chunk that is asked`, async () => {
    const store = await create()
    for (const length of [1_000, 100_000]) {
      const bytes = newBytes(length)
      const id = contentIdOf(bytes)
      await store.put(id, bytes)
      const part = async (offset?: number, count?: number) =>
        Buffer.from(
          await store.get(id, {
            ...(offset === undefined ? {} : { offset }),
            ...(count === undefined ? {} : { length: count }),
          }),
        )
      assert.deepEqual(await part(10, 20), Buffer.from(bytes.subarray(10, 30)))
      assert.deepEqual(await part(length - 5), Buffer.from(bytes.subarray(length - 5)))
      assert.deepEqual(await part(length - 5, 100), Buffer.from(bytes.subarray(length - 5)))
      assert.deepEqual(await part(undefined, 7), Buffer.from(bytes.subarray(0, 7)))
      assert.equal((await part(length + 10, 5)).byteLength, 0)
      await assert.rejects(part(-1), (error) => isKizunaError(error, 'INVALID_INPUT'))
      await assert.rejects(part(0, 1.5), (error) => isKizunaError(error, 'INVALID_INPUT'))
    }
    await store.close()
  })

  test(`${name}: what a caller does to bytes it got harms nobody`, async () => {
    const store = await create()
    const bytes = newBytes(40_000)
    const id = contentIdOf(bytes)
    await store.put(id, bytes.slice())
    ;(await store.get(id)).fill(0)
    assert.deepEqual(Buffer.from(await store.get(id)), Buffer.from(bytes))
    await store.close()
  })

  test(`${name}: lists every id once, under concurrent writes and deletes [S-11]`, async () => {
    const store = await create()
    const bodies = new Map<ContentId, Uint8Array>()
    for (let index = 0; index < 2_500; index++) {
      const bytes = newBytes(12)
      bodies.set(contentIdOf(bytes), bytes)
    }
    const ids = [...bodies.keys()]
    await Promise.all(ids.map((id) => store.put(id, bodies.get(id) as Uint8Array)))
    const leaving = ids.slice(0, 500)
    const seen: ContentId[] = []
    let step = 0
    for await (const id of store.ids()) {
      seen.push(id)
      if (step < 500 && step % 2 === 0) {
        await store.delete(leaving[step] as ContentId)
        const bytes = newBytes(9)
        await store.put(contentIdOf(bytes), bytes)
      }
      step++
    }
    assert.equal(new Set(seen).size, seen.length, 'no id twice')
    const remaining = ids.filter((_, index) => index >= 500 || index % 2 === 1)
    const seenSet = new Set(seen)
    assert.equal(remaining.filter((id) => !seenSet.has(id)).length, 0, 'what was there throughout is listed')
    await store.close()
  })

  test(`${name}: counts what it holds`, async () => {
    const store = await create()
    assert.deepEqual(await store.usage(), { chunks: 0, sizeBytes: 0, diskBytes: 0 })
    const lengths = [10, 20_000, 300_000]
    for (const length of lengths) {
      const bytes = newBytes(length)
      await store.put(contentIdOf(bytes), bytes)
    }
    const { chunks, sizeBytes } = await store.usage()
    assert.deepEqual({ chunks, sizeBytes }, { chunks: 3, sizeBytes: 320_010 })
    await store.close()
  })

  test(`${name}: heeds a cancelled call`, async () => {
    const store = await create()
    const bytes = newBytes(100)
    const id = contentIdOf(bytes)
    const signal = AbortSignal.abort()
    await assert.rejects(store.put(id, bytes, { signal }), (error) => isKizunaError(error, 'ABORTED'))
    assert.equal(await store.has(id), false)
    await store.put(id, bytes, { signal: new AbortController().signal })
    await assert.rejects(store.get(id, { signal }), (error) => isKizunaError(error, 'ABORTED'))
    await store.close()
  })

  test(`${name}: refuses everything once closed`, async () => {
    const store = await create()
    const bytes = newBytes(100)
    const id = contentIdOf(bytes)
    await store.put(id, bytes)
    const listing = store.ids()[Symbol.asyncIterator]()
    await listing.next()
    await store.close()
    await store.close()
    const refused = (error: unknown) => isKizunaError(error, 'STORE_CLOSED')
    await assert.rejects(store.put(id, bytes), refused)
    await assert.rejects(store.get(id), refused)
    await assert.rejects(store.has(id), refused)
    await assert.rejects(store.sizeOf(id), refused)
    await assert.rejects(store.delete(id), refused)
    await assert.rejects(store.usage(), refused)
    await assert.rejects(allIds(store), refused)
    await assert.rejects(async () => {
      while ((await listing.next()).done !== true);
    }, refused)
  })
}
