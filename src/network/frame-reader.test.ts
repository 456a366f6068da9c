import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { FramePool } from './bulk/frame-pool.ts'
import { FRAME_HEADER_BYTES, FrameFormatError, type FrameMark, FrameReader } from './frame-reader.ts'
import { encodeFrame } from './frame-stream.ts'

test('messages arrive as they were sent, however they are cut, wherever their memory is', () => {
  const message = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 200 })
  fc.assert(
    fc.property(message, fc.integer({ min: 1, max: 5_000 }), fc.boolean(), (contents, partBytes, isBulk) => {
      const reader = new FrameReader()
      reader.begin(isBulk ? new FramePool() : undefined)
      const all = Buffer.concat([
        ...contents.map((bytes) => encodeFrame('more', bytes)),
        encodeFrame('end', Buffer.of()),
      ])
      const landing = Buffer.alloc(partBytes)
      const read: Buffer[] = []
      const marks: FrameMark[] = []
      for (let at = 0; at < all.byteLength; at += partBytes) {
        const count = all.copy(landing, 0, at, at + partBytes)
        reader.push(landing.subarray(0, count))
        landing.fill(0xdd)
        if (at % 3 > 0) continue
        for (let frame = reader.take(); frame !== undefined; frame = reader.take()) {
          read.push(Buffer.from(frame.bytes))
          marks.push(frame.mark)
        }
      }
      for (let frame = reader.take(); frame !== undefined; frame = reader.take()) {
        read.push(Buffer.from(frame.bytes))
        marks.push(frame.mark)
      }
      assert.deepEqual(Buffer.concat(read), Buffer.concat(contents))
      assert.equal(marks.at(-1), 'end')
      if (!isBulk)
        assert.deepEqual(
          read.map((bytes) => bytes.byteLength),
          [...contents.map((bytes) => bytes.byteLength), 0],
        )
      assert.equal(reader.unreadBytes, 0)
      assert.equal(reader.heldBytes, 0)
    }),
    { numRuns: 200 },
  )
})

test('with a pool, what comes behind the first frame is read at once, and its memory is used again', () => {
  const pool = new FramePool()
  const reader = new FrameReader()
  reader.begin(pool)
  reader.push(encodeFrame('more', Buffer.from('first')))
  for (const index of [1, 2, 3]) reader.push(encodeFrame('more', Buffer.alloc(FRAME_BYTES_MAX, index)))
  const first = reader.take()
  assert.equal(Buffer.from(first?.bytes ?? []).toString(), 'first')
  const piece = reader.take()
  assert.equal(piece?.bytes.byteLength, 3 * FRAME_BYTES_MAX)
  assert.equal(reader.take(), undefined)
  reader.push(encodeFrame('end', Buffer.of()))
  assert.equal(reader.take()?.mark, 'end')
  assert.equal(pool.take().buffer, piece?.bytes.buffer)
  assert.equal(Buffer.from(first?.bytes ?? []).toString(), 'first', 'the first is the reader’s own')
})

test('memory that its reader has not let go of is not used again', () => {
  const pool = new FramePool()
  const reader = new FrameReader()
  reader.begin(pool)
  for (const mark of ['more', 'more', 'last'] as const) reader.push(encodeFrame(mark, Buffer.alloc(1_000, 7)))
  reader.take()
  const last = reader.take()
  assert.equal(last?.mark, 'last')
  reader.begin(pool)
  assert.notEqual(pool.take().buffer, last?.bytes.buffer)
})

test('a length takes no memory before a part of the frame is there [R-06]', () => {
  const reader = new FrameReader()
  const frame = encodeFrame('more', new Uint8Array(FRAME_BYTES_MAX))
  reader.push(frame.subarray(0, FRAME_HEADER_BYTES + 1))
  assert.ok(reader.heldBytes <= FRAME_BYTES_MAX / 4 + FRAME_HEADER_BYTES)
  reader.push(frame.subarray(FRAME_HEADER_BYTES + 1))
  assert.equal(reader.heldBytes, reader.unreadBytes)
})

test('many short frames take no more memory than their bytes, until they are read [R-05]', () => {
  const reader = new FrameReader()
  const bytes = Buffer.concat(Array.from({ length: 10_000 }, () => encodeFrame('more', Buffer.of(1))))
  reader.push(bytes)
  assert.equal(reader.heldBytes, bytes.byteLength)
  for (let index = 0; index < 10_000; index++) assert.equal(reader.take()?.bytes[0], 1)
  assert.equal(reader.take(), undefined)
})

test('what came before a lie is read, and nothing after it', () => {
  const reader = new FrameReader()
  reader.push(Buffer.concat([encodeFrame('more', Buffer.from('true')), Buffer.from('ffffffff00', 'hex')]))
  reader.push(encodeFrame('more', Buffer.from('late')))
  assert.equal(Buffer.from(reader.take()?.bytes ?? []).toString(), 'true')
  assert.equal(reader.hasNews, true)
  assert.throws(() => reader.take(), FrameFormatError)
})
