import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { sendBytes } from './send-bytes.ts'

const MIB = 2 ** 20

/** A reader that takes what is written when `take` says so, and keeps what it saw then. */
function createReader(take: (done: (error?: Error) => void, sizeBytes: number) => void) {
  const seen: Buffer[] = []
  const response = new Writable({
    write(bytes: Uint8Array, _encoding, done) {
      take((error) => {
        seen.push(Buffer.from(bytes))
        done(error)
      }, bytes.byteLength)
    },
  }) as ServerResponse
  response.on('error', () => {})
  return { response, seen }
}

async function send(
  response: ServerResponse,
  pieces: AsyncGenerator<Uint8Array>,
  { clock = new VirtualClock(), signal = new AbortController().signal, lengthBytes = 3 * MIB } = {},
): Promise<void> {
  await sendBytes(response, pieces, await pieces.next(), { clock, signal, lengthBytes })
}

test('the memory of a piece is used again only after the reader has it', async () => {
  async function* pieces() {
    const memory = new Uint8Array(new SharedArrayBuffer(MIB))
    for (const value of [1, 2, 3]) yield memory.fill(value)
    memory.fill(0xdd)
  }
  const { response, seen } = createReader((done) => setImmediate(done))
  await send(response, pieces())
  assert.equal(response.writableFinished, true)
  const whole = Buffer.concat(seen)
  assert.equal(whole.byteLength, 3 * MIB)
  for (const place of [0, 1, 2]) {
    assert.ok(whole.subarray(place * MIB, (place + 1) * MIB).every((value) => value === place + 1))
  }
})

test('a slow reader is served for hours as long as it takes something, a silent one for a minute [R-15]', async () => {
  async function* pieces() {
    yield new Uint8Array(2 * MIB)
  }
  const clock = new VirtualClock()
  // Six bytes in each millisecond: a slice takes 44 seconds, and a chunk of 2 MiB six minutes.
  const slow = createReader((done, sizeBytes) => void clock.advance(sizeBytes / 6).then(() => done()))
  await send(slow.response, pieces(), { clock, lengthBytes: 2 * MIB })
  assert.equal(Buffer.concat(slow.seen).byteLength, 2 * MIB)

  const silent = createReader(() => {})
  const gone = assert.rejects(send(silent.response, pieces(), { clock, lengthBytes: 2 * MIB }), {
    code: 'DEADLINE_EXCEEDED',
  })
  await new Promise(setImmediate)
  await clock.advance(60_000)
  await gone
  assert.equal(silent.response.destroyed, true)
})

test('a reader that goes away, a stop and a source of another length each break the transfer off', async () => {
  let closed = 0
  async function* pieces(...lengths: number[]) {
    try {
      for (const length of lengths) yield new Uint8Array(length)
    } finally {
      closed++
    }
  }
  const broken = createReader((done) => done(new Error('connection reset')))
  await assert.rejects(send(broken.response, pieces(MIB, MIB, MIB)), { code: 'ABORTED' })

  const stop = new AbortController()
  const stopped = createReader(() => stop.abort())
  await assert.rejects(send(stopped.response, pieces(3 * MIB), { signal: stop.signal }), { code: 'ABORTED' })
  const before = createReader((done) => done())
  await assert.rejects(send(before.response, pieces(3 * MIB), { signal: stop.signal }), { code: 'ABORTED' })
  assert.equal(before.seen.length, 0)

  for (const lengths of [
    [MIB, MIB],
    [MIB, MIB, MIB + 1],
    [2 * MIB, 2 * MIB],
  ]) {
    const reader = createReader((done) => done())
    await assert.rejects(send(reader.response, pieces(...lengths)), { name: 'LengthMismatch' })
    assert.equal(reader.response.destroyed, true)
    assert.equal(reader.response.writableFinished, false)
  }
  assert.equal(closed, 6)
})

test('an answer without a byte ends at once', async () => {
  async function* pieces(): AsyncGenerator<Uint8Array> {}
  const { response, seen } = createReader((done) => done())
  await send(response, pieces(), { lengthBytes: 0 })
  assert.equal(response.writableEnded, true)
  assert.equal(seen.length, 0)
})
