import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { LimitExceededError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import {
  encodeFrame,
  FrameFormatError,
  type FrameMark,
  FrameStream,
  StreamEndedError,
} from './frame-stream.ts'

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

async function openStreams(): Promise<[Stream, FrameStream]> {
  const [out, incoming] = await streamPair()
  return [out, new FrameStream(incoming)]
}
