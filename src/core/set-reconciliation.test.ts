/**
 * Two sets talk until one has nothing left to say; then both must have learnt exactly what the other has more,
 * for any sizes and overlaps, and no message may be over the limit.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvalidInputError } from './errors.ts'
import { SeededRandom } from './random.ts'
import {
  encodeReconciliation,
  type OpenRange,
  RECONCILIATION_BYTES_MAX,
  RECONCILIATION_BYTES_MIN,
} from './reconciliation-message.ts'
import {
  answerReconciliation,
  RECONCILIATION_MESSAGES_MAX,
  ReconciliationSet,
  startReconciliation,
} from './set-reconciliation.ts'

const hex = (key: Uint8Array) => Buffer.from(key).toString('hex')
const keyOf = (name: string | number, keyBytes = 32) => {
  const digest = hash('sha512', `${name}`, 'buffer')
  return Uint8Array.from(Buffer.concat([digest, digest]).subarray(0, keyBytes))
}

function setOf(keys: Iterable<Uint8Array>, keyBytes = 32): ReconciliationSet {
  const set = new ReconciliationSet(keyBytes)
  for (const key of keys) set.add(key)
  return set
}

interface Learnt {
  need: string[]
  have: string[]
}

function reconcile(
  one: ReconciliationSet,
  other: ReconciliationSet,
  limits: { one?: number; other?: number } = {},
): { one: Learnt; other: Learnt; messages: number; bytes: number } {
  const result = {
    one: { need: [], have: [] } as Learnt,
    other: { need: [], have: [] } as Learnt,
    messages: 1,
    bytes: 0,
  }
  let message = startReconciliation(one)
  for (let turn = 0; ; turn++) {
    result.bytes += message.byteLength
    const isOther = turn % 2 === 0
    const bytesMax = (isOther ? limits.other : limits.one) ?? RECONCILIATION_BYTES_MAX
    const answer = answerReconciliation(isOther ? other : one, message, { bytesMax })
    const learnt = isOther ? result.other : result.one
    for (const key of answer.need) learnt.need.push(hex(key))
    for (const key of answer.have) learnt.have.push(hex(key))
    if (answer.reply === undefined) return result
    assert.ok(answer.reply.byteLength <= bytesMax, `a message of ${answer.reply.byteLength} bytes`)
    message = answer.reply
    result.messages += 1
    assert.ok(result.messages < RECONCILIATION_MESSAGES_MAX, 'it does not come to an end')
  }
}

function assertComplete(one: ReconciliationSet, other: ReconciliationSet, limits = {}, exactlyOnce = true) {
  const result = reconcile(one, other, limits)
  const onlyOne = [...one.keys()].filter((key) => !other.has(key)).map(hex)
  const onlyOther = [...other.keys()].filter((key) => !one.has(key)).map(hex)
  const sorted = (keys: string[]) => (exactlyOnce ? keys : [...new Set(keys)]).sort()
  assert.deepEqual(sorted(result.one.need), onlyOther)
  assert.deepEqual(sorted(result.one.have), onlyOne)
  assert.deepEqual(sorted(result.other.need), onlyOne)
  assert.deepEqual(sorted(result.other.have), onlyOther)
  return result
}

test('both sides learn exactly what each lacks, for any two sets', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 3000 }),
      fc.nat({ max: 300 }),
      fc.nat({ max: 300 }),
      fc.integer({ min: 16, max: 64 }),
      (common, onlyOne, onlyOther, keyBytes) => {
        const names = (prefix: string, count: number) =>
          Array.from({ length: count }, (_, index) => keyOf(`${prefix}${index}`, keyBytes))
        const shared = names('c', common)
        const one = setOf([...shared, ...names('a', onlyOne)], keyBytes)
        const other = setOf([...shared, ...names('b', onlyOther)], keyBytes)
        assertComplete(one, other)
      },
    ),
    { numRuns: 40 },
  )
})

test('crowded keys reconcile: long common beginnings, zeros, neighbours', () => {
  // Crowded in the first bytes, which decide the order and the bounds; a hash behind, because fingerprints are sums.
  const key = fc
    .uint8Array({ minLength: 4, maxLength: 4 })
    .map((bytes) => bytes.map((byte) => byte % 3))
    .map((crowded) => Uint8Array.from([...crowded, ...keyOf(hex(crowded), 16)]))
  const keys = fc.array(key, { maxLength: 150, size: 'max' })
  fc.assert(
    fc.property(keys, keys, keys, (common, more, others) => {
      assertComplete(setOf([...common, ...more], 20), setOf([...common, ...others], 20))
    }),
    { numRuns: 200 },
  )
})

test('heavy skew and heavy difference come to an end within the smallest message limit', () => {
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => keyOf(`${prefix}${index}`, 64))
  const limits = { one: RECONCILIATION_BYTES_MIN, other: RECONCILIATION_BYTES_MIN }
  for (const [common, more, others] of [
    [0, 0, 0],
    [0, 0, 5000],
    [0, 5000, 0],
    [3, 2, 5000],
    [0, 2500, 2500],
    [4000, 1500, 1500],
  ] as const) {
    const one = setOf([...names('c', common), ...names('a', more)], 64)
    const other = setOf([...names('c', common), ...names('b', others)], 64)
    assertComplete(one, other, limits, false)
  }
})

test('nothing is named twice when both sides keep the same limit', () => {
  const common = Array.from({ length: 20_000 }, (_, index) => keyOf(index))
  const one = setOf(common.filter((_, index) => index % 37 !== 0))
  const other = setOf(common.filter((_, index) => index % 41 !== 0))
  assertComplete(one, other)
})

test('however many short ranges a message lists, and whatever they have in common, the reply keeps to its length', () => {
  const keyBytes = 38
  const random = new SeededRandom(1)
  for (let bytesMax = RECONCILIATION_BYTES_MIN; bytesMax <= RECONCILIATION_BYTES_MAX; bytesMax += 200) {
    const names = Array.from({ length: 900 }, (_, index) => keyOf(`${bytesMax} ${index}`, keyBytes))
      // A bound may not end in zero.
      .filter((key) => key.at(-1) !== 0)
      .sort(Buffer.compare)
    const ours = new ReconciliationSet(keyBytes)
    const open: OpenRange[] = []
    for (let from = 0; from < names.length; ) {
      const part = names.slice(from, from + 2 + random.integer(9))
      const keys: Uint8Array[] = []
      for (const key of part) {
        // The first of each range is in common: a rest that is asked for again begins in mid-range.
        const whose = key === part[0] ? 0 : random.integer(3)
        if (whose !== 1) keys.push(key)
        if (whose !== 2) ours.add(key)
      }
      const lower = open.at(-1)?.upper ?? new Uint8Array(0)
      from += part.length
      open.push({ lower, upper: names[from], mode: 'keys', keys })
    }
    const message = encodeReconciliation(keyBytes, { wanted: [], offered: [], open })
    const { reply } = answerReconciliation(ours, message, { bytesMax })
    const length = reply?.byteLength ?? 0
    assert.ok(length > bytesMax / 3 && length <= bytesMax, `${length} bytes of ${bytesMax}`)
  }
})

test('a side with a far smaller limit still gets everything', () => {
  const common = Array.from({ length: 20_000 }, (_, index) => keyOf(index))
  const one = setOf(common.filter((_, index) => index % 37 !== 0))
  const other = setOf(common.filter((_, index) => index % 41 !== 0))
  assertComplete(one, other, { other: RECONCILIATION_BYTES_MIN }, false)
  assertComplete(one, other, { one: RECONCILIATION_BYTES_MIN }, false)
})

test('equal sets are done after one short message', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => keyOf(index))
  const result = assertComplete(setOf(keys), setOf(keys.toReversed()))
  assert.equal(result.messages, 1)
  assert.ok(result.bytes < 1024)
})

test('the first message for 10,000 held keys is far below 40 KiB, and 20 differences cost a fraction of the list [K-39]', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => keyOf(index))
  const one = setOf(keys.slice(10))
  const other = setOf(keys.slice(0, -10))
  const first = startReconciliation(one)
  assert.ok(first.byteLength <= 1024, `${first.byteLength} bytes`)
  const result = assertComplete(one, other)
  assert.ok(result.bytes < 64 * 1024, `${result.bytes} bytes instead of 320,000`)
})

test('200,000 keys with 200 differences need few messages', () => {
  const random = new SeededRandom(7)
  const keys = Array.from({ length: 200_000 }, () => random.bytes(32))
  const result = assertComplete(setOf(keys.slice(100)), setOf(keys.slice(0, -100)))
  assert.ok(result.bytes < 500_000, `${result.bytes} bytes instead of 6.4 million`)
  assert.ok(result.messages <= 30, `${result.messages} messages`)
})

test('the set answers as a plain set does through any adding and deleting, and its fingerprint tells only what is in it', () => {
  const steps = fc.array(fc.record({ key: fc.nat({ max: 1200 }), isAdded: fc.boolean() }), {
    maxLength: 3000,
    size: 'max',
  })
  fc.assert(
    fc.property(steps, (all) => {
      const set = new ReconciliationSet(16)
      const plain = new Map<string, Uint8Array>()
      for (const { key: name, isAdded } of all) {
        const key = keyOf(name, 16)
        const was = plain.has(hex(key))
        assert.equal(set.has(key), was)
        assert.equal(isAdded ? set.add(key) : set.delete(key), isAdded ? !was : was)
        if (isAdded) plain.set(hex(key), key)
        else plain.delete(hex(key))
      }
      assert.equal(set.size, plain.size)
      assert.deepEqual([...set.keys()].map(hex), [...plain.keys()].sort())
      assert.equal(set.fingerprint(), setOf(plain.values(), 16).fingerprint())
    }),
    { numRuns: 30 },
  )
})

test('a large set that was emptied and refilled has the fingerprint it had', () => {
  const keys = Array.from({ length: 5000 }, (_, index) => keyOf(index))
  const set = setOf(keys)
  const before = set.fingerprint()
  for (const key of keys) assert.ok(set.delete(key))
  assert.equal(set.size, 0)
  assert.equal(set.fingerprint(), new ReconciliationSet(32).fingerprint())
  for (const key of keys.toSorted(Buffer.compare)) assert.ok(set.add(key))
  assert.equal(set.fingerprint(), before)
})

test('keys added or deleted while the keys are read neither hide nor repeat others', () => {
  const keys = Array.from({ length: 1000 }, (_, index) => keyOf(index)).sort(Buffer.compare)
  const set = setOf(keys.filter((_, index) => index % 2 === 0))
  const seen: string[] = []
  for (const key of set.keys()) {
    seen.push(hex(key))
    const index = keys.findIndex((other) => hex(other) === hex(key))
    if (index % 20 !== 0) continue
    // The one just read goes, one behind the reader comes, one ahead of it comes and one goes.
    set.delete(key)
    set.add(keys[Math.max(index - 1, 0)] as Uint8Array)
    set.add(keys[index + 1] as Uint8Array)
    set.delete(keys[index + 4] as Uint8Array)
  }
  const expected = keys.filter(
    (_, index) => (index % 2 === 0 && index % 20 !== 4) || (index % 20 === 1 && index < 999),
  )
  assert.deepEqual(seen, expected.map(hex))
})

test('a key of a wrong length is refused', () => {
  const set = new ReconciliationSet(32)
  for (const call of [set.add, set.delete, set.has]) {
    assert.throws(() => call.call(set, new Uint8Array(31)), InvalidInputError)
  }
  for (const keyBytes of [0, -1, 15, 16.5, 65, Number.NaN]) {
    assert.throws(() => new ReconciliationSet(keyBytes), InvalidInputError)
  }
})

test('changing what was given or returned does not change the set', () => {
  const key = keyOf('mine')
  const set = setOf([key])
  const before = set.fingerprint()
  key.fill(0)
  for (const given of set.keys()) given.fill(0)
  assert.ok(set.has(keyOf('mine')))
  assert.equal(set.fingerprint(), before)
})

test('zero bytes mean that the other side has nothing left to say', () => {
  assert.deepEqual(answerReconciliation(setOf([keyOf(1)]), new Uint8Array(0)), {
    reply: undefined,
    need: [],
    have: [],
  })
})

test('keys that a peer wants and we do not have, or offers and we have, are not believed', () => {
  const set = setOf([keyOf('ours')])
  const list = (key: Uint8Array) => [0, 1, ...key]
  const message = Uint8Array.from([1, 32, ...list(keyOf('not ours')), ...list(keyOf('ours'))])
  assert.deepEqual(answerReconciliation(set, message), { reply: undefined, need: [], have: [] })
})
