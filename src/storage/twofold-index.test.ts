/**
 * The index kept twice: whatever happens to one of its files, everything that was committed is there afterwards;
 * and what fails about the copy costs nobody a write.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { silentLogger } from '../core/log.ts'
import { SeededRandom } from '../core/random.ts'
import type { Disk } from './disk.ts'
import { DiskError } from './errors.ts'
import { createFileDisk } from './file-disk.ts'
import { openIndexDatabase } from './index-database.ts'
import { MemoryDisk } from './memory-disk.ts'
import { openTwofoldIndex } from './twofold-index.ts'
import { writeTwofold } from './twofold-writes.ts'

const base = mkdtempSync(join(tmpdir(), 'kizuna-twofold-'))
after(() => rmSync(base, { recursive: true }))
let count = 0
const newRoot = () => join(base, String(count++))

const STEPS = ['CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT']

async function open(disk: Disk, options: { seen?: string[] } = {}) {
  const seen = options.seen ?? []
  const log = { ...silentLogger, warn: (event: string) => seen.push(event) }
  const { index, close } = await openTwofoldIndex({ disk, log }, { path: 'index.db' })
  index.migrate('notes', STEPS)
  const notes = () => index.all<{ body: string }>('SELECT body FROM note ORDER BY id').map(({ body }) => body)
  const write = (body: string) => index.run('INSERT INTO note (body) VALUES (?)', body)
  return { index, close, notes, write }
}

/** An index of 500 notes at a new root, closed in order. */
async function filledRoot(): Promise<{ root: string; bodies: string[] }> {
  const root = newRoot()
  const { index, close } = await open(createFileDisk(root))
  const bodies = Array.from({ length: 500 }, (_, number) => `note ${number} ${'x'.repeat(40)}`)
  index.transaction(() => {
    for (const body of bodies) index.run('INSERT INTO note (body) VALUES (?)', body)
  })
  await close()
  return { root, bodies }
}

test('both hold the same after every kind of write', async () => {
  const disk = new MemoryDisk()
  const { index, close, write } = await open(disk)
  write('one')
  assert.equal(index.get<{ id: number }>('INSERT INTO note (body) VALUES (?) RETURNING id', 'two')?.id, 2)
  index.transaction(() => {
    write('three')
    index.transaction(() => write('four'))
    assert.throws(() =>
      index.transaction(() => {
        write('undone')
        throw new Error('no')
      }),
    )
  })
  assert.throws(() => index.transaction(() => index.run('INSERT INTO note (body) VALUES (NULL)')))
  assert.equal(index.all('DELETE FROM note WHERE id = 1 RETURNING body').length, 1)
  assert.equal(index.run("UPDATE note SET body = '4' WHERE body = 'four'").changes, 1)
  const expected = ['two', 'three', '4']
  assert.deepEqual(
    [...index.iterate<{ body: string }>('SELECT body FROM note')].map(({ body }) => body),
    expected,
  )
  await close()
  for (const path of ['index.db', 'index.db-copy']) {
    const one = openIndexDatabase(disk.openDatabase(path))
    assert.deepEqual(
      one.all<{ body: string }>('SELECT body FROM note ORDER BY id').map(({ body }) => body),
      expected,
      path,
    )
  }
})

test('a bit flipped anywhere in either file while it is closed is found and costs nothing [R-02]', async () => {
  const { root, bodies } = await filledRoot()
  const random = new SeededRandom(1)
  for (let run = 0; run < 24; run++) {
    const path = join(root, ['index.db', 'index.db-copy'][run % 2] ?? '')
    const bytes = readFileSync(path)
    const at = random.integer(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8))
    writeFileSync(path, bytes)
    const seen: string[] = []
    const { index, close, notes } = await open(createFileDisk(root), { seen })
    assert.deepEqual(notes(), bodies, `byte ${at}`)
    assert.equal(index.wasRestored, run % 2 === 0)
    assert.deepEqual(seen, run % 2 === 0 ? ['index damaged', 'index restored from its copy'] : [])
    await close()
  }
})

test('a file that is gone, empty or cut comes back from the other', async () => {
  const { root, bodies } = await filledRoot()
  const harm = [
    (path: string) => rmSync(path),
    (path: string) => truncateSync(path, 0),
    (path: string) => truncateSync(path, 9_000),
    (path: string) => writeFileSync(path, Buffer.alloc(20_000, 7)),
  ]
  for (const file of ['index.db', 'index.db-copy', 'index.db-seal']) {
    for (const spoil of harm) {
      spoil(join(root, file))
      const { close, notes } = await open(createFileDisk(root))
      assert.deepEqual(notes(), bodies, file)
      await close()
    }
  }
})

test('after an end without close a malformed index comes back from the copy, a lagging copy is made anew', async () => {
  const { root, bodies } = await filledRoot()
  const disk = createFileDisk(root)
  const running = await open(disk)
  running.write('last')
  // As after SIGKILL: everything is in the files, nothing was closed; the copy misses what was not synced.
  running.index.close()
  const path = join(root, 'index.db')
  const bytes = readFileSync(path)
  bytes.fill(0xff, 4096, 8192)
  writeFileSync(path, bytes)
  const seen: string[] = []
  const again = await open(disk, { seen })
  assert.deepEqual(again.notes(), [...bodies, 'last'])
  assert.deepEqual(seen, ['index damaged', 'index restored from its copy'])
  again.write('later')
  again.index.close()
  rmSync(join(root, 'index.db-copy'))
  const third = await open(disk)
  assert.deepEqual(third.notes(), [...bodies, 'last', 'later'])
  await third.close()
  assert.ok(statSync(join(root, 'index.db-copy')).size > 20_000)
  assert.equal(statSync(join(root, 'index.db-copy')).mode & 0o777, 0o600)
})

test('when both are damaged the node does not start as if it had kept nothing', async () => {
  const { root } = await filledRoot()
  for (const file of ['index.db', 'index.db-copy']) writeFileSync(join(root, file), Buffer.alloc(9_000, 1))
  await assert.rejects(open(createFileDisk(root)), (error) => isKizunaError(error, 'INDEX_DAMAGED'))
  rmSync(join(root, 'index.db'))
  await assert.rejects(open(createFileDisk(root)), (error) => isKizunaError(error, 'INDEX_DAMAGED'))
  const alone = (await filledRoot()).root
  rmSync(join(alone, 'index.db-copy'))
  writeFileSync(join(alone, 'index.db'), Buffer.alloc(9_000, 1))
  await assert.rejects(open(createFileDisk(alone)), (error) => isKizunaError(error, 'INDEX_DAMAGED'))
})

test('a disk that lets neither be read is no damage, and one out of handles brings no older copy [R-03]', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  first.write('one')
  await first.close()
  const always = Number.POSITIVE_INFINITY
  for (const code of ['EIO', 'EMFILE'] as const) {
    disk.fail({ operation: 'open', code, count: always })
    await assert.rejects(open(disk), (error) => isKizunaError(error, 'DISK_ERROR'))
    disk.heal()
  }
  const seen: string[] = []
  disk.fail({ operation: 'open', path: 'index.db', code: 'EMFILE', count: always })
  await assert.rejects(open(disk, { seen }), (error) => isKizunaError(error, 'DISK_ERROR'))
  assert.deepEqual(seen, [])
  disk.heal()
  const again = await open(disk)
  assert.deepEqual(again.notes(), ['one'])
  await again.close()
})

test('a copy that cannot be made, opened or sealed is done without', async () => {
  const disk = new MemoryDisk()
  const seen: string[] = []
  disk.fail({ operation: 'write', path: 'index.db-copy', code: 'ENOSPC' })
  const first = await open(disk, { seen })
  first.write('one')
  await first.close()
  disk.fail({ operation: 'open', path: 'index.db-copy', code: 'EIO', count: Number.POSITIVE_INFINITY })
  const second = await open(disk, { seen })
  second.write('two')
  disk.fail({ operation: 'sync', code: 'EIO', count: Number.POSITIVE_INFINITY })
  await second.close()
  disk.heal()
  assert.deepEqual(seen, ['index copy not made', 'index copy not opened', 'index not sealed'])
  const third = await open(disk)
  assert.deepEqual(third.notes(), ['one', 'two'])
  await third.close()
})

/** Two databases, and a way to break the second at a statement. */
function pair() {
  const disk = new MemoryDisk()
  const first = openIndexDatabase(disk.openDatabase('first'))
  const database = disk.openDatabase('second')
  const lost: unknown[] = []
  const index = writeTwofold(first, openIndexDatabase(database), {
    wasRestored: false,
    onCopyLost: (error) => lost.push(error),
  })
  index.migrate('notes', STEPS)
  const count = () => first.get<{ count: number }>('SELECT count(*) AS count FROM note')?.count
  const add = () => index.run("INSERT INTO note (body) VALUES ('x')")
  return { index, database, lost, count, add }
}

test('a copy that fails at any moment is given up once, and no write of the first is lost', () => {
  const breakAt: Record<string, (parts: ReturnType<typeof pair>) => void> = {
    'before a write': ({ database, add }) => {
      database.close()
      add()
    },
    'before a transaction': ({ index, database, add }) => {
      database.close()
      index.transaction(add)
    },
    'in a transaction': ({ index, database, add }) =>
      void index.transaction(() => {
        database.exec('DROP TABLE note')
        add()
      }),
    'at its commit': ({ index, database, add }) =>
      void index.transaction(() => {
        add()
        database.exec('COMMIT')
      }),
    'in an inner transaction': ({ index, database, add }) =>
      void index.transaction(() =>
        index.transaction(() => {
          database.exec('DROP TABLE note')
          add()
        }),
      ),
  }
  for (const [when, act] of Object.entries(breakAt)) {
    const parts = pair()
    act(parts)
    assert.equal(parts.count(), 1, when)
    assert.equal(parts.lost.length, 1, when)
    assert.equal(parts.index.isCopyCurrent, false)
    parts.index.transaction(parts.add)
    assert.equal(parts.count(), 2, when)
    parts.index.close()
  }
})

test('the error of the work comes out, also when the copy broke on the way', () => {
  const { index, database, add, count, lost } = pair()
  assert.throws(
    () =>
      index.transaction(() => {
        database.exec('DROP TABLE note')
        add()
        throw new Error('of the work')
      }),
    /of the work/,
  )
  assert.equal(count(), 0)
  assert.equal(lost.length, 1)
})

test('a copy that cannot be closed is no reason to fail', () => {
  const { index, database, lost } = pair()
  database.close()
  index.close()
  assert.equal(lost.length, 1)
})

test('a seal that rotted itself, or says nothing, leaves the word to SQLite', async () => {
  const { root, bodies } = await filledRoot()
  const wrong = { index: 'a'.repeat(64), copy: 'b'.repeat(64) }
  for (const [seal, wasRestored] of [
    [JSON.stringify(wrong), true],
    [JSON.stringify({ ...wrong, copy: null }), true],
    ['{"index":1}', false],
    ['{"ind', false],
  ] as const) {
    writeFileSync(join(root, 'index.db-seal'), seal)
    const { index, close, notes } = await open(createFileDisk(root))
    assert.deepEqual(notes(), bodies, seal)
    assert.equal(index.wasRestored, wasRestored, seal)
    await close()
  }
})

test('a database that opens with another error than the disk’s is damaged, one without handles is not [R-03]', async () => {
  const inner = new MemoryDisk().session()
  const first = await open(inner)
  first.write('one')
  const refusing = (path: string, error: Error): Disk => ({
    ...inner,
    openDatabase: (wanted) => {
      if (wanted === path) throw error
      return inner.openDatabase(wanted)
    },
  })
  const noHandles = new DiskError({ operation: 'use', path: 'index.db', systemCode: 'EMFILE' })
  await assert.rejects(open(refusing('index.db', noHandles)), (error) => isKizunaError(error, 'DISK_ERROR'))
  const seen: string[] = []
  await open(refusing('index.db', new Error('no such thing')), { seen }).then(
    ({ close }) => close(),
    () => {},
  )
  assert.ok(seen.length > 0, 'the copy was looked for')
})
