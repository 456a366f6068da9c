import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SeededRandom } from '../../core/random.ts'
import {
  BULK_HEADER_BYTES,
  BulkFormatError,
  BulkFrameReader,
  type BulkHeader,
  decodeBulkHeader,
  encodeBulkHeader,
} from './bulk-frame.ts'

const PAGE = readFileSync(new URL('../../../docs/protocol/bulk-transport.md', import.meta.url), 'utf8')
const FRAMES: [string, number, BulkHeader['mark'], Buffer][] = [
  ['request 1, open', 1, 'open', Buffer.from('/x')],
  ['request 1, last', 1, 'last', Buffer.from('hello')],
  ['request 258, end', 258, 'end', Buffer.alloc(0)],
  ['request 7, cancel', 7, 'cancel', Buffer.alloc(0)],
  ['request 0, ready', 0, 'ready', Buffer.alloc(0)],
  ['request 7, credit', 7, 'credit', Buffer.from('00040000', 'hex')],
]

test('frames are what the test vectors of the protocol say', () => {
  for (const [name, id, mark, content] of FRAMES) {
    const line = PAGE.split('\n').find((each) => each.startsWith(`| ${name}`)) ?? ''
    const vector = [...line.matchAll(/`([0-9a-f]+)`/g)].map((match) => match[1]).join('')
    const bytes = Buffer.concat([encodeBulkHeader({ id, mark, sizeBytes: content.byteLength }), content])
    assert.equal(bytes.toString('hex'), vector, name)
  }
})

test('headers that the protocol names as refused are refused [R-05]', () => {
  const refused = /Refused at the header:([\s\S]*?)\n\n/.exec(PAGE)?.[1] ?? ''
  const vectors = [...refused.matchAll(/`([0-9a-f]{18})`/g)].map((match) => match[1] ?? '')
  assert.equal(vectors.length, 8)
  for (const vector of vectors) {
    assert.throws(() => decodeBulkHeader(Buffer.from(vector, 'hex')), BulkFormatError, vector)
  }
})

test('frames come out whole, however the bytes are cut', () => {
  const random = new SeededRandom(11)
  const whole = Buffer.concat(
    FRAMES.map(([, id, mark, content]) =>
      Buffer.concat([encodeBulkHeader({ id, mark, sizeBytes: content.byteLength }), content]),
    ),
  )
  for (let round = 0; round < 200; round++) {
    const seen: string[] = []
    const reader = new BulkFrameReader({
      begin: ({ sizeBytes }) => Buffer.alloc(sizeBytes),
      whole: ({ id, mark }, bytes) => seen.push(`${id} ${mark} ${Buffer.from(bytes).toString('hex')}`),
    })
    for (let at = 0; at < whole.byteLength; ) {
      const end = at + 1 + random.integer(12)
      reader.push(whole.subarray(at, end))
      at = end
    }
    assert.deepEqual(
      seen,
      FRAMES.map(([, id, mark, content]) => `${id} ${mark} ${content.toString('hex')}`),
    )
    assert.equal(reader.isMidFrame, false)
  }
})

test('no memory is taken for a content before its length was checked [R-05]', () => {
  let taken = 0
  const reader = new BulkFrameReader({
    begin: ({ sizeBytes }) => {
      taken += sizeBytes
      return Buffer.alloc(sizeBytes)
    },
    whole: () => {},
  })
  assert.throws(() => reader.push(Buffer.from('ffffffff0000000100', 'hex')), BulkFormatError)
  assert.equal(taken, 0)
  assert.equal(BULK_HEADER_BYTES, 9)
})
