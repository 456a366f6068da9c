import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../core/random.ts'
import { childrenOf, DER, DerError, decodeDer, encodeDer } from './der.ts'

test('reads back what it wrote, for every form of a length', () => {
  for (const size of [0, 1, 127, 128, 255, 256, 65_000]) {
    const body = Buffer.alloc(size, 7)
    const element = decodeDer(encodeDer(DER.octetString, body), DER.octetString)
    assert.deepEqual(Buffer.from(element.body), body)
  }
  const nested = encodeDer(DER.sequence, encodeDer(DER.integer, Buffer.from([2])), encodeDer(DER.sequence))
  assert.deepEqual(
    childrenOf(decodeDer(nested, DER.sequence)).map(({ tag }) => tag),
    [DER.integer, DER.sequence],
  )
})

test('refuses what is cut off, too long, of another tag or not in its shortest form [R-05]', () => {
  const wrong = {
    nothing: [],
    'a tag alone': [0x30],
    'a body that is cut off': [0x30, 2, 1],
    'a length that is cut off': [0x30, 0x82, 1],
    'an indefinite length': [0x30, 0x80, 0, 0],
    'a length of three bytes': [0x30, 0x83, 0, 0, 1, 0],
    'a long form for a short length': [0x30, 0x81, 1, 0],
    'two bytes for a length of one': [0x30, 0x82, 0, 200, ...new Array(200).fill(0)],
    'a tag of several bytes': [0x1f, 0x81, 0x01, 0],
    'bytes after the end': [0x30, 0, 0],
    'another tag': [0x31, 0],
  }
  for (const [what, bytes] of Object.entries(wrong)) {
    assert.throws(() => decodeDer(Uint8Array.from(bytes), DER.sequence), DerError, what)
  }
  assert.throws(() => encodeDer(DER.octetString, Buffer.alloc(70_000)), DerError)
})

test('a thousand elements in one are refused before they cost anything [R-05]', () => {
  const many = encodeDer(DER.sequence, Buffer.alloc(2_000))
  assert.throws(() => childrenOf(decodeDer(many, DER.sequence)), DerError)
})

test('bytes of chance are read or refused, and nothing else happens [R-05]', () => {
  const random = new SeededRandom(5)
  for (let round = 0; round < 3_000; round++) {
    const bytes = Uint8Array.from(random.bytes(random.integer(60)))
    bytes[0] = DER.sequence
    try {
      for (const child of childrenOf(decodeDer(bytes, DER.sequence))) {
        assert.ok(child.whole.byteLength <= bytes.byteLength)
      }
    } catch (error) {
      assert.ok(error instanceof DerError)
    }
  }
})
