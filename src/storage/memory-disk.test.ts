import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isKizunaError } from '../core/kizuna-error.ts'
import { SeededRandom } from '../core/random.ts'
import { testDisk } from './disk.suite.ts'
import { MemoryDisk } from './memory-disk.ts'

testDisk('memory disk', async () => new MemoryDisk())
testDisk('memory disk with a limit', async () => new MemoryDisk({ capacityBytes: 1e6 }))

const bytesOf = (value: string) => Buffer.from(value)

test('a crash keeps what was synced and may tear what was not', async () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const disk = new MemoryDisk()
    const file = await disk.open('a', 'create')
    await file.write(0, Buffer.alloc(1024, 'o'))
    await file.sync()
    await disk.syncFolder('')
    await file.write(0, Buffer.alloc(1536, 'n'))
    disk.crash(new SeededRandom(seed))
    const bytes = await disk.readFile('a', 4096)
    const sectors = [0, 512, 1024].map((at) => Buffer.from(bytes.subarray(at, at + 512)).toString())
    for (const sector of sectors) assert.ok(/^(o{512}|n{512}|\0{512}|)$/.test(sector), 'a sector is whole')
    assert.ok(bytes.byteLength >= 1024, 'synced length remains')
    outcomes.add(sectors.map((sector) => sector[0] ?? '-').join(''))
  }
  assert.ok(outcomes.has('oo-') && outcomes.has('nnn') && outcomes.size > 4, [...outcomes].join())
})

test('a crash may lose a name, a rename or a removal whose folder was not synced', async () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const disk = new MemoryDisk()
    await disk.makeFolder('t')
    await disk.makeFolder('f')
    await disk.syncFolder('')
    await disk.writeFile('f/gone', bytesOf('x'))
    const file = await disk.open('t/a', 'create')
    await file.write(0, bytesOf('body'))
    await file.sync()
    await disk.rename('t/a', 'f/a')
    await disk.remove('f/gone')
    disk.crash(new SeededRandom(seed))
    const names = disk.paths()
    if (names.includes('f/a')) assert.equal(Buffer.from(await disk.readFile('f/a', 9)).toString(), 'body')
    outcomes.add(names.join())
  }
  for (const state of ['f/gone', 'f/a,f/gone,t/a', 'f/a', 'f/gone,t/a']) assert.ok(outcomes.has(state), state)
})

test('a folder sync makes exactly its names durable, in their order', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const disk = new MemoryDisk()
    await disk.makeFolder('t')
    await disk.makeFolder('f')
    await disk.syncFolder('')
    for (const body of ['one', 'two']) {
      const file = await disk.open('t/a', 'create')
      await file.write(0, bytesOf(body))
      await file.sync()
      await disk.rename('t/a', 'f/a')
    }
    await disk.syncFolder('t')
    await disk.syncFolder('f')
    disk.crash(new SeededRandom(seed))
    assert.deepEqual(disk.paths(), ['f/a'])
    assert.equal(Buffer.from(await disk.readFile('f/a', 9)).toString(), 'two')
  }
})

test('replacing a whole file leaves the old or the new one at every crash', async () => {
  for (let seed = 0; seed < 100; seed++) {
    const disk = new MemoryDisk()
    await disk.writeFile('a', Buffer.alloc(2000, 'o'))
    const random = new SeededRandom(seed)
    disk.fail({
      operation: (['sync', 'rename', 'syncFolder', 'write'] as const)[seed % 4] ?? 'sync',
      code: 'EIO',
    })
    await assert.rejects(disk.writeFile('a', Buffer.alloc(3000, 'n')))
    disk.crash(random)
    const bytes = Buffer.from(await disk.readFile('a', 9999)).toString()
    assert.ok(/^(o{2000}|n{3000})$/.test(bytes), `${bytes.length}`)
  }
})

test('files and databases of before a crash are dead after it', async () => {
  const disk = new MemoryDisk()
  const file = await disk.open('a', 'create')
  const database = disk.openDatabase('index.db')
  database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)')
  disk.crash(new SeededRandom(1))
  await assert.rejects(file.write(0, bytesOf('x')), (error) => isKizunaError(error, 'DISK_ERROR'))
  assert.throws(() => database.exec('SELECT 1'))
  const again = disk.openDatabase('index.db')
  assert.deepEqual(
    again
      .prepare('SELECT a FROM t')
      .all()
      .map((row) => row.a),
    [1],
  )
  disk.crash(new SeededRandom(2))
  assert.equal(again.isOpen, false)
})

test('a session sees the disk until the crash, and never after it', async () => {
  const disk = new MemoryDisk()
  const session = disk.session()
  await session.makeFolder('f')
  await session.writeFile('f/a', bytesOf('x'))
  await session.rename('f/a', 'f/b')
  await session.syncFolder('f')
  session.openDatabase('index.db').close()
  const names: string[] = []
  for await (const { name } of session.list('f')) names.push(name)
  assert.deepEqual(names, ['b'])
  assert.equal(await session.sizeOf('f/b'), 1)
  assert.equal((await session.readFile('f/b', 9)).byteLength, 1)
  assert.ok((await session.space()).freeBytes > 0)
  const file = await session.open('f/b', 'update')
  disk.crash(new SeededRandom(5))
  const dead = (error: unknown) => isKizunaError(error, 'DISK_ERROR')
  await assert.rejects(file.sync(), dead)
  await assert.rejects(session.remove('f/b'), dead)
  assert.throws(() => session.openDatabase('index.db'), dead)
})

test('a full disk writes what fits and says so', async () => {
  const disk = new MemoryDisk({ capacityBytes: 100 })
  const file = await disk.open('a', 'create')
  await assert.rejects(file.write(0, Buffer.alloc(101)), (error) => isKizunaError(error, 'DISK_FULL'))
  assert.equal(await disk.sizeOf('a'), 100)
  assert.deepEqual(await disk.space(), { freeBytes: 0, totalBytes: 100 })
  await assert.rejects(disk.writeFile('b', bytesOf('x')), (error) => isKizunaError(error, 'DISK_FULL'))
  assert.deepEqual(disk.paths(), ['a'])
  await file.truncate(10)
  await disk.writeFile('b', bytesOf('x'))
  await disk.rename('b', 'a')
  assert.equal((await disk.space()).freeBytes, 99)
  await disk.remove('a')
  assert.equal((await disk.space()).freeBytes, 100)
})

test('injected faults hit their operation and path as often as asked', async () => {
  const disk = new MemoryDisk()
  await disk.makeFolder('x')
  disk.fail({ operation: 'open', path: 'x', code: 'EMFILE', count: 2 })
  disk.fail({ operation: 'open', path: 'full', code: 'EDQUOT' })
  await assert.rejects(disk.open('x/a', 'create'), (error) => isKizunaError(error, 'DISK_ERROR'))
  await disk.open('xx', 'create')
  await assert.rejects(disk.open('x/a', 'create'), (error) => isKizunaError(error, 'DISK_ERROR'))
  await disk.open('x/a', 'create')
  await assert.rejects(disk.open('full', 'create'), (error) => isKizunaError(error, 'DISK_FULL'))
  disk.fail({ operation: 'remove', code: 'EIO', count: Number.POSITIVE_INFINITY })
  await assert.rejects(disk.remove('xx'), (error) => isKizunaError(error, 'DISK_ERROR'))
  disk.heal()
  assert.equal(await disk.remove('xx'), true)
})

test('a folder stands in the way of a file and the other way round', async () => {
  const disk = new MemoryDisk()
  await disk.makeFolder('f')
  await disk.writeFile('a', bytesOf('x'))
  await assert.rejects(disk.open('f', 'read'), (error) => isKizunaError(error, 'DISK_ERROR'))
  await assert.rejects(disk.open('', 'read'), (error) => isKizunaError(error, 'DISK_ERROR'))
  await assert.rejects(disk.makeFolder('a/b'), (error) => isKizunaError(error, 'FILE_EXISTS'))
  await assert.rejects(disk.open('a/b', 'create'), (error) => isKizunaError(error, 'DISK_ERROR'))
})

test('a bit can rot, on the medium as well', async () => {
  const disk = new MemoryDisk()
  await disk.writeFile('a', Buffer.from([0, 0]))
  disk.flipBit('a', 9)
  disk.crash(new SeededRandom(3))
  assert.deepEqual([...(await disk.readFile('a', 9))], [0, 2])
  assert.throws(() => disk.flipBit('a', 16), RangeError)
  assert.throws(
    () => disk.flipBit('b', 0),
    (error) => isKizunaError(error, 'FILE_MISSING'),
  )
})

test('many names without a folder sync stay bounded and legal', async () => {
  const disk = new MemoryDisk()
  for (let index = 0; index < 2000; index++) await disk.open(`n${index}`, 'create')
  disk.crash(new SeededRandom(0))
  assert.ok(disk.paths().length >= 1000)
})

test('an unsynced file is some mixture of its states, whatever was done to it', async () => {
  const step = fc.record({
    kind: fc.constantFrom('write', 'truncate', 'sync'),
    at: fc.integer({ min: 0, max: 3000 }),
    length: fc.integer({ min: 0, max: 2000 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.integer(), async (steps, seed) => {
      const disk = new MemoryDisk()
      const file = await disk.open('a', 'create')
      await disk.syncFolder('')
      let model = Buffer.alloc(0)
      let synced = model
      let touched = false
      for (const [index, { kind, at, length }] of steps.entries()) {
        if (kind === 'sync') {
          await file.sync()
          synced = Buffer.from(model)
          touched = false
          continue
        }
        touched = true
        const reach = length === 0 ? 0 : at + length
        const next = Buffer.alloc(kind === 'write' ? Math.max(model.length, reach) : at)
        model.copy(next)
        if (kind === 'write') {
          if (length > 0) next.fill(index + 1, at, at + length)
          await file.write(at, Buffer.alloc(length, index + 1))
        } else await file.truncate(at)
        model = next
      }
      assert.deepEqual(Buffer.from(await disk.readFile('a', 1e6)), model)
      disk.crash(new SeededRandom(seed))
      if (!touched) assert.deepEqual(Buffer.from(await disk.readFile('a', 1e6)), synced)
    }),
    { numRuns: 60 },
  )
})
