/**
 * The file store on both disks, and what only it must do: survive crashes at any moment without a broken promise,
 * notice damage, keep folders small, give space back.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SystemClock } from '../core/clock.ts'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { chunkOf } from './chunk.ts'
import { allIds, newBytes, testChunkStore } from './chunk-store.suite.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { Disk } from './disk.ts'
import { type FileChunkStoreOptions, openFileChunkStore } from './file-chunk-store.ts'
import { createFileDisk } from './file-disk.ts'
import { openIndexDatabase } from './index-database.ts'
import { type DiskOperation, MemoryDisk } from './memory-disk.ts'

const base = mkdtempSync(join(tmpdir(), 'kizuna-chunks-'))
let count = 0
after(() => rmSync(base, { recursive: true }))

const clock = new SystemClock()

function open(disk: Disk, options: Partial<FileChunkStoreOptions> = {}): Promise<ChunkStore> {
  return openWithIndex(disk, 'index.db', options)
}

function openWithIndex(disk: Disk, path: string, options: Partial<FileChunkStoreOptions> = {}) {
  const index = openIndexDatabase(disk.openDatabase(path))
  const metrics = createMetrics({ processMetrics: false })
  return openFileChunkStore(
    { disk, index, clock, log: silentLogger, metrics },
    { folder: 'chunks', ...options },
  )
}

/** Turns a bit over in the first reading of every place. */
function flaky(disk: MemoryDisk): Disk {
  const seen = new Set<string>()
  const inner = disk.session()
  return {
    ...inner,
    async open(path, mode) {
      const file = await inner.open(path, mode)
      return {
        ...file,
        async read(position, length) {
          const bytes = await file.read(position, length)
          const place = `${path} ${position}`
          if (mode === 'read' && !seen.has(place)) bytes[3] = (bytes[3] as number) ^ 4
          seen.add(place)
          return bytes
        },
      }
    },
  }
}

async function putNew(store: ChunkStore, length: number): Promise<ContentId> {
  const { id, bytes } = chunkOf(newBytes(length))
  await store.put(id, bytes)
  return id
}

const fileOf = (id: ContentId) => `chunks/${id.slice(-3, -1)}/${id}`
const corrupt = (error: unknown) => isKizunaError(error, 'CHUNK_CORRUPT')

testChunkStore('file chunk store', () => open(createFileDisk(join(base, String(count++)))))
testChunkStore('file chunk store on a memory disk', () => open(new MemoryDisk()))

test('a small chunk stored first of all survives a power cut that takes everything unsynced [K-25]', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const id = await putNew(store, 700)
  const nothingRemains = { bytes: () => new Uint8Array(0), integer: () => 0, fraction: () => 0.999 }
  disk.crash(nothingRemains)
  const again = await open(disk)
  assert.equal(contentIdOf(await again.get(id)), id)
  await again.close()
})

test('chunks are there after a restart [K-25] [S-25]', async () => {
  const root = join(base, String(count++))
  const first = await open(createFileDisk(root))
  const ids = [await putNew(first, 10), await putNew(first, 70_000), await putNew(first, 262_144)]
  await first.close()
  const second = await open(createFileDisk(root))
  assert.deepEqual(await allIds(second), ids.toSorted())
  for (const id of ids) assert.equal(contentIdOf(await second.get(id)), id)
  await second.close()
})

test('whatever was acknowledged is whole after a power cut at any moment [K-25] [S-08] [S-10]', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new SeededRandom(seed)
    const disk = new MemoryDisk()
    const acknowledged = new Map<ContentId, Uint8Array>()
    for (let life = 0; life < 3; life++) {
      const store = await open(disk.session(), { packBytesMax: 40_000 })
      for (const [id, bytes] of acknowledged)
        assert.ok(Buffer.compare(await store.get(id), bytes) === 0, `seed ${seed}`)
      for await (const id of store.ids()) await store.get(id)
      const usage = await store.usage()
      assert.equal((await allIds(store)).length, usage.chunks)
      const stopAt = random.integer(400)
      const puts = Array.from({ length: 30 }, async () => {
        const { id, bytes } = chunkOf(random.bytes([40, 700, 9_000, 20_000][random.integer(4)] ?? 0))
        await store.put(id, bytes)
        return { id, bytes }
      })
      const deletions = [...acknowledged.keys()].slice(0, 5).map(async (id) => {
        acknowledged.delete(id)
        await store.delete(id)
      })
      const done: { id: ContentId; bytes: Uint8Array }[] = []
      for (const put of puts) put.then((chunk) => done.push(chunk)).catch(() => {})
      // A number of turns later the power goes; what was acknowledged until then counts.
      for (let turn = 0; turn < stopAt; turn++) await null
      disk.crash(random)
      for (const { id, bytes } of done) acknowledged.set(id, bytes)
      await Promise.allSettled([...puts, ...deletions])
    }
  }
})

test('an interrupted write leaves nothing behind', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const stages: DiskOperation[] = ['open', 'write', 'sync', 'makeFolder', 'rename', 'syncFolder']
  for (const operation of stages) {
    for (const length of [50, 50_000]) {
      disk.fail({ operation, code: 'EIO' })
      const { id, bytes } = chunkOf(newBytes(length))
      const outcome = await store.put(id, bytes).catch((error) => error)
      disk.heal()
      if (outcome === 'stored') continue
      assert.ok(isKizunaError(outcome, 'DISK_ERROR'), `${operation} ${outcome}`)
      assert.equal(await store.has(id), false)
      assert.equal(await store.put(id, bytes), 'stored', 'and it works afterwards')
    }
  }
  await store.close()
  assert.deepEqual(
    disk.paths().filter((path) => path.includes('/tmp/')),
    [],
  )
  const again = await open(disk)
  for await (const id of again.ids()) await again.get(id)
})

test('a pack whose name could not be made durable takes nothing', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  disk.fail({ operation: 'syncFolder', path: 'chunks/packs', code: 'EIO' })
  await assert.rejects(putNew(store, 100), (error) => isKizunaError(error, 'DISK_ERROR'))
  const id = await putNew(store, 100)
  await store.close()
  const again = await open(disk)
  assert.deepEqual(await allIds(again), [id])
  await again.close()
})

test('the number of damaged files kept aside holds across restarts', async () => {
  const disk = new MemoryDisk()
  for (let life = 0; life < 3; life++) {
    const store = await open(disk)
    for (let index = 0; index < 15; index++) {
      const id = await putNew(store, 20_000)
      disk.flipBit(fileOf(id), 1)
      await assert.rejects(store.get(id), corrupt)
    }
    await store.close()
  }
  assert.equal(disk.paths().filter((path) => path.startsWith('chunks/damaged/')).length, 32)
})

test('a chunk that is being deleted is no longer held', async () => {
  const store = await open(new MemoryDisk())
  const id = await putNew(store, 20_000)
  const deletions = [store.delete(id), store.delete(id)]
  assert.equal(await store.has(id), false)
  assert.deepEqual(await Promise.all(deletions), [true, false])
})

test('a full disk refuses the chunk and keeps the rest', async () => {
  const disk = new MemoryDisk({ capacityBytes: 320_000 })
  const store = await open(disk)
  const [big, small] = [await putNew(store, 200_000), await putNew(store, 1_000)]
  const full = (error: unknown) => isKizunaError(error, 'DISK_FULL')
  await assert.rejects(putNew(store, 150_000), full)
  for (let index = 0; index < 4; index++) await putNew(store, 16_000)
  await assert.rejects(Promise.all(Array.from({ length: 5 }, () => putNew(store, 16_000))), full)
  assert.equal((await store.get(big)).byteLength, 200_000)
  assert.equal((await store.get(small)).byteLength, 1_000)
  await store.delete(big)
  await putNew(store, 150_000)
})

test('each of 1,000 flipped bits is noticed, and the chunk can be stored again [K-62] [S-09]', async () => {
  const disk = new MemoryDisk()
  const reported: ContentId[] = []
  const store = await open(disk, { onCorrupt: (id) => reported.push(id) })
  const bytes = newBytes(20_000)
  const random = new SeededRandom(1)
  const id = contentIdOf(bytes)
  for (let run = 0; run < 1_000; run++) {
    await store.put(id, bytes)
    disk.flipBit(fileOf(id), random.integer(20_000 * 8))
    await assert.rejects(store.get(id, { offset: 5, length: 1 }), corrupt)
    assert.equal(await store.has(id), false)
  }
  assert.equal(reported.length, 1_000)
  assert.deepEqual(await store.usage(), { chunks: 0, sizeBytes: 0, diskBytes: 4096 }, 'its empty folder')
  assert.ok(disk.paths().filter((path) => path.startsWith('chunks/damaged/')).length <= 32)
  await store.close()
})

test('damage in a pack, a cut file, a vanished one and an unreadable one are all noticed [S-09]', async () => {
  const disk = new MemoryDisk()
  const reported: ContentId[] = []
  const store = await open(disk, { onCorrupt: (id) => reported.push(id) })
  const packed = [await putNew(store, 100), await putNew(store, 100)] as const
  disk.flipBit('chunks/packs/00000001.pack', (40 + 50) * 8)
  await assert.rejects(store.get(packed[0]), corrupt)
  assert.equal((await store.get(packed[1])).byteLength, 100)

  const cut = await putNew(store, 30_000)
  const file = await disk.open(fileOf(cut), 'update')
  await file.truncate(29_999)
  await assert.rejects(store.get(cut), corrupt)

  const vanished = await putNew(store, 30_000)
  await disk.remove(fileOf(vanished))
  await assert.rejects(store.get(vanished), corrupt)

  const unreadable = await putNew(store, 30_000)
  disk.fail({ operation: 'read', path: fileOf(unreadable), code: 'EIO' })
  await assert.rejects(store.get(unreadable), (error) => isKizunaError(error, 'DISK_ERROR'))
  assert.equal((await store.get(unreadable)).byteLength, 30_000, 'a passing fault of the disk costs no chunk')

  const busy = await putNew(store, 30_000)
  disk.fail({ operation: 'open', path: fileOf(busy), code: 'EMFILE' })
  await assert.rejects(store.get(busy), (error) => isKizunaError(error, 'DISK_ERROR'))
  assert.equal((await store.get(busy)).byteLength, 30_000, 'too many open files is not the chunk’s fault')
  assert.deepEqual(reported, [packed[0], cut, vanished])
  await store.close()
})

test('many readers of one damaged chunk report it once', async () => {
  const disk = new MemoryDisk()
  const reported: ContentId[] = []
  const store = await open(disk, { onCorrupt: (id) => reported.push(id) })
  const id = await putNew(store, 30_000)
  disk.flipBit(fileOf(id), 3)
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => store.get(id)))
  assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  assert.deepEqual(reported, [id])
})

test('a lost index is made again from the files, without what was torn', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const ids = [await putNew(store, 10), await putNew(store, 16_000), await putNew(store, 50_000)]
  await store.close()
  const tail = await disk.open('chunks/packs/00000001.pack', 'update')
  await tail.write(await tail.sizeBytes(), Buffer.from('KZP1 and then rubbish'))
  await disk.writeFile('chunks/tmp/leftover', new Uint8Array(10))
  await disk.makeFolder('chunks/zz')
  await disk.writeFile('chunks/zz/not-an-id', new Uint8Array(10))
  const index = openIndexDatabase(disk.openDatabase('another.db'))
  const metrics = createMetrics({ processMetrics: false })
  const again = await openFileChunkStore(
    { disk, index, clock, log: silentLogger, metrics },
    { folder: 'chunks' },
  )
  assert.deepEqual(await allIds(again), ids.toSorted())
  for (const id of ids) assert.equal(contentIdOf(await again.get(id)), id)
  assert.equal(disk.paths().includes('chunks/tmp/leftover'), false)
  assert.equal((await again.usage()).sizeBytes, 66_010)
  await putNew(again, 100)
  await again.close()
})

test('after an unclean end files too many are adopted and files too few are reported', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  const gone = await putNew(first, 50_000)
  const kept = await putNew(first, 50_000)
  const extra = chunkOf(newBytes(50_000))
  const tooLong = chunkOf(newBytes(100))
  await disk.remove(fileOf(gone))
  for (const { id, bytes } of [extra, tooLong]) {
    await disk.makeFolder(fileOf(id).slice(0, 9))
    await disk.writeFile(fileOf(id), bytes)
  }
  const file = await disk.open(fileOf(tooLong.id), 'update')
  await file.truncate(2 ** 21)
  const reported: ContentId[] = []
  const second = await open(disk, { onCorrupt: (id) => reported.push(id) })
  assert.deepEqual(await allIds(second), [kept, extra.id].sort())
  assert.deepEqual(reported, [gone])
  await second.close()
})

test('a file that is also in a pack is removed, an unremovable one is looked for at the next start', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  const { id, bytes } = chunkOf(newBytes(100))
  await first.put(id, bytes)
  await disk.makeFolder(fileOf(id).slice(0, 9))
  await disk.writeFile(fileOf(id), bytes)
  const second = await open(disk)
  assert.equal(disk.paths().includes(fileOf(id)), false)
  const big = await putNew(second, 50_000)
  disk.fail({ operation: 'remove', code: 'EIO' })
  await second.delete(big)
  assert.equal(await second.has(big), false)
  await second.close()
  const third = await open(disk)
  assert.equal(await third.has(big), true, 'found again, whole, for the garbage collector to take')
  await third.close()
})

test('packs that are mostly dead are rewritten while chunks are read, written and deleted', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { packBytesMax: 600_000 })
  const ids: ContentId[] = []
  for (let index = 0; index < 200; index++) ids.push(await putNew(store, 10_000))
  const before = await store.usage()
  const [deleted, kept] = [ids.slice(0, 160), ids.slice(160)]
  const reads = Promise.all(
    Array.from({ length: 20 }, async () => {
      for (const id of kept) assert.equal((await store.get(id)).byteLength, 10_000)
    }),
  )
  await Promise.all(deleted.map((id) => store.delete(id)))
  await reads
  const fresh = await putNew(store, 500)
  for (let turn = 0; turn < 5_000 && (await store.usage()).diskBytes > 1_300_000; turn++) await null
  assert.ok((await store.usage()).diskBytes < before.diskBytes / 2)
  for (const id of [...kept, fresh]) assert.equal(contentIdOf(await store.get(id)), id)
  await store.close()
  const again = await open(disk)
  assert.deepEqual(await allIds(again), [...kept, fresh].sort())
  for (const id of kept) await again.get(id)
  await again.close()
})

test('a rewrite meets damage and failures without losing anything else', async () => {
  const disk = new MemoryDisk()
  const reported: ContentId[] = []
  const store = await open(disk, { packBytesMax: 400_000, onCorrupt: (id) => reported.push(id) })
  const ids: ContentId[] = []
  for (let index = 0; index < 39; index++) ids.push(await putNew(store, 10_000))
  const [damaged, ...kept] = ids.slice(35) as [ContentId, ...ContentId[]]
  disk.flipBit('chunks/packs/00000001.pack', (35 * (40 + 10_000) + 100) * 8)
  disk.fail({ operation: 'read', code: 'EMFILE' })
  await Promise.all(ids.slice(0, 30).map((id) => store.delete(id)))
  for (let turn = 0; turn < 500; turn++) await null
  for (const id of ids.slice(30, 35)) await store.delete(id)
  for (let turn = 0; turn < 3_000; turn++) await null
  assert.deepEqual(reported, [damaged])
  for (const id of kept) assert.equal(contentIdOf(await store.get(id)), id)
  assert.equal(disk.paths().includes('chunks/packs/00000001.pack'), false)
  assert.equal((await store.usage()).sizeBytes, 30_000)
  await store.close()
})

test('a vanished pack is noticed when the store opens, chunk by chunk', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  const ids = [await putNew(first, 100), await putNew(first, 200)]
  await first.close()
  await disk.remove('chunks/packs/00000001.pack')
  const reported: ContentId[] = []
  const second = await open(disk, { onCorrupt: (id) => reported.push(id) })
  assert.deepEqual(reported.sort(), ids.sort())
  assert.deepEqual(await allIds(second), [])
  await putNew(second, 100)
  assert.ok(disk.paths().includes('chunks/packs/00000002.pack'))
  await second.close()
})

test('an entry whose header rotted is written anew when it is read, so that a lost index finds it', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const [whole, hit] = [await putNew(store, 500), await putNew(store, 700)]
  disk.flipBit('chunks/packs/00000001.pack', (540 + 20) * 8)
  assert.equal(contentIdOf(await store.get(hit)), hit)
  disk.fail({ operation: 'write', code: 'EIO' })
  assert.equal(contentIdOf(await store.get(hit)), hit)
  await store.close()
  const again = await openWithIndex(disk, 'another.db')
  assert.deepEqual(await allIds(again), [whole, hit].sort())
  await again.close()
})

test('a lost index is made again from a pack with damage in it: only what is damaged is missing', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const ids: ContentId[] = []
  for (let index = 0; index < 200; index++) ids.push(await putNew(store, 12_000))
  await store.close()
  const entryBytes = 40 + 12_000
  for (const hit of [3, 70, 71, 199]) disk.flipBit('chunks/packs/00000001.pack', (hit * entryBytes + 500) * 8)
  const again = await openWithIndex(disk, 'another.db')
  const missing = [3, 70, 71, 199].map((hit) => ids[hit])
  assert.deepEqual(await allIds(again), ids.filter((id) => !missing.includes(id)).sort())
  for await (const id of again.ids()) await again.get(id)
  await again.close()
})

test('an index that lags behind a rewritten pack finds its chunks where they went', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { packBytesMax: 400_000 })
  const ids: ContentId[] = []
  for (let index = 0; index < 39; index++) ids.push(await putNew(store, 10_000))
  await disk.copyDatabase('index.db', 'older.db')
  await Promise.all(ids.slice(0, 30).map((id) => store.delete(id)))
  const kept = ids.slice(30)
  for (let turn = 0; turn < 3_000 && disk.paths().includes('chunks/packs/00000001.pack'); turn++) await null
  await store.close()
  const reported: ContentId[] = []
  const again = await openWithIndex(disk, 'older.db', { onCorrupt: (id) => reported.push(id) })
  assert.deepEqual(await allIds(again), kept.sort())
  for (const id of kept) assert.equal(contentIdOf(await again.get(id)), id)
  assert.equal(reported.length, 30)
  await again.close()
})

test('bytes that come wrong once and right the next time cost nothing', async () => {
  const disk = new MemoryDisk()
  const reported: ContentId[] = []
  const store = await open(flaky(disk), { onCorrupt: (id) => reported.push(id) })
  const ids = [await putNew(store, 100), await putNew(store, 50_000)]
  for (const id of ids) assert.equal(contentIdOf(await store.get(id)), id)
  assert.deepEqual(reported, [])
  await store.close()
})

test('a disk that fails for two hours costs no chunk [R-25]', async () => {
  const disk = new MemoryDisk()
  const reported: ContentId[] = []
  const store = await open(disk, { onCorrupt: (id) => reported.push(id) })
  const ids = [await putNew(store, 100), await putNew(store, 50_000)]
  for (const operation of ['open', 'read', 'list', 'write', 'sync'] as const) {
    disk.fail({ operation, code: 'EIO', count: Number.POSITIVE_INFINITY })
  }
  for (let hour = 0; hour < 20; hour++) {
    for (const id of ids) {
      await assert.rejects(store.get(id), (error) => isKizunaError(error, 'DISK_ERROR'))
      assert.equal(await store.has(id), true)
    }
  }
  disk.heal()
  for (const id of ids) assert.equal(contentIdOf(await store.get(id)), id)
  assert.deepEqual(reported, [])
  await store.close()
})

test('a folder whose disk is not mounted is the disk’s fault, not the chunks’', async () => {
  const disk = new MemoryDisk()
  const reported: ContentId[] = []
  const store = await open(disk, { onCorrupt: (id) => reported.push(id) })
  const id = await putNew(store, 50_000)
  await disk.rename(fileOf(id), 'elsewhere')
  await disk.rename('chunks/kizuna-chunks', 'marker')
  await assert.rejects(store.get(id), (error) => isKizunaError(error, 'DISK_ERROR'))
  assert.equal(await store.has(id), true)
  await store.close()
  await assert.rejects(open(disk), (error) => isKizunaError(error, 'CHUNK_FOLDER_MISSING'))
  await disk.rename('elsewhere', fileOf(id))
  await disk.rename('marker', 'chunks/kizuna-chunks')
  const again = await open(disk, { onCorrupt: (lost) => reported.push(lost) })
  assert.equal(contentIdOf(await again.get(id)), id)
  assert.deepEqual(reported, [])
  await again.close()
})

test('no folder passes 4,096 names when a million chunks are stored [S-25]', () => {
  // The folder depends on the id alone, so counting names needs no files; a fifth of a million shows the share.
  const folders = new Map<string, number>()
  const bytes = Buffer.alloc(4)
  for (let index = 0; index < 200_000; index++) {
    bytes.writeUInt32LE(index)
    const folder = contentIdOf(bytes).slice(-3, -1)
    folders.set(folder, (folders.get(folder) ?? 0) + 1)
  }
  assert.ok(folders.size <= 1_024)
  assert.ok(Math.max(...folders.values()) * 5 < 4_096 / 2)
})

test('a store of 10,000 chunks opens in far less than 2 seconds, clean or not', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  const lengths = Array.from({ length: 10_000 }, (_, index) => (index % 10 === 0 ? 17_000 : 100))
  await Promise.all(lengths.map((length) => putNew(first, length)))
  for (const isClean of [false, true]) {
    const startedAt = clock.monotonic()
    const store = await open(disk)
    assert.ok(clock.monotonic() - startedAt < 1_500, isClean ? 'clean' : 'unclean')
    assert.equal((await store.usage()).chunks, 10_000)
    await store.close()
  }
})

test('a lost index finds what stands behind more damage than is read at once', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const ids: ContentId[] = []
  for (let index = 0; index < 200; index++) ids.push(await putNew(store, 12_000))
  await store.close()
  const pack = await disk.open('chunks/packs/00000001.pack', 'update')
  await pack.write(0, new Uint8Array(150 * 12_040))
  const again = await openWithIndex(disk, 'another.db')
  assert.deepEqual(await allIds(again), ids.slice(150).sort())
  await again.close()
})

test('a chunk whose pack is rewritten while it is read is read where it went', async () => {
  const disk = new MemoryDisk()
  const inner = disk.session()
  let gate: Promise<void> | undefined
  const store = await open(
    {
      ...inner,
      async open(path, mode) {
        const own = mode === 'read' ? gate : undefined
        if (own !== undefined) gate = undefined
        await own
        return inner.open(path, mode)
      },
    },
    { packBytesMax: 400_000 },
  )
  const ids: ContentId[] = []
  for (let index = 0; index < 39; index++) ids.push(await putNew(store, 10_000))
  let pass = () => {}
  gate = new Promise((resolve) => {
    pass = resolve
  })
  const last = ids.at(-1) as ContentId
  const reading = store.get(last)
  await Promise.all(ids.slice(0, 30).map((id) => store.delete(id)))
  for (let turn = 0; turn < 3_000 && disk.paths().includes('chunks/packs/00000001.pack'); turn++) await null
  pass()
  assert.equal(contentIdOf(await reading), last)
  await store.close()
})

test('a store that is closed while it rewrites a pack has everything at the next opening', async () => {
  for (let turns = 0; turns < 90; turns += 6) {
    const disk = new MemoryDisk()
    const store = await open(disk, { packBytesMax: 2_000_000 })
    const ids: ContentId[] = []
    for (let index = 0; index < 150; index++) ids.push(await putNew(store, 4_000))
    await Promise.all(ids.slice(0, 80).map((id) => store.delete(id)))
    for (let turn = 0; turn < turns; turn++) await null
    await store.close()
    const again = await open(disk)
    assert.deepEqual(await allIds(again), ids.slice(80).sort())
    for (const id of ids.slice(80)) await again.get(id)
    await again.close()
  }
})

test('a row that vanishes while its chunk is deleted is no deletion of ours', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const id = await putNew(store, 100)
  const deletion = store.delete(id)
  disk.openDatabase('index.db').exec('DELETE FROM stored_chunk')
  assert.equal(await deletion, false)
})

test('a file with a right name in the wrong folder is nobody’s', async () => {
  const disk = new MemoryDisk()
  await open(disk)
  const { id, bytes } = chunkOf(newBytes(50_000))
  const folder = id.slice(-3, -1) === 'aa' ? 'chunks/bb' : 'chunks/aa'
  await disk.makeFolder(folder)
  await disk.writeFile(`${folder}/${id}`, bytes)
  disk.crash(new SeededRandom(3))
  const again = await open(disk)
  assert.equal(await again.has(id), false)
  await again.close()
})

test('a chunk that is deleted while its bytes come wrong is missing, not corrupt', async () => {
  const disk = new MemoryDisk()
  const session = disk.session()
  let deleting: (() => Promise<unknown>) | undefined
  const spoiling: Disk = {
    ...session,
    async open(path, mode) {
      const file = await session.open(path, mode)
      return {
        ...file,
        async read(position, length) {
          const bytes = await file.read(position, length)
          if (deleting === undefined || mode !== 'read') return bytes
          await deleting()
          return bytes.map((byte) => byte ^ 1)
        },
      }
    },
  }
  const store = await open(spoiling)
  const id = await putNew(store, 50_000)
  deleting = () => store.delete(id)
  await assert.rejects(store.get(id), (error) => isKizunaError(error, 'CHUNK_NOT_FOUND'))
  await store.close()
})

test('memory that is too short for a chunk is left alone', async () => {
  const store = await open(createFileDisk(join(base, String(count++))))
  const id = await putNew(store, 50_000)
  const short = new Uint8Array(100)
  const bytes = await store.get(id, { into: short })
  assert.equal(bytes.byteLength, 50_000)
  assert.ok(bytes.buffer !== short.buffer)
  const long = new Uint8Array(60_000)
  assert.ok((await store.get(id, { into: long })).buffer === long.buffer)
  await store.close()
})
