import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CborValue, encodeCanonical } from '../core/encoding.ts'
import { RECORD_BYTES_MAX } from '../core/limits.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { InvalidRecordError } from './errors.ts'
import {
  decodeRecord,
  isNewer,
  orderOfKey,
  readRecord,
  reconciliationKey,
  signRecord,
  spaceIdFromBytes,
} from './record-codec.ts'
import { spaceIdOf } from './space.ts'

const key = signingKeyFromSeed(new Uint8Array(32).fill(7))
const space = spaceIdOf(key.peerId, new Uint8Array(16).fill(1))
const draft = { space, kind: 'note', key: 'a', createdAt: 1_000, expiresAt: 2_000, body: { text: 'hello' } }

const refused = (reason: RegExp) => (error: unknown) =>
  error instanceof InvalidRecordError && reason.test(error.message)

/** Signs whatever map is given, as a hostile peer could. */
function forge(change: Record<string, CborValue | undefined>): Uint8Array {
  const map: Record<string, CborValue> = {
    v: 1,
    kind: 'note',
    space: new Uint8Array(32),
    key: 'a',
    author: key.publicKey,
    createdAt: 1,
    expiresAt: 2,
    body: null,
    sig: new Uint8Array(64),
  }
  for (const [field, value] of Object.entries(change)) {
    if (value === undefined) delete map[field]
    else map[field] = value
  }
  return encodeCanonical(map)
}

test('gives the vector of docs/protocol/records.md', () => {
  const record = signRecord(key, draft)
  assert.equal(key.peerId, '12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7')
  assert.equal(space, 'bpw5teya5q2lnktjgsamdobpe5iqwmcmm7qpkrwhdcy4tqbz3vtwa')
  assert.equal(record.id, '4149e972a26f0fb66c7f9056200df7158bdd3079b3685aefe3514e7a8f6fffb3')
  assert.equal(
    Buffer.from(record.bytes).toString('hex'),
    'a9617601636b65796161637369675840141dfc6952d7ad89eeebc961da1cf47fee6f7570195eec41349bbff14786ff395b1f6780e96c982021a3e2d4b02c4e740436be07a8ecd44cece74e27cc59930564626f6479a164746578746568656c6c6f646b696e64646e6f746565737061636558207dbb32601d8696d54d2690183705e4ea2166098cfc1ea8d8e3163938073bacec66617574686f725820ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c696372656174656441741903e8696578706972657341741907d0',
  )
})

test('reads back what was signed [B-63]', () => {
  fc.assert(
    fc.property(
      fc.record({
        kind: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
        key: fc.stringMatching(/^[!-~]{1,100}$/),
        createdAt: fc.integer({ min: 0, max: 2 ** 47 }),
        lifetime: fc.integer({ min: 1, max: 2 ** 40 }),
        body: fc.oneof(
          fc.constant(null),
          fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.integer(), fc.string(), fc.boolean()), {
            maxKeys: 5,
          }),
        ),
      }),
      ({ kind, key: recordKey, createdAt, lifetime, body }) => {
        const plain =
          body === null
            ? null
            : Object.fromEntries(Object.entries(body).filter(([name]) => name !== '__proto__'))
        const record = signRecord(key, {
          space,
          kind,
          key: recordKey,
          createdAt,
          expiresAt: createdAt + lifetime,
          body: plain,
        })
        assert.deepEqual(decodeRecord(record.bytes), record)
        assert.deepEqual(orderOfKey(reconciliationKey(record)), { createdAt, id: record.id })
      },
    ),
  )
})

test('refuses a record of which any one bit was changed [B-63] [B-39]', () => {
  const { bytes, id } = signRecord(key, draft)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Uint8Array.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.throws(() => decodeRecord(changed), InvalidRecordError, `bit ${bit}`)
  }
  assert.equal(decodeRecord(bytes).id, id)
})

test('refuses an unsigned record and one signed by another key [B-39] [B-63]', () => {
  assert.throws(() => decodeRecord(forge({ sig: undefined })), refused(/sig is not bytes/))
  assert.throws(() => decodeRecord(forge({})), refused(/signature is not its author/))
  const other = signingKeyFromSeed(new Uint8Array(32).fill(8))
  const mine = readRecord(signRecord(other, draft).bytes)
  assert.equal(mine.record.author, other.peerId)
  const swapped = encodeCanonical({ ...fieldsOf(signRecord(other, draft).bytes), author: key.publicKey })
  assert.throws(() => decodeRecord(swapped), refused(/signature is not its author/))
})

test('refuses every field that breaks its rule, before the signature is looked at', () => {
  const cases: [RegExp, Record<string, CborValue | undefined>][] = [
    [/version/, { v: 2 }],
    [/kind is not lower-case/, { kind: 'Note' }],
    [/kind is not lower-case/, { kind: '' }],
    [/kind is longer/, { kind: 'x'.repeat(33) }],
    [/space has 31 bytes/, { space: new Uint8Array(31) }],
    [/key is empty/, { key: '' }],
    [/key is empty or has control/, { key: 'a\nb' }],
    [/key is longer/, { key: 'x'.repeat(129) }],
    [/author has 33 bytes/, { author: new Uint8Array(33) }],
    [/createdAt is not a whole/, { createdAt: -1 }],
    [/date is out of range/, { createdAt: 2 ** 48, expiresAt: 2 ** 48 + 1 }],
    [/expiry is out of range/, { expiresAt: 2 ** 49 }],
    [/expires before/, { createdAt: 5, expiresAt: 5 }],
    [/has no body/, { body: undefined }],
    [/unknown field/, { extra: 1 }],
    [/more than the limit/, { body: new Uint8Array(RECORD_BYTES_MAX) }],
  ]
  for (const [reason, change] of cases)
    assert.throws(() => readRecord(forge(change)), refused(reason), String(reason))
})

test('refuses deep nesting, tags, floats and indefinite lengths without recursing', () => {
  const deep = Uint8Array.from([...new Array(40_000).fill(0x81), 0x00])
  assert.throws(() => readRecord(deep), refused(/nested deeper/))
  for (const bytes of [
    [0xc0, 0x00],
    [0xf9, 0, 0],
    [0x9f, 0xff],
    [0xbf, 0xff],
    [0x5f, 0xff],
    [0xf7],
    [0xfe],
  ]) {
    assert.throws(() => readRecord(Uint8Array.from(bytes)), InvalidRecordError)
  }
  // A length of 2^63 in four bytes of record must not be allocated.
  assert.throws(() => readRecord(Uint8Array.from([0x9b, 0x80, 0, 0, 0, 0, 0, 0, 0])), refused(/cut short/))
})

test('refuses any bytes at all with a typed error', () => {
  const valid = signRecord(key, draft).bytes
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.nat(valid.length), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([at, part]) => {
      const changed = Uint8Array.from(valid)
      changed.set(part.subarray(0, Math.max(0, valid.length - at)), at)
      return changed
    }),
    fc.nat(valid.length - 1).map((length) => valid.subarray(0, length)),
  )
  fc.assert(
    fc.property(bytes, (candidate) => {
      if (Buffer.compare(candidate, valid) === 0) return
      assert.throws(() => decodeRecord(candidate), InvalidRecordError)
    }),
    { numRuns: 2_000 },
  )
})

test('refuses to sign what others would refuse', () => {
  assert.throws(
    () => signRecord(key, { ...draft, body: 'x'.repeat(RECORD_BYTES_MAX) }),
    refused(/over the limit/),
  )
  assert.throws(() => signRecord(key, { ...draft, kind: 'No' }), refused(/kind/))
  assert.throws(() => signRecord(key, { ...draft, expiresAt: 0 }), refused(/expires before/))
  let body: CborValue = 1
  for (let depth = 0; depth < 20; depth++) body = [body]
  assert.throws(() => signRecord(key, { ...draft, body }), refused(/nested deeper/))
})

test('of two records of the same moment the larger id wins', () => {
  const a = signRecord(key, draft)
  const b = signRecord(key, { ...draft, body: { text: 'other' } })
  assert.notEqual(isNewer(a, b), isNewer(b, a))
  assert.equal(isNewer(a, b), a.id > b.id)
  assert.equal(isNewer(a, a), false)
  assert.equal(isNewer(signRecord(key, { ...draft, createdAt: 1_001 }), a), true)
})

test('a space id holds 32 bytes', () => {
  assert.equal(spaceIdFromBytes(new Uint8Array(32)), `b${'a'.repeat(52)}`)
})

function fieldsOf(bytes: Uint8Array): Record<string, CborValue> {
  const { record, signature } = readRecord(bytes)
  const { kind, createdAt, expiresAt, body } = record
  const author = key.publicKey
  return {
    v: 1,
    kind,
    space: new Uint8Array(32),
    key: record.key,
    author,
    createdAt,
    expiresAt,
    body,
    sig: signature,
  }
}
