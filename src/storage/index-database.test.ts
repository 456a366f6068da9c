import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { openIndexDatabase } from './index-database.ts'
import { MemoryDisk } from './memory-disk.ts'
import { databaseError } from './sqlite-error.ts'

function create(disk = new MemoryDisk()) {
  const index = openIndexDatabase(disk.openDatabase('index.db'))
  const bodies = () =>
    index.all<{ body: string }>('SELECT body FROM note ORDER BY body').map(({ body }) => body)
  const add = (body: string) => index.run('INSERT INTO note (body) VALUES (?)', body)
  return { disk, index, bodies, add }
}

const STEPS = ['CREATE TABLE note (body TEXT UNIQUE) STRICT', "INSERT INTO note VALUES ('made by step two')"]

test('each step of a migration runs once, later ones when they come', () => {
  const { disk, index, bodies } = create()
  index.migrate('notes', STEPS.slice(0, 1))
  assert.deepEqual(bodies(), [])
  index.migrate('notes', STEPS)
  index.migrate('notes', STEPS)
  assert.deepEqual(bodies(), ['made by step two'])
  index.close()
  const again = create(disk)
  again.index.migrate('notes', STEPS)
  assert.deepEqual(again.bodies(), ['made by step two'])
})

test('a migration step that fails leaves nothing and runs again', () => {
  const { index, bodies } = create()
  assert.throws(() => index.migrate('notes', [`${STEPS[0]}; INSERT INTO nowhere VALUES (1)`]))
  index.migrate('notes', STEPS)
  assert.equal(bodies().length, 1)
})

test('a transaction is all or nothing, an inner one by itself', () => {
  const { index, bodies, add } = create()
  index.migrate('notes', STEPS.slice(0, 1))
  assert.equal(
    index.transaction(() => {
      add('outer')
      assert.throws(() =>
        index.transaction(() => {
          add('inner, undone')
          index.transaction(() => add('innermost, undone'))
          throw new Error('no')
        }),
      )
      index.transaction(() => add('inner, kept'))
      return 'result'
    }),
    'result',
  )
  assert.deepEqual(bodies(), ['inner, kept', 'outer'])
  assert.throws(() =>
    index.transaction(() => {
      add('undone')
      add('outer')
    }),
  )
  assert.deepEqual(bodies(), ['inner, kept', 'outer'])
  add('afterwards')
  assert.deepEqual([...index.iterate<{ body: string }>('SELECT body FROM note')].length, 3)
})

test('many different statements do not pile up', () => {
  const { index } = create()
  for (let number = 0; number < 1_100; number++) assert.ok(index.get(`SELECT ${number} AS number`))
})

test('a full disk is a typed error, undoes the transaction, and all goes on when there is room', () => {
  const database = new DatabaseSync(':memory:')
  const index = openIndexDatabase(database)
  index.migrate('test', ['CREATE TABLE thing (bytes BLOB NOT NULL) STRICT'])
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number }
  database.exec(`PRAGMA max_page_count = ${pages + 4}`)
  const rows = () => index.get<{ rows: number }>('SELECT count(*) AS rows FROM thing')?.rows
  const fill = () =>
    index.transaction(() =>
      index.transaction(() => {
        for (let row = 0; row < 100; row++) index.run('INSERT INTO thing VALUES (?)', Buffer.alloc(4_000))
      }),
    )
  assert.throws(fill, (error) => isKizunaError(error, 'DISK_FULL') && error.kind === 'busy')
  assert.equal(rows(), 0)
  index.transaction(() => index.run('INSERT INTO thing VALUES (?)', Buffer.alloc(10)))

  database.exec('PRAGMA max_page_count = 1000000')
  fill()
  assert.equal(rows(), 101)
  assert.throws(
    () => index.run('INSERT INTO thing VALUES (NULL)'),
    (error) => !isKizunaError(error),
  )
})

test('what the disk did to the index is an error of the disk; a fault of ours stays what it is', () => {
  const named = (errcode: number) => databaseError(Object.assign(new Error(), { errcode }), 'the index')
  for (const errcode of [8, 10, 11, 14, 26, 10 | (3 << 8)])
    assert.ok(isKizunaError(named(errcode), 'DISK_ERROR'))
  assert.ok(isKizunaError(named(13), 'DISK_FULL'))
  assert.equal(isKizunaError(named(19)), false)
  const plain = new Error('ours')
  assert.equal(databaseError(plain, 'the index'), plain)
})
