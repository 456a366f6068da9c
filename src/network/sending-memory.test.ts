import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEADROOM_BYTES, isAwaited, roomToSend, sent, withHeadroom } from './sending-memory.ts'

const LONG = 100 * 1024

test('memory is used again once all of it was sent, its headroom too, and not before', () => {
  const bytes = roomToSend(LONG)
  const whole = withHeadroom(bytes.subarray(0, 1_000)) ?? assert.fail()
  assert.equal(whole.byteLength, HEADROOM_BYTES + 1_000)
  sent(whole)
  sent(bytes.subarray(1_000, LONG - 1))
  assert.notEqual(roomToSend(LONG).buffer, bytes.buffer)
  sent(bytes.subarray(LONG - 1))
  assert.equal(isAwaited(bytes), false)
  assert.equal(roomToSend(LONG).buffer, bytes.buffer)
})

test('a header is put before the first bytes only, and once: what stands before others may not have left yet', () => {
  for (const sizeBytes of [100, LONG]) {
    const bytes = roomToSend(sizeBytes)
    assert.equal(withHeadroom(bytes.subarray(10)), undefined)
    assert.ok(withHeadroom(bytes.subarray(0, 10)) !== undefined)
    assert.equal(withHeadroom(bytes.subarray(0, 10)), undefined)
  }
  assert.equal(withHeadroom(new Uint8Array(HEADROOM_BYTES + 5).subarray(HEADROOM_BYTES)), undefined)
})

test('short memory is never used again, and that of others is none of ours', () => {
  const short = roomToSend(100)
  sent(short)
  assert.equal(isAwaited(short), true)
  const foreign = new Uint8Array(LONG)
  assert.equal(isAwaited(foreign), false)
  sent(foreign)
})
