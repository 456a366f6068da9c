import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { type ContentId, contentIdOf, digestOf } from '../core/content-id.ts'
import { SeededRandom } from '../core/random.ts'
import { ChunkPacks } from './chunk-packs.ts'
import { ChunkTable } from './chunk-table.ts'
import type { Disk, DiskFile } from './disk.ts'
import { openIndexDatabase } from './index-database.ts'
import { MemoryDisk } from './memory-disk.ts'

/** Counts what is open for reading, and holds syncs back while told to. */
class WatchedDisk {
  readonly inner = new MemoryDisk()
  opened = 0
  open = 0
  openMost = 0
  syncing = 0
  failsOnce = false
  hold: Promise<void> | undefined

  get disk(): Disk {
    const openFile: Disk['open'] = async (path, mode) => {
      const file = await this.inner.open(path, mode)
      return mode === 'read' ? this.#counted(file) : this.#held(file)
    }
    return new Proxy(this.inner as Disk, {
      get: (target, name) => {
        if (name === 'open') return openFile
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  #counted(file: DiskFile): DiskFile {
    this.opened++
    this.open++
    this.openMost = Math.max(this.openMost, this.open)
    return {
      read: async (position, length, into) => {
        if (this.failsOnce) {
          this.failsOnce = false
          throw new Error('EIO')
        }
        return file.read(position, length, into)
      },
      close: async () => {
        this.open--
        await file.close()
      },
    } as DiskFile
  }

  #held(file: DiskFile): DiskFile {
    let isClosed = false
    return {
      write: (position, bytes) => file.write(position, bytes),
      sync: async () => {
        this.syncing++
        await this.hold
        if (isClosed) throw Object.assign(new Error('the file was closed'), { code: 'EBADF' })
        await file.sync()
      },
      close: async () => {
        isClosed = true
        await file.close()
      },
    } as DiskFile
  }
}

const CHUNK_BYTES = 8 * 1024
const PACK_BYTES_MAX = 512 * 1024

describe('chunk packs', () => {
  let watched: WatchedDisk
  let table: ChunkTable
  let packs: ChunkPacks
  let random: SeededRandom

  beforeEach(async () => {
    watched = new WatchedDisk()
    random = new SeededRandom(1)
    table = new ChunkTable(openIndexDatabase(watched.inner.openDatabase('index.db')))
    packs = new ChunkPacks({ disk: watched.disk, table }, { folder: 'chunks', packBytesMax: PACK_BYTES_MAX })
    await packs.open()
  })

  async function write(count: number): Promise<ContentId[]> {
    const all = Array.from({ length: count }, () => random.bytes(CHUNK_BYTES))
    await Promise.all(all.map((bytes) => packs.write(digestOf(contentIdOf(bytes)), bytes)))
    return all.map((bytes) => contentIdOf(bytes))
  }

  async function read(id: ContentId): Promise<ContentId> {
    const row = table.find(digestOf(id))
    assert.ok(row !== undefined && row.pack !== null)
    const place = { pack: row.pack, offset: row.offset as number, size: row.size }
    return contentIdOf((await packs.read(digestOf(id), place)).bytes)
  }

  function remove(id: ContentId): void {
    const row = table.delete(digestOf(id))
    assert.ok(row !== undefined && row.pack !== null)
    packs.noteRemoved(row.pack, row.size)
  }

  test('a pack that is written to is not closed by a compaction before it is synced [R-02]', async () => {
    for (const id of await write(50)) remove(id)
    assert.ok(packs.needsCompaction)
    const { promise, resolve } = Promise.withResolvers<void>()
    watched.hold = promise
    const before = watched.syncing
    const writing = write(1)
    while (watched.syncing === before) await new Promise((done) => setImmediate(done))
    const compacting = packs.compact(
      () => false,
      () => assert.fail('nothing is damaged'),
    )
    await new Promise((done) => setImmediate(done))
    resolve()
    const [id] = await writing
    await compacting
    assert.equal(await read(id as ContentId), id)
  })

  test('reads share open packs, few at a time, each opened anew after a while', async () => {
    const ids = await write(600)
    for (const id of ids) assert.equal(await read(id), id)
    assert.ok(watched.opened < ids.length / 20, `${watched.opened} opened for ${ids.length} reads`)
    await Promise.all(ids.map(async (id) => assert.equal(await read(id), id)))
    assert.ok(watched.openMost <= 16, `${watched.openMost} open at once`)
    await packs.close()
    assert.equal(watched.open, 0)
  })

  test('a pack whose read fails is opened anew, and one that was rewritten is let go', async () => {
    const [kept, ...others] = await write(50)
    assert.equal(await read(kept as ContentId), kept)
    watched.failsOnce = true
    await assert.rejects(read(kept as ContentId))
    assert.equal(watched.open, 0)
    assert.equal(await read(kept as ContentId), kept)
    for (const id of others) remove(id)
    await packs.compact(
      () => false,
      () => assert.fail('nothing is damaged'),
    )
    assert.equal(await read(kept as ContentId), kept)
    await packs.close()
    assert.equal(watched.open, 0)
  })
})
