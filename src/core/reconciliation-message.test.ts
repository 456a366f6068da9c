import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvalidInputError } from './errors.ts'
import {
  decodeReconciliation,
  encodeReconciliation,
  RECONCILIATION_BYTES_MAX,
} from './reconciliation-message.ts'
import { answerReconciliation, ReconciliationSet, startReconciliation } from './set-reconciliation.ts'

const PAGE = new URL('../../docs/protocol/set-reconciliation.md', import.meta.url)

/** Keys of the vectors: SHA-256 of the decimal number. */
function setOfNumbers(first: number, last: number): ReconciliationSet {
  const set = new ReconciliationSet(32)
  for (let number = first; number <= last; number++) set.add(hash('sha256', `${number}`, 'buffer'))
  return set
}

/** The vectors of the protocol page, read from its tables: name → hex. */
function readVectors(): Map<string, string> {
  const rows = readFileSync(PAGE, 'utf8').matchAll(/^\| (V\d+[a-z]?)\b[^|]*\| `([0-9a-f]+)` \|$/gm)
  return new Map([...rows].map(([, name = '', hex = '']) => [name, hex]))
}

const digest = (bytes: Uint8Array | undefined) => hash('sha256', bytes ?? new Uint8Array(0), 'hex')
const hexOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')

test('the vectors of the protocol page hold', () => {
  const empty = new ReconciliationSet(32)
  const one = setOfNumbers(0, 99)
  const other = setOfNumbers(1, 100)
  const first = startReconciliation(one)
  const second = answerReconciliation(other, first).reply
  const third = answerReconciliation(one, second ?? new Uint8Array(0)).reply
  const end = answerReconciliation(other, third ?? new Uint8Array(0))
  assert.equal(end.reply, undefined)
  assert.deepEqual(
    readVectors(),
    new Map([
      ['V1', empty.fingerprint()],
      ['V2', setOfNumbers(0, 0).fingerprint()],
      ['V3', one.fingerprint()],
      ['V4', hexOf(startReconciliation(empty))],
      ['V5', hexOf(startReconciliation(setOfNumbers(0, 1)))],
      ['V6', hexOf(answerReconciliation(setOfNumbers(1, 2), startReconciliation(setOfNumbers(0, 1))).reply)],
      ['V7', hexOf(first)],
      ['V8', digest(second)],
      ['V9', hexOf(third)],
    ]),
  )
})

const KEY_BYTES = 4
const keys = fc
  .uniqueArray(fc.uint8Array({ minLength: KEY_BYTES, maxLength: KEY_BYTES }), {
    selector: (key) => Buffer.from(key).toString('hex'),
  })
  .map((list) => list.toSorted(Buffer.compare))

test('what is encoded is decoded again', () => {
  const bound = fc.uint8Array({ minLength: 1, maxLength: KEY_BYTES - 1 }).map((bytes) => {
    bytes[bytes.length - 1] = Math.max(1, bytes.at(-1) ?? 0)
    return bytes
  })
  const bounds = fc
    .uniqueArray(bound, { minLength: 1, selector: (bytes) => Buffer.from(bytes).toString('hex') })
    .map((list) => list.toSorted(Buffer.compare))
  fc.assert(
    fc.property(keys, keys, bounds, fc.infiniteStream(fc.nat({ max: 3 })), (wanted, offered, cuts, kinds) => {
      const message = { wanted, offered, open: [] as ReturnType<typeof decodeReconciliation>['open'] }
      let lower = new Uint8Array(0)
      for (const upper of [...cuts, undefined]) {
        const kind = kinds.next().value
        if (kind === 0) message.open.push({ lower, upper, mode: 'again' })
        if (kind === 1) {
          message.open.push({ lower, upper, mode: 'fingerprint', fingerprint: new Uint8Array(16).fill(7) })
        }
        if (kind === 2) {
          const inside = wanted.filter(
            (key) =>
              Buffer.compare(key, lower) >= 0 && (upper === undefined || Buffer.compare(key, upper) < 0),
          )
          message.open.push({ lower, upper, mode: 'keys', keys: inside })
        }
        if (upper !== undefined) lower = Uint8Array.from(upper)
      }
      assert.deepEqual(decodeReconciliation(KEY_BYTES, encodeReconciliation(KEY_BYTES, message)), message)
    }),
    { numRuns: 300 },
  )
})

test('a broken rule of the format is refused with the rule that it breaks', () => {
  const header = [1, KEY_BYTES, 0, 0, 0, 0]
  const cases: [string, number[], RegExp][] = [
    ['unknown version', [2, KEY_BYTES, 0, 0, 0, 0], /version/],
    ['other key length', [1, 5, 0, 0, 0, 0], /another length/],
    ['cut in the header', [1, KEY_BYTES, 0], /cut short/],
    ['more keys promised than sent', [1, KEY_BYTES, 0xff, 0xff, 1, 2, 3, 4], /cut short/],
    ['descending keys', [1, KEY_BYTES, 0, 2, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0], /ascend/],
    ['one key twice', [1, KEY_BYTES, 0, 2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0], /ascend/],
    ['bound longer than a key', [...header, 5, 1, 1, 1, 1, 1, 3], /longer than a key/],
    ['bound not the shortest', [...header, 2, 1, 0, 3], /shortest/],
    ['descending ranges', [...header, 1, 9, 3, 1, 8, 3], /ranges do not ascend/],
    ['empty range', [...header, 1, 9, 3, 1, 9, 3], /ranges do not ascend/],
    ['bytes after the last range', [...header, 0, 3, 0, 3], /after its last range/],
    ['unknown mode', [...header, 0, 4], /unknown mode/],
    ['fingerprint cut short', [...header, 0, 1, 1, 2, 3], /cut short/],
    ['key below its range', [...header, 1, 9, 0, 0, 2, 0, 1, 8, 0, 0, 0], /outside its range/],
    ['key above its range', [...header, 1, 9, 2, 0, 1, 9, 0, 0, 0], /outside its range/],
  ]
  for (const [name, bytes, reason] of cases) {
    assert.throws(
      () => decodeReconciliation(KEY_BYTES, Uint8Array.from(bytes)),
      (error) => error instanceof InvalidInputError && reason.test(error.message),
      name,
    )
  }
  assert.throws(
    () => decodeReconciliation(KEY_BYTES, new Uint8Array(RECONCILIATION_BYTES_MAX + 1)),
    /longer than 48 KiB/,
  )
})

test('any bytes at all are answered within the limit or refused as invalid, and never change the set', () => {
  const set = setOfNumbers(0, 3000)
  const before = set.fingerprint()
  const honest = [startReconciliation(set), startReconciliation(setOfNumbers(40, 80))]
  const second = answerReconciliation(setOfNumbers(2, 2800), honest[0] as Uint8Array).reply
  if (second !== undefined) honest.push(second)
  const damage = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.option(fc.nat()) })
  const damaged = fc.tuple(fc.constantFrom(...honest), damage).map(([message, { at, byte, cut }]) => {
    const bytes = Uint8Array.from(message)
    bytes[at % bytes.length] = byte
    return cut === null ? bytes : bytes.subarray(0, cut % bytes.length)
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
      try {
        const { reply } = answerReconciliation(set, bytes)
        assert.ok((reply?.byteLength ?? 0) <= RECONCILIATION_BYTES_MAX)
      } catch (error) {
        assert.ok(error instanceof InvalidInputError, String(error))
      }
    }),
    { numRuns: 1000 },
  )
  assert.equal(set.fingerprint(), before)
})

test('a message with as many open ranges as fit gets an answer within the limit', () => {
  const set = setOfNumbers(0, 3000)
  const open: number[] = []
  // Every other range of two bytes is open, so no two are neighbours.
  for (let first = 1; first < 250; first++) {
    for (let second = 1; second < 40; second++) open.push(2, first, second, second % 2 === 0 ? 3 : 0)
  }
  const answer = answerReconciliation(set, Uint8Array.from([1, 32, 0, 0, 0, 0, ...open]))
  assert.ok((answer.reply?.byteLength ?? 0) > 0)
  assert.ok((answer.reply?.byteLength ?? 0) <= RECONCILIATION_BYTES_MAX)
})
