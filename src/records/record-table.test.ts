import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { MemoryRecordTable } from './memory-record-table.ts'
import { signRecord } from './record-codec.ts'
import { testRecordTable } from './record-table.suite.ts'
import { spaceIdOf } from './space.ts'
import { dropRecordsOf, migrateRecordTable, SqliteRecordTable } from './sqlite-record-table.ts'

const key = signingKeyFromSeed(new Uint8Array(32).fill(1))
const space = spaceIdOf(key.peerId, new Uint8Array(16))
const other = spaceIdOf(key.peerId, new Uint8Array(16).fill(1))

function openIndex() {
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  migrateRecordTable(index)
  return index
}

testRecordTable('memory record table', () => new MemoryRecordTable())
testRecordTable('sqlite record table', () => new SqliteRecordTable(openIndex(), space))

test('sqlite record table: spaces are apart, and large records do not fill the cache for ever', () => {
  const index = openIndex()
  const [one, two] = [new SqliteRecordTable(index, space), new SqliteRecordTable(index, other)]
  const records = Array.from({ length: 120 }, (_, at) =>
    signRecord(key, {
      space,
      kind: 'note',
      key: `k${at}`,
      createdAt: at,
      expiresAt: 1_000,
      body: new Uint8Array(40_000),
    }),
  )
  for (const record of records) one.add(record)
  assert.equal(one.list({ kind: 'note' }, 0).length, 120)
  for (const record of records) assert.deepEqual(one.get(record.id), record)
  assert.equal(two.count('note', 0), 0)
  dropRecordsOf(index, other)
  assert.equal(one.count('note', 0), 120)
  dropRecordsOf(index, space)
  assert.equal(one.count('note', 0), 0)
})
