import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { PeerId } from '../core/signing-key.ts'
import { PartialChunk } from './partial-chunk.ts'

const OAK = 'oak' as PeerId
const ELM = 'elm' as PeerId

test('comparing the parts with the right bytes shows who lied, and only them [R-04]', () => {
  const right = Buffer.from('right bytes, whole')
  const partial = new PartialChunk()
  assert.equal(partial.setSize(right.length), true)
  assert.equal(partial.append(OAK, right.subarray(0, 4)), true)
  assert.equal(partial.append(OAK, right.subarray(4, 6)), true)
  assert.equal(partial.append(ELM, Buffer.from('WRONG')), true)
  assert.equal(partial.append(OAK, right.subarray(11)), true)
  assert.equal(partial.isWhole, true)
  assert.deepEqual(partial.senders, new Set([OAK, ELM]))
  assert.deepEqual(partial.liars(right), [ELM])
  assert.deepEqual(partial.liars(right.subarray(0, 12)), [ELM, OAK], 'who sent more than there is')
})

test('takes no more than was said, and no length that cannot be [R-04] [R-06]', () => {
  const partial = new PartialChunk()
  assert.equal(partial.setSize(CHUNK_BYTES_MAX + 1), false)
  assert.equal(partial.setSize(4), true)
  assert.equal(partial.append(OAK, Buffer.from('12345')), false)
  assert.equal(partial.filled, 0)
  assert.equal(partial.append(OAK, Buffer.from('123')), true)
  assert.equal(partial.setSize(2), false, 'shorter than what came')
  assert.equal(partial.setSize(8), true)
  assert.equal(partial.isWhole, false)
  assert.equal(Buffer.from(partial.bytes.subarray(0, 3)).toString(), '123')
})

test('a copy goes its own way', () => {
  const partial = new PartialChunk()
  partial.setSize(4)
  partial.append(OAK, Buffer.from('12'))
  const copy = partial.copy()
  copy.append(ELM, Buffer.from('34'))
  assert.equal(partial.filled, 2)
  assert.deepEqual(partial.senders, new Set([OAK]))
  assert.equal(copy.isWhole, true)
})

test('bytes may be put in their place before they are appended, and are copied when they lie elsewhere', () => {
  const partial = new PartialChunk()
  assert.equal(partial.place(1), undefined, 'before its length is known')
  assert.equal(partial.setSize(10), true)
  partial.append(OAK, Buffer.from('ab'))
  const [first, second] = [partial.place(3), partial.place(4)]
  assert.ok(first !== undefined && second !== undefined)
  assert.equal(partial.place(2), undefined, 'more than there is room for')
  first.set(Buffer.from('cde'))
  second.set(Buffer.from('fghi'))
  assert.equal(partial.filled, 2, 'nothing counts before it is appended')
  assert.equal(partial.append(OAK, first), true)
  assert.equal(partial.append(ELM, second), true)
  assert.equal(partial.append(ELM, Buffer.from('j')), true)
  assert.equal(Buffer.from(partial.bytes).toString(), 'abcdefghij')
  assert.deepEqual(partial.liars(Buffer.from('abcdefghiX')), [ELM])
})
