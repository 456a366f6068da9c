import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Stream, StreamMessageEvent } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { LimitExceededError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { FramePool } from './bulk/frame-pool.ts'
import { FrameFormatError, type FrameMark } from './frame-reader.ts'
import { encodeFrame, FrameStream, StreamEndedError } from './frame-stream.ts'

const signal = new AbortController().signal

test('the test vectors of docs/protocol/requests.md hold', () => {
  const vectors: [FrameMark, string, string][] = [
    ['more', '', '0000000000'],
    ['more', '68656c6c6f', '000000050068656c6c6f'],
    ['last', '68656c6c6f', '000000050168656c6c6f'],
    ['error', '7b7d', '00000002027b7d'],
    ['end', '', '0000000003'],
  ]
  for (const [mark, content, frame] of vectors) {
    assert.equal(Buffer.from(encodeFrame(mark, Buffer.from(content, 'hex'))).toString('hex'), frame)
  }
})

test('frames arrive as they were sent, however the bytes are cut on the way', async () => {
  const frames = fc.array(
    fc.record({
      mark: fc.constantFrom<FrameMark>('more', 'last', 'error'),
      bytes: fc.uint8Array({ maxLength: 300 }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  await fc.assert(
    fc.asyncProperty(frames, fc.integer({ min: 1, max: 50 }), async (sent, pieceBytes) => {
      const [out, received] = await openStreams()
      const bytes = Buffer.concat(sent.map(({ mark, bytes }) => encodeFrame(mark, bytes)))
      for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
        out.send(bytes.subarray(offset, offset + pieceBytes))
      }
      for (const { mark, bytes: content } of sent) {
        const frame = await received.read(signal)
        assert.equal(frame?.mark, mark)
        assert.equal(Buffer.compare(frame?.bytes ?? Buffer.of(0), content), 0)
      }
      out.abort(new Error('done'))
    }),
    { numRuns: 30 },
  )
})

test('a frame over the limit is not sent', () => {
  assert.throws(() => encodeFrame('more', new Uint8Array(FRAME_BYTES_MAX + 1)), LimitExceededError)
})

test('a length over the limit is refused when its header is there, before any content [S-69]', async () => {
  for (const header of ['0001000100', 'ffffffff00', '0000000004', '00000000ff', '0000000103']) {
    const [out, received] = await openStreams()
    out.send(Buffer.from(header, 'hex'))
    await assert.rejects(received.read(signal), FrameFormatError, header)
    out.abort(new Error('done'))
  }
})

test('a stream that ends between frames says so, one that ends within a frame fails', async () => {
  const [out, received] = await openStreams()
  out.send(encodeFrame('more', Buffer.from('whole')))
  await out.close()
  assert.equal((await received.read(signal))?.bytes.byteLength, 5)
  assert.equal(await received.read(signal), undefined)

  const [cut, receiver] = await openStreams()
  cut.send(encodeFrame('more', Buffer.from('whole')).subarray(0, 7))
  await cut.close()
  await assert.rejects(receiver.read(signal), StreamEndedError)
})

test('a reset fails, after the frames that came before it', async () => {
  const [out, received] = await openStreams()
  out.send(encodeFrame('more', Buffer.from('whole')))
  assert.equal((await received.read(signal))?.bytes.byteLength, 5)
  const reading = received.read(signal)
  out.abort(new Error('gone'))
  await assert.rejects(reading, StreamEndedError)
  assert.equal(received.isReusable, false)
})

test('reading ends when the caller leaves', async () => {
  const [out, received] = await openStreams()
  const control = new AbortController()
  const reading = received.read(control.signal)
  control.abort(new Error('left'))
  await assert.rejects(reading, /left/)
  out.abort(new Error('done'))
})

test('no bytes of a peer make it crash or hang', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const [out, received] = await openStreams()
      if (bytes.byteLength > 0) out.send(bytes)
      await out.close()
      try {
        while ((await received.read(signal)) !== undefined);
      } catch (error) {
        assert.ok(error instanceof FrameFormatError || error instanceof StreamEndedError)
      }
    }),
    { numRuns: 50 },
  )
})

test('a stream that nobody reads is paused with a few frames in memory, and goes on where it stopped [R-05]', async () => {
  const [out, received] = await openStreams()
  const count = 12
  for (let index = 0; index < count; index++) out.send(encodeFrame('more', frameOf(index)))
  await until(() => received.stream.readStatus === 'paused')
  for (let index = 0; index < count; index++) {
    assert.deepEqual((await received.read(signal))?.bytes, frameOf(index))
  }
  assert.equal(received.stream.readStatus, 'readable')
  assert.equal(received.isReusable, true)
  out.abort(new Error('done'))
})

test('a paused stream goes on also when all but the last bytes of a frame are there', async () => {
  const [out, received] = await openStreams()
  const bytes = Buffer.concat([0, 1, 2, 3].map((index) => encodeFrame('more', frameOf(index))))
  for (const [from, to] of [
    [0, 100_000],
    [100_000, 200_000],
    [200_000, bytes.byteLength - 2],
  ] as const) {
    out.send(bytes.subarray(from, to))
    await until(() => received.receivedBytes === to)
  }
  assert.equal(received.stream.readStatus, 'paused')
  for (let index = 0; index < 3; index++) await received.read(signal)
  assert.equal(received.stream.readStatus, 'readable')
  out.send(bytes.subarray(-2))
  assert.deepEqual((await received.read(signal))?.bytes, frameOf(3))
  out.abort(new Error('done'))
})

test('what came before a polite close is read to its end, also when the stream was paused', async () => {
  const [out, received] = await openStreams()
  for (let index = 0; index < 12; index++) out.send(encodeFrame('more', frameOf(index)))
  await until(() => received.stream.readStatus === 'paused')
  for (let index = 12; index < 24; index++) out.send(encodeFrame('more', frameOf(index)))
  await Promise.all([out.close(), received.close(signal)])
  await until(() => received.ended.aborted)
  for (let index = 0; index < 24; index++) {
    assert.deepEqual((await received.read(signal))?.bytes, frameOf(index))
  }
  assert.equal(await received.read(signal), undefined)
})

test('a stream that was over before anybody looked is at its end', async () => {
  const [out, incoming] = await streamPair()
  await out.close()
  await until(() => incoming.remoteWriteStatus === 'closed')
  const received = new FrameStream(incoming)
  assert.equal(received.ended.aborted, true)
  assert.equal(await received.read(signal), undefined)
})

test('bytes and an end that came before anybody looked are read, and then the end', async () => {
  const [out, incoming] = await streamPair()
  out.send(encodeFrame('last', Buffer.from('early')))
  await out.close()
  await until(() => incoming.remoteWriteStatus === 'closed')
  const received = new FrameStream(incoming)
  assert.equal(received.ended.aborted, false)
  assert.equal(Buffer.from((await received.read(signal))?.bytes ?? []).toString(), 'early')
  assert.equal(await received.read(signal), undefined)
})

test('with a pool what came in one turn is one piece, in whatever parts it came', async () => {
  const [, incoming] = await streamPair()
  const received = new FrameStream(incoming)
  received.begin(new FramePool())
  const first = received.read(signal)
  const head = encodeFrame('more', Buffer.from('head'))
  incoming.dispatchEvent(new StreamMessageEvent(head))
  assert.equal(Buffer.from((await first)?.bytes ?? []).toString(), 'head')
  const body = received.read(signal)
  const parts = ['one ', 'two ', 'three'].map((text) => encodeFrame('more', Buffer.from(text)))
  incoming.dispatchEvent(new StreamMessageEvent(new Uint8ArrayList(...parts)))
  incoming.dispatchEvent(new StreamMessageEvent(encodeFrame('last', Buffer.from('!'))))
  const piece = await body
  assert.deepEqual([Buffer.from(piece?.bytes ?? []).toString(), piece?.mark], ['one two three!', 'last'])
})

test('a writer waits as long as the way is full, each time', async () => {
  const [out, received] = await openStreams()
  const writer = new FrameStream(out)
  for (let round = 1; round <= 3; round++) {
    const written = Array.from({ length: 20 }, (_, index) => writer.write('more', frameOf(index), signal))
    assert.equal(out.writableNeedsDrain, true)
    for (let index = 0; index < 20; index++) {
      assert.deepEqual((await received.read(signal))?.bytes, frameOf(index))
    }
    await Promise.all(written)
    assert.equal(out.writableNeedsDrain, false)
    assert.equal(writer.movedBytes, round * 20 * (FRAME_BYTES_MAX + 5))
  }
  out.abort(new Error('done'))
})

test('a writer that waits leaves when it is told to, and when the stream breaks', async () => {
  const full = async () => {
    const [out] = await openStreams()
    const control = new AbortController()
    const writer = new FrameStream(out)
    const writes = Array.from({ length: 10 }, (_, index) =>
      writer.write('more', frameOf(index), control.signal),
    )
    assert.equal(out.writableNeedsDrain, true)
    return {
      out,
      control,
      writer,
      writing: writes.at(-1) ?? assert.fail(),
      others: Promise.allSettled(writes),
    }
  }
  const left = await full()
  left.control.abort(new Error('left'))
  await assert.rejects(left.writing, /left/)
  await left.others

  const broken = await full()
  broken.writer.reset(new Error('gone'))
  await assert.rejects(broken.writing, StreamEndedError)
  await broken.others
  await assert.rejects(broken.writer.write('last', frameOf(0), signal), StreamEndedError)
})

test('nothing is written after the end was said, nor for a caller that has left', async () => {
  const [out] = await openStreams()
  const writer = new FrameStream(out)
  await assert.rejects(writer.write('last', frameOf(0), AbortSignal.abort(new Error('left'))), /left/)
  await writer.close(signal)
  await assert.rejects(writer.write('last', frameOf(0), signal), StreamEndedError)
})

test('a close that the other end does not let through ends as a reset by its deadline', async () => {
  const [out] = await openStreams()
  const writer = new FrameStream(out)
  const writes = Array.from({ length: 10 }, (_, index) => writer.write('more', frameOf(index), signal))
  const outcomes = Promise.allSettled(writes)
  const control = new AbortController()
  const closing = writer.close(control.signal)
  control.abort(new Error('too late'))
  await closing
  assert.equal(out.status, 'aborted')
  assert.equal(writer.ended.aborted, true)
  await outcomes
})

function frameOf(index: number): Uint8Array {
  return new Uint8Array(FRAME_BYTES_MAX).fill(index)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

async function openStreams(): Promise<[Stream, FrameStream]> {
  const [out, incoming] = await streamPair()
  return [out, new FrameStream(incoming)]
}
