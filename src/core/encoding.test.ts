import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CborValue, decodeCanonical, encodeCanonical, fromBase64Url, toBase64Url } from './encoding.ts'
import { InvalidInputError } from './errors.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Integers are numbers as far as these are exact, and bigints beyond. */
const values = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value

test('what is encoded is decoded again, and encoded to the same bytes', () => {
  fc.assert(
    fc.property(values, (value) => {
      const bytes = encodeCanonical(value)
      const decoded = decodeCanonical(bytes)
      assert.deepEqual(decoded, value)
      assert.equal(hex(encodeCanonical(decoded)), hex(bytes))
    }),
    { numRuns: 500 },
  )
})

test('the order in which fields were written does not matter', () => {
  assert.equal(hex(encodeCanonical({ bb: 1, a: 2, c: 3 })), 'a361610261630362626201')
  assert.equal(hex(encodeCanonical({ c: 3, a: 2, bb: 1 })), hex(encodeCanonical({ bb: 1, a: 2, c: 3 })))
})

test('every other encoding of a value, and everything outside the data model, is refused', () => {
  const cases: Record<string, string> = {
    'longer integer than needed': '1801',
    'longer length than needed': '590001ff',
    'list without a length': '9fff',
    'text in pieces': '7f6161ff',
    'unsorted keys': 'a2616201616101',
    'longer key before a shorter one': 'a262616101616201',
    'one key twice': 'a2616101616102',
    'key that is not text': 'a10102',
    tag: 'c11a514b67b0',
    undefined: 'f7',
    'simple value': 'f0',
    fraction: 'f93e00',
    'fraction that is whole': 'f93c00',
    'minus zero': 'f98000',
    infinity: 'f97c00',
    'not a number': 'f97e00',
    'bytes after the end': '0101',
    nothing: '',
    'text that is not UTF-8': '62c328',
    'list longer than the message': '9b00000000ffffffff',
    'bytes longer than the message': '5affffffff',
  }
  for (const [name, bytes] of Object.entries(cases)) {
    assert.throws(() => decodeCanonical(Buffer.from(bytes, 'hex'), 'The thing'), InvalidInputError, name)
  }
})

test('nesting of any depth is read or refused, never a crash', () => {
  for (let depth = 500; depth < 20_000; depth += 500) {
    for (const opening of ['81', 'a16161']) {
      const bytes = Buffer.from(`${opening.repeat(depth)}01`, 'hex')
      try {
        decodeCanonical(bytes)
      } catch (error) {
        assert.ok(error instanceof InvalidInputError, `${depth} deep: ${error}`)
      }
    }
  }
})

test('any bytes at all are read as the one canonical form or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        assert.equal(hex(encodeCanonical(decodeCanonical(bytes))), hex(bytes))
      } catch (error) {
        assert.ok(error instanceof InvalidInputError, String(error))
      }
    }),
    { numRuns: 3000 },
  )
})

test('a field named __proto__ is a field like any other', () => {
  const decoded = decodeCanonical(Buffer.from('a1695f5f70726f746f5f5fa1616101', 'hex')) as object
  assert.equal(Object.getPrototypeOf(decoded), Object.prototype)
  assert.deepEqual(Object.keys(decoded), ['__proto__'])
})

test('fractions, unsafe numbers and undefined are not written', () => {
  for (const value of [1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, { a: undefined }, [undefined]]) {
    assert.throws(() => encodeCanonical(value as CborValue), InvalidInputError)
  }
})

test('base64url goes both ways and refuses other characters', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes)),
  )
  for (const text of ['a+b', 'a/b', 'YQ==', 'ä', 'a b', 'a\n']) {
    assert.throws(() => fromBase64Url(text, 'The key'), InvalidInputError, text)
  }
})
