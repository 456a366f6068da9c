import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { testDisk } from './disk.suite.ts'
import { createFileDisk, toDiskError } from './file-disk.ts'

const base = mkdtempSync(join(tmpdir(), 'kizuna-file-disk-'))
let count = 0
const newRoot = () => join(base, String(count++))
after(() => rmSync(base, { recursive: true }))

testDisk('file disk', async () => createFileDisk(newRoot()))

test('files and folders belong to their owner alone', async () => {
  const root = newRoot()
  const disk = createFileDisk(root)
  await disk.makeFolder('a')
  await disk.writeFile('a/b', Buffer.from('x'))
  await disk.writeFile('open', Buffer.from('x'), { mode: 0o640 })
  const database = disk.openDatabase('index.db')
  database.exec('CREATE TABLE t (a)')
  const mode = (path: string) => (statSync(join(root, path)).mode & 0o777).toString(8)
  assert.deepEqual(['', 'a', 'a/b', 'open', 'index.db', 'index.db-wal'].map(mode), [
    '700',
    '700',
    '600',
    '640',
    '600',
    '600',
  ])
  database.close()
})

test('the database writes ahead and waits for the medium', () => {
  const database = createFileDisk(newRoot()).openDatabase('index.db')
  const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  assert.deepEqual(['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout'].map(pragma), [
    'wal',
    2,
    1,
    5000,
  ])
  database.close()
})

test('a link in the place of a file is not followed', async () => {
  const root = newRoot()
  const disk = createFileDisk(root)
  writeFileSync(join(base, 'secret'), 'outside')
  symlinkSync(join(base, 'secret'), join(root, 'link'))
  await assert.rejects(disk.readFile('link', 100), (error) => isKizunaError(error, 'DISK_ERROR'))
  const names: string[] = []
  for await (const entry of disk.list('')) names.push(entry.name)
  assert.deepEqual(names, [])
})

test('a file that is no database is refused in our words', () => {
  const root = newRoot()
  const disk = createFileDisk(root)
  writeFileSync(join(root, 'index.db'), 'this is not a database at all, whatever its name may say')
  assert.throws(
    () => disk.openDatabase('index.db'),
    (error) => isKizunaError(error, 'DISK_ERROR'),
  )
})

test('a root that cannot be made is refused in our words', () => {
  const file = join(base, 'plain-file')
  writeFileSync(file, '')
  assert.throws(
    () => createFileDisk(join(file, 'root')),
    (error) => isKizunaError(error, 'DISK_ERROR'),
  )
})

test('a failed replacement leaves no temporary file', async () => {
  const root = newRoot()
  const disk = createFileDisk(root)
  await disk.makeFolder('target')
  await assert.rejects(disk.writeFile('target', Buffer.from('x')), (error) => isKizunaError(error))
  assert.deepEqual(readdirSync(root), ['target'])
})

test('system codes become our errors', () => {
  const codeOf = (code: string | undefined, errcode?: number) =>
    toDiskError(Object.assign(new Error('x'), { code, errcode }), 'write', 'a').code
  assert.equal(codeOf('ENOSPC'), 'DISK_FULL')
  assert.equal(codeOf('EDQUOT'), 'DISK_FULL')
  assert.equal(codeOf('ERR_SQLITE_ERROR', 13), 'DISK_FULL')
  assert.equal(codeOf('ENOENT'), 'FILE_MISSING')
  assert.equal(codeOf('EEXIST'), 'FILE_EXISTS')
  assert.equal(codeOf('EIO'), 'DISK_ERROR')
  assert.equal(codeOf('EMFILE'), 'DISK_ERROR')
  assert.equal(codeOf(undefined), 'DISK_ERROR')
})

test('a damaged database is not copied, and nothing of the attempt stays', async () => {
  const root = newRoot()
  const disk = createFileDisk(root)
  const database = disk.openDatabase('good.db')
  database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
  database.close()
  await disk.copyDatabase('good.db', 'copy.db')
  writeFileSync(join(root, 'bad.db'), Buffer.alloc(9_000, 7))
  await assert.rejects(disk.copyDatabase('bad.db', 'copy.db'), (error) => isKizunaError(error, 'DISK_ERROR'))
  await assert.rejects(disk.copyDatabase('good.db', 'no/where.db'), (error) => isKizunaError(error))
  const copy = disk.openDatabase('copy.db')
  assert.deepEqual(copy.prepare('SELECT a FROM t').get()?.a, 1)
  copy.close()
  assert.deepEqual(readdirSync(root).sort(), ['bad.db', 'copy.db', 'good.db'])
})
