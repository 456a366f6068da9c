import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitsProtobufShape, type ProtobufShape } from './protobuf-shape.ts'

const SHAPE: ProtobufShape = { fieldsMax: 3, messages: { 2: { fieldsMax: 1 } } }

test('messages with few fields and true lengths fit, the others do not [R-06]', () => {
  const cases: [string, boolean, string][] = [
    ['', true, 'nothing'],
    ['0800', true, 'a varint'],
    ['0a03010203', true, 'bytes'],
    ['090102030405060708', true, 'eight fixed bytes'],
    ['0d01020304', true, 'four fixed bytes'],
    ['0a000a000a00', true, 'three empty fields'],
    ['0a000a000a000a00', false, 'four empty fields'],
    ['12020800', true, 'a message inside'],
    ['120408000800', false, 'a message inside with two fields'],
    ['0a040102', false, 'a length beyond the end'],
    ['0affffffffffffffffff01', false, 'a length of 2^64 - 1'],
    ['0affffffffffffffffffffff01', false, 'a varint of more than ten bytes'],
    ['08ff', false, 'a varint that is cut'],
    ['0a', false, 'a length that is missing'],
    ['ff', false, 'a tag that is cut'],
    ['0901', false, 'fixed bytes that are cut'],
    ['0b', false, 'a group'],
    ['0f', false, 'a wire type that does not exist'],
  ]
  for (const [hex, fits, what] of cases) {
    assert.equal(fitsProtobufShape(Buffer.from(hex, 'hex'), SHAPE), fits, what)
  }
})
