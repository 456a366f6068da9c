/** The answering end over streams in memory: what it does with askers that break the rules or drag their feet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection, Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { decodeErrorFrame } from './error-frame.ts'
import { RateLimitedError } from './errors.ts'
import { encodeFrame, FrameStream } from './frame-stream.ts'
import type { RequestHandler } from './network.ts'
import { RequestServer } from './request-server.ts'

const ASKER = signingKeyFromSeed(new Uint8Array(32).fill(1)).peerId
const signal = new AbortController().signal

async function served(
  handler: RequestHandler | undefined,
  options: { direct?: boolean; before?: (stream: Stream) => Promise<unknown> } = {},
) {
  const clock = new VirtualClock()
  const warnings: string[] = []
  const metrics = createMetrics({ processMetrics: false })
  const server = new RequestServer({
    self: ASKER,
    clock,
    metrics,
    log: { ...silentLogger, warn: (event) => void warnings.push(event) },
    handlerOf: () => handler,
  })
  const [stream, incoming] = await streamPair()
  const connection = { remotePeer: ASKER, direct: options.direct ?? true } as unknown as Connection
  await options.before?.(stream)
  const ended = server.serve('/test', incoming, connection)
  return {
    clock,
    metrics,
    server,
    stream,
    incoming,
    connection,
    frames: new FrameStream(stream),
    ended,
    warnings,
  }
}

const echo: RequestHandler = (request) => request

async function untilClosed(stream: Stream): Promise<void> {
  if (stream.status !== 'open') return
  await new Promise((resolve) => stream.addEventListener('close', resolve))
}

test('an asker that begins a frame and sends a byte a second is dropped within 15 s [R-05]', async () => {
  const { clock, metrics, stream, ended } = await served(echo)
  const frame = encodeFrame('last', new Uint8Array(1_000))
  for (let second = 0; second < 15 && stream.status === 'open'; second++) {
    stream.send(frame.subarray(second, second + 1))
    await clock.advance(1_000)
  }
  await untilClosed(stream)
  await ended
  assert.match(await metrics.print(), /kizuna_network_slow_peers_total 1/)
})

test('an asker that sends frames of a byte each and never ends is dropped within 15 s [R-05]', async () => {
  const { clock, stream, frames } = await served(echo)
  for (let second = 0; second < 15 && stream.status === 'open'; second++) {
    stream.send(encodeFrame('more', new Uint8Array(1)))
    await clock.advance(1_000)
  }
  await untilClosed(stream)
  assert.equal(frames.ended.aborted, true)
})

test('an idle stream may rest for a minute and is answered then; after a minute and a half it is closed', async () => {
  const { clock, stream, frames } = await served(echo)
  await clock.advance(60_000)
  stream.send(encodeFrame('last', Buffer.from('still here')))
  const answer = await frames.read(signal)
  assert.equal(Buffer.from(answer?.bytes ?? []).toString(), 'still here')
  assert.equal((await frames.read(signal))?.mark, 'end')
  await clock.advance(95_000)
  assert.equal(await frames.read(signal), undefined)
})

test('a protocol that is not handled any more is refused, and the stream can be used again', async () => {
  const { stream, frames } = await served(undefined)
  stream.send(encodeFrame('last', Buffer.from('anybody?')))
  assert.equal((await frames.read(signal))?.mark, 'error')
  assert.equal(frames.isReusable, true)
})

test('an error as a request, or an end in the middle of one, closes the stream [R-06]', async () => {
  const first = await served(echo)
  first.stream.send(encodeFrame('error', Buffer.from('{}')))
  await untilClosed(first.stream)
  const second = await served(async function* (request) {
    for await (const _ of request) yield new Uint8Array(1)
  })
  second.stream.send(encodeFrame('more', new Uint8Array(1)))
  await second.stream.close()
  await second.ended
  assert.match(await first.metrics.print(), /kizuna_network_bad_frames_total 1/)
  assert.notEqual(second.stream.status, 'open')
})

test('a handler that reads nothing of a long request: the asker gets its answer and five seconds to hang up', async () => {
  const { clock, stream, frames, ended } = await served(async function* () {
    yield Buffer.from('enough')
  })
  for (let count = 0; count < 10; count++) stream.send(encodeFrame('more', new Uint8Array(100)))
  assert.equal(Buffer.from((await frames.read(signal))?.bytes ?? []).toString(), 'enough')
  assert.equal((await frames.read(signal))?.mark, 'end')
  await clock.advance(6_000)
  await clock.advance(6_000)
  await ended
  assert.notEqual(stream.status, 'open')
})

test('a handler that fails unexpectedly is warned of here, and the asker learns only that it failed', async () => {
  const { stream, frames, warnings } = await served(() => {
    throw new Error('secret path /home/me')
  })
  stream.send(encodeFrame('last', Buffer.from('please')))
  const frame = await frames.read(signal)
  const text = Buffer.from(frame?.bytes ?? []).toString()
  assert.deepEqual([frame?.mark, JSON.parse(text).code], ['error', 'INTERNAL'])
  assert.ok(!text.includes('secret'))
  assert.deepEqual(warnings, ['request handler failed'])
  assert.equal(frames.isReusable, true)
})

test('a refusal that belongs to the protocol reaches the asker and is no warning here', async () => {
  const { stream, frames, warnings } = await served(async function* () {
    yield Buffer.from('some')
    throw new RateLimitedError({ what: 'bytes', retryAfterMs: 7 })
  })
  stream.send(encodeFrame('last', Buffer.from('please')))
  assert.equal((await frames.read(signal))?.mark, 'more')
  const frame = await frames.read(signal)
  assert.equal(decodeErrorFrame(frame?.bytes ?? assert.fail())?.code, 'RATE_LIMITED')
  assert.deepEqual(warnings, [])
})

test('a handler is told who asks and by which path, and may read the request twice', async () => {
  for (const direct of [true, false]) {
    const { stream, frames } = await served(
      async function* (request, { from, path }) {
        let count = 0
        for await (const frame of request) count += frame.byteLength
        for await (const frame of request) count += 1_000 * frame.byteLength
        yield Buffer.from(`${from} ${path} ${count}`)
      },
      { direct },
    )
    stream.send(encodeFrame('more', new Uint8Array(2)))
    stream.send(encodeFrame('last', new Uint8Array(3)))
    const answer = Buffer.from((await frames.read(signal))?.bytes ?? []).toString()
    assert.equal(answer, `${ASKER} ${direct ? 'direct' : 'relayed'} 5`)
  }
})

test('a handler whose asker had hung up before its request was read learns it from its signal', async () => {
  let aborted: boolean | undefined
  const { ended, metrics } = await served(
    (request, context) => {
      aborted = context.signal.aborted
      return request
    },
    {
      before: async (stream) => {
        stream.send(encodeFrame('last', Buffer.from('and bye')))
        await stream.close()
        await new Promise((resolve) => setImmediate(resolve))
      },
    },
  )
  await ended
  assert.equal(aborted, true)
  assert.doesNotMatch(await metrics.print(), /outcome="answered"/)
})

test('an asker that has its answer and leaves in the middle of its request is let go at once', async () => {
  const { clock, stream, frames, ended } = await served(async function* () {
    yield Buffer.from('enough')
  })
  stream.send(encodeFrame('more', new Uint8Array(100)))
  assert.equal((await frames.read(signal))?.mark, 'more')
  assert.equal((await frames.read(signal))?.mark, 'end')
  await frames.close(signal)
  await ended
  await untilClosed(stream)
  assert.equal(clock.monotonic(), 0)
})

test('an asker that has its answer and never ends its request is hung up on after ten seconds', async () => {
  const { clock, stream, frames, ended } = await served(async function* () {
    yield Buffer.from('enough')
  })
  stream.send(encodeFrame('more', new Uint8Array(100)))
  assert.equal((await frames.read(signal))?.mark, 'more')
  assert.equal((await frames.read(signal))?.mark, 'end')
  await clock.advance(5_500)
  assert.equal(stream.status, 'open', 'it may still hang up by itself')
  await clock.advance(5_500)
  await ended
  await untilClosed(stream)
})

test('an asker that ends its stream between two requests gets a polite end back', async () => {
  const { stream, frames, ended } = await served(echo)
  stream.send(encodeFrame('last', Buffer.from('first')))
  assert.equal((await frames.read(signal))?.mark, 'more')
  assert.equal((await frames.read(signal))?.mark, 'end')
  await frames.close(signal)
  await ended
  await untilClosed(stream)
  assert.equal(stream.status, 'closed')
})

test('rubbish behind what the handler wanted to read closes the stream, too [S-69]', async () => {
  const { stream, frames, ended, metrics } = await served(async function* () {
    yield Buffer.from('enough')
  })
  stream.send(encodeFrame('more', new Uint8Array(100)))
  assert.equal((await frames.read(signal))?.mark, 'more')
  stream.send(Buffer.from('00000000ff', 'hex'))
  await ended
  assert.match(await metrics.print(), /kizuna_network_bad_frames_total 1/)
})

test('a thousand and more open requests are told to come back, and then answered [R-05]', async () => {
  const go = Promise.withResolvers<void>()
  const { server, connection, stream, frames } = await served(async function* () {
    await go.promise
    yield Uint8Array.of(1)
  })
  const askers = [{ stream, frames }]
  while (askers.length < 1_025) {
    const [out, incoming] = await streamPair()
    void server.serve('/test', incoming, connection)
    askers.push({ stream: out, frames: new FrameStream(out) })
  }
  for (const asker of askers) asker.stream.send(encodeFrame('last', Uint8Array.of(1)))
  const refused = await Promise.any(
    askers.map(async (asker) => ({ asker, frame: await asker.frames.read(signal) })),
  )
  const error = decodeErrorFrame(refused.frame?.bytes ?? assert.fail())
  assert.deepEqual([error?.code, error?.details.retryAfterMs], ['RATE_LIMITED', 1_000])
  go.resolve()
  for (const asker of askers) {
    if (asker !== refused.asker) await until(() => asker.frames.receivedBytes > 0)
  }
  refused.asker.stream.send(encodeFrame('last', Uint8Array.of(1)))
  assert.deepEqual(await refused.asker.frames.read(signal), { mark: 'more', bytes: Uint8Array.of(1) })
  server.stop()
})

test('stopping hangs up on everyone', async () => {
  const { server, stream } = await served(echo)
  server.stop()
  await untilClosed(stream)
})

test('what a stream holds in our memory and what moved on it are known [R-05]', async () => {
  const [out, incoming] = await streamPair()
  const frames = new FrameStream(incoming)
  out.send(encodeFrame('more', new Uint8Array(1_000)))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(frames.receivedBytes, 1_005)
  assert.ok(frames.heldBytes >= 1_005)
  await frames.read(signal)
  assert.equal(frames.heldBytes, 0)
  await frames.write('last', new Uint8Array(10), signal)
  assert.equal(frames.movedBytes, 1_005 + 15)
  const reading = frames.read(signal)
  assert.equal(frames.isAwaited, true, 'the message is not whole')
  frames.reset(new Error('done'))
  await assert.rejects(reading)
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
