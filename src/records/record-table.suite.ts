import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import type { SignedRecord } from './record.ts'
import { signRecord } from './record-codec.ts'
import type { RecordTable } from './record-table.ts'
import { spaceIdOf } from './space.ts'

const [a, b] = [1, 2].map((byte) => signingKeyFromSeed(new Uint8Array(32).fill(byte))) as [
  SigningKey,
  SigningKey,
]
const space = spaceIdOf(a.peerId, new Uint8Array(16))

function make(
  key: SigningKey,
  createdAt: number,
  change: { kind?: string; key?: string; expiresAt?: number } = {},
): SignedRecord {
  return signRecord(key, {
    space,
    kind: 'note',
    key: 'k',
    createdAt,
    expiresAt: createdAt + 100,
    body: createdAt,
    ...change,
  })
}

/** What every {@link RecordTable} does. */
export function testRecordTable(name: string, create: () => RecordTable): void {
  test(`${name}: finds by id, by key, and by key and author`, () => {
    const table = create()
    const [one, two, other] = [make(a, 1), make(b, 2), make(a, 3, { key: 'other' })]
    for (const record of [one, two, other]) table.add(record)
    assert.deepEqual(table.get(one.id), one)
    assert.deepEqual(table.newest('note', 'k'), two)
    assert.deepEqual(table.newest('note', 'k', a.peerId), one)
    assert.equal(table.newest('note', 'none'), undefined)
    assert.deepEqual(table.oldest('note', a.peerId), one)
    table.delete(two.id)
    table.delete(two.id)
    assert.equal(table.get(two.id), undefined)
    assert.deepEqual(table.newest('note', 'k'), one)
    assert.deepEqual([...table.entries()].map(({ id }) => id).sort(), [one.id, other.id].sort())
  })

  test(`${name}: lists newest first, by prefix, author and number, without what has expired`, () => {
    const table = create()
    const records = [
      make(a, 1, { key: 'x/1' }),
      make(b, 2, { key: 'x/2' }),
      make(a, 3, { key: 'y_1' }),
      make(a, 4, { kind: 'else' }),
    ]
    for (const record of records) table.add(record)
    const keys = (query: object, now = 0) => table.list({ kind: 'note', ...query }, now).map(({ key }) => key)
    assert.deepEqual(keys({}), ['y_1', 'x/2', 'x/1'])
    assert.deepEqual(keys({ keyPrefix: 'x/' }), ['x/2', 'x/1'])
    assert.deepEqual(keys({ keyPrefix: '_' }), [])
    assert.deepEqual(keys({ key: 'x/1' }), ['x/1'])
    assert.deepEqual(keys({ key: 'x/' }), [])
    assert.deepEqual(keys({ author: a.peerId }), ['y_1', 'x/1'])
    assert.deepEqual(keys({ limit: 1 }), ['y_1'])
    assert.deepEqual(keys({}, 102), ['y_1'])
    assert.deepEqual([table.count('note', 0), table.count('note', 102), table.count('none', 0)], [3, 1, 0])
  })

  test(`${name}: says what has expired and what expires next`, () => {
    const table = create()
    assert.equal(table.nextExpiry(), undefined)
    const [early, late] = [make(a, 1, { expiresAt: 10 }), make(b, 1, { expiresAt: 20 })]
    table.add(early)
    table.add(late)
    assert.equal(table.nextExpiry(), 10)
    assert.deepEqual(table.expired(9), [])
    assert.deepEqual(
      table.expired(10).map(({ id }) => id),
      [early.id],
    )
    table.delete(early.id)
    assert.equal(table.nextExpiry(), 20)
  })
}
