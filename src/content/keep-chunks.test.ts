import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { SystemClock } from '../core/clock.ts'
import { type Digester, inlineDigester } from '../core/digester.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { openFileChunkStore } from '../storage/file-chunk-store.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { createMemoryChunkStore } from '../storage/memory-chunk-store.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { randomContent, readAll, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

const MIB = 2 ** 20
const MANIFEST_BYTES_MAX = 64 * 1024

describe('keeping', () => {
  let space: TestSpace
  beforeEach(() => {
    space = new TestSpace()
  })
  afterEach(() => space.stop())

  async function publish(node: TestNode, bytes: Uint8Array) {
    const policy = { kind: 'replica', copies: 1 } as const
    return (await node.content.publish(sourceOf(bytes), { policy, acknowledge: 'local' })).id
  }

  test('each byte is hashed once on its way to the disk', async () => {
    const source = await space.addNode()
    const counting = new CountingDigester()
    const chunks = await fileStore(counting)
    const keeper = await space.addNode({ chunks, digester: counting })
    const bytes = randomContent(6 * MIB)
    const id = await publish(source, bytes)
    await keeper.content.keep(id)
    const stored = await keeper.stored()
    assert.ok(stored.has(id))
    assert.equal(counting.hashedBytes, bytes.byteLength)
    await space.turnOff(source)
    assert.ok((await readAll(await keeper.content.retrieve(id))).equals(bytes))
  })

  test('what is here already is checked, and only what is wrong is fetched again', async () => {
    const source = await space.addNode()
    const inner = createMemoryChunkStore()
    const keeper = await space.addNode({ chunks: inner })
    const bytes = randomContent(4 * MIB)
    const id = await publish(source, bytes)
    await keeper.content.keep(id)
    const served = await source.metrics.total('kizuna_chunks_served_total')
    const [, lost] = [...(await keeper.stored())].filter((chunk) => chunk !== id)
    assert.ok(lost !== undefined)
    await inner.delete(lost)
    await keeper.content.keep(id)
    assert.ok(await inner.has(lost))
    assert.equal(await source.metrics.total('kizuna_chunks_served_total'), served + 1)
  })

  test('a disk that is full ends it with the error of the disk, and a reader hears nothing of it', async () => {
    const source = await space.addNode()
    const keeper = await space.addNode({ chunks: createMemoryChunkStore({ sizeBytesMax: 2 * MIB }) })
    const bytes = randomContent(6 * MIB)
    const id = await publish(source, bytes)
    await assert.rejects(keeper.content.keep(id), (error) => isKizunaError(error, 'QUOTA_EXCEEDED'))
    assert.ok((await readAll(await keeper.content.retrieve(id))).equals(bytes))
  })

  test('it waits for the disk, however fast the chunks come', async () => {
    const source = await space.addNode()
    const slow = slowStore(createMemoryChunkStore())
    const keeper = await space.addNode({ chunks: slow.store })
    const id = await publish(source, randomContent(8 * MIB))
    await keeper.content.keep(id)
    assert.equal(slow.writing, 0)
    assert.ok(slow.writingMax > 1)
    assert.ok(slow.writingMax <= 33, `${slow.writingMax} chunks of 256 KiB were being written at once`)
  })

  test('whoever stops in between leaves nothing running and nothing half kept', async () => {
    const source = await space.addNode()
    const keeper = await space.addNode()
    const id = await publish(source, randomContent(8 * MIB))
    const controller = new AbortController()
    const keeping = keeper.content.keep(id, {
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 5) controller.abort(new Error('enough'))
      },
    })
    await assert.rejects(keeping, /enough/)
    await keeper.content.keep(id)
    assert.equal(keeper.content.keptObjects().length, 1)
  })
})

class CountingDigester implements Digester {
  readonly atOnce = 1
  hashedBytes = 0

  sha256(bytes: Uint8Array): Promise<Uint8Array> {
    // The manifest is read before and checked again, as everything that is here already.
    if (bytes.byteLength >= MANIFEST_BYTES_MAX) this.hashedBytes += bytes.byteLength
    return inlineDigester.sha256(bytes)
  }

  stream() {
    return inlineDigester.stream()
  }
}

async function fileStore(digester: Digester): Promise<ChunkStore> {
  const disk = new MemoryDisk()
  const index = openIndexDatabase(disk.openDatabase('chunks.db'))
  const metrics = createMetrics({ processMetrics: false })
  const parts = { disk, index, clock: new SystemClock(), log: silentLogger, metrics, digester }
  return openFileChunkStore(parts, { folder: 'chunks' })
}

/** A store that takes a moment for each chunk, and how many it was writing. */
function slowStore(inner: ChunkStore) {
  const clock = new SystemClock()
  const slow = { writing: 0, writingMax: 0, store: inner }
  slow.store = {
    ...inner,
    async put(id, bytes, options) {
      slow.writing++
      slow.writingMax = Math.max(slow.writingMax, slow.writing)
      try {
        await clock.sleep(5)
        return await inner.put(id, bytes, options)
      } finally {
        slow.writing--
      }
    },
  }
  return slow
}
