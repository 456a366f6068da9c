import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Disk, DiskFile } from './disk.ts'
import { openIndexDatabase } from './index-database.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const bytesOf = (value: string) => Buffer.from(value)

async function withFile<Result>(
  disk: Disk,
  path: string,
  mode: Parameters<Disk['open']>[1],
  use: (file: DiskFile) => Promise<Result>,
): Promise<Result> {
  const file = await disk.open(path, mode)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

async function namesIn(disk: Disk, path: string): Promise<string[]> {
  const names: string[] = []
  for await (const entry of disk.list(path)) names.push(`${entry.kind} ${entry.name}`)
  return names.sort()
}

/** What every disk does. `create` gives a new, empty one. */
export function testDisk(name: string, create: () => Promise<Disk>): void {
  test(`${name}: reads at a position what was written at a position`, async () => {
    const disk = await create()
    await withFile(disk, 'a', 'create', async (file) => {
      await file.write(0, bytesOf('hello'))
      await file.write(3, bytesOf('p me'))
      await file.sync()
      assert.equal(text(await file.read(0, 100)), 'help me')
      assert.equal(text(await file.read(5, 1)), 'm')
      assert.equal((await file.read(7, 10)).byteLength, 0)
      assert.equal(await file.sizeBytes(), 7)
      await file.write(9, bytesOf('x'))
      assert.deepEqual([...(await file.read(6, 4))], [101, 0, 0, 120])
      await file.truncate(2)
      assert.equal(text(await file.read(0, 10)), 'he')
    })
    assert.equal(await disk.sizeOf('a'), 2)
  })

  test(`${name}: opens by mode and says which file is missing or in the way`, async () => {
    const disk = await create()
    await assert.rejects(disk.open('a', 'read'), (error) => isKizunaError(error, 'FILE_MISSING'))
    await assert.rejects(disk.open('a', 'update'), (error) => isKizunaError(error, 'FILE_MISSING'))
    await withFile(disk, 'a', 'append-or-create', (file) => file.write(0, bytesOf('one')))
    await assert.rejects(disk.open('a', 'create'), (error) => isKizunaError(error, 'FILE_EXISTS'))
    await withFile(disk, 'a', 'append-or-create', async (file) => {
      assert.equal(await file.sizeBytes(), 3)
    })
    await withFile(disk, 'a', 'update', (file) => file.write(3, bytesOf(' two')))
    await withFile(disk, 'a', 'read', async (file) => {
      assert.equal(text(await file.read(0, 10)), 'one two')
      await assert.rejects(file.write(0, bytesOf('no')), (error) => isKizunaError(error, 'DISK_ERROR'))
    })
  })

  test(`${name}: refuses a closed file, closing twice is fine`, async () => {
    const disk = await create()
    const file = await disk.open('a', 'create')
    await file.close()
    await file.close()
    await assert.rejects(file.read(0, 1), (error) => isKizunaError(error, 'DISK_ERROR'))
    await assert.rejects(file.sync(), (error) => isKizunaError(error, 'DISK_ERROR'))
  })

  test(`${name}: replaces a whole small file and leaves no other name`, async () => {
    const disk = await create()
    await disk.writeFile('config.json', bytesOf('old and longer'))
    await disk.writeFile('config.json', bytesOf('new'))
    assert.equal(text(await disk.readFile('config.json', 3)), 'new')
    assert.deepEqual(await namesIn(disk, ''), ['file config.json'])
    await assert.rejects(disk.readFile('config.json', 2), (error) => isKizunaError(error, 'LIMIT_EXCEEDED'))
    await assert.rejects(disk.readFile('nothing', 2), (error) => isKizunaError(error, 'FILE_MISSING'))
    await assert.rejects(disk.writeFile('no/where', bytesOf('x')), (error) =>
      isKizunaError(error, 'FILE_MISSING'),
    )
  })

  test(`${name}: makes, lists and removes folders`, async () => {
    const disk = await create()
    await disk.makeFolder('a/b/c')
    await disk.makeFolder('a/b')
    await disk.writeFile('a/b/file', bytesOf('x'))
    await disk.syncFolder('a/b')
    await disk.syncFolder('')
    assert.deepEqual(await namesIn(disk, 'a/b'), ['file file', 'folder c'])
    await assert.rejects(disk.remove('a/b'), (error) => isKizunaError(error, 'DISK_ERROR'))
    assert.equal(await disk.remove('a/b/c'), true)
    assert.equal(await disk.remove('a/b/c'), false)
    assert.equal(await disk.remove('a/no/c'), false)
    assert.equal(await disk.remove('a/b/file'), true)
    assert.deepEqual(await namesIn(disk, 'a/b'), [])
    await assert.rejects(namesIn(disk, 'a/x'), (error) => isKizunaError(error, 'FILE_MISSING'))
    await assert.rejects(disk.syncFolder('a/x'), (error) => isKizunaError(error, 'FILE_MISSING'))
    assert.equal(await disk.sizeOf('a'), undefined)
    assert.equal(await disk.sizeOf('a/x'), undefined)
  })

  test(`${name}: renames over an existing file`, async () => {
    const disk = await create()
    await disk.makeFolder('a')
    await disk.writeFile('from', bytesOf('new'))
    await disk.writeFile('a/to', bytesOf('old'))
    await disk.rename('from', 'a/to')
    assert.equal(text(await disk.readFile('a/to', 10)), 'new')
    assert.equal(await disk.sizeOf('from'), undefined)
    await assert.rejects(disk.rename('from', 'a/to'), (error) => isKizunaError(error, 'FILE_MISSING'))
    await assert.rejects(disk.rename('a/to', 'a'), (error) => isKizunaError(error))
  })

  test(`${name}: refuses every path that leaves the root`, async () => {
    const disk = await create()
    const hostile = [
      '../a',
      'a/../../b',
      '..',
      '.',
      './a',
      '/etc/passwd',
      'a//b',
      'a/',
      'a\0b',
      'a\\..\\b',
      'C:/a',
      'C:a',
      `${'x'.repeat(256)}`,
      'y/'.repeat(600),
    ]
    for (const path of hostile) {
      const refused = (error: unknown) => isKizunaError(error, 'INVALID_INPUT')
      await assert.rejects(disk.open(path, 'append-or-create'), refused, path)
      await assert.rejects(disk.readFile(path, 10), refused, path)
      await assert.rejects(disk.writeFile(path, bytesOf('x')), refused, path)
      await assert.rejects(disk.rename(path, 'a'), refused, path)
      await assert.rejects(disk.remove(path), refused, path)
      await assert.rejects(disk.makeFolder(path), refused, path)
      await assert.rejects(disk.syncFolder(path), refused, path)
      await assert.rejects(namesIn(disk, path), refused, path)
      await assert.rejects(disk.sizeOf(path), refused, path)
      assert.throws(() => disk.openDatabase(path), refused, path)
    }
  })

  test(`${name}: knows its space`, async () => {
    const { freeBytes, totalBytes } = await (await create()).space()
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes)
  })

  test(`${name}: opens a database that keeps what was committed`, async () => {
    const disk = await create()
    const first = openIndexDatabase(disk.openDatabase('index.db'))
    first.migrate('test', ['CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT) STRICT'])
    first.run('INSERT INTO note (body) VALUES (?)', 'kept')
    first.close()
    const second = openIndexDatabase(disk.openDatabase('index.db'))
    second.migrate('test', ['CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT) STRICT'])
    assert.equal(second.get<{ body: string }>('SELECT body FROM note')?.body, 'kept')
    assert.equal(second.get<{ foreign_keys: number }>('PRAGMA foreign_keys')?.foreign_keys, 1)
    second.close()
    await assert.rejects(
      async () => disk.openDatabase('no/where/index.db'),
      (error) => isKizunaError(error),
    )
  })
}
