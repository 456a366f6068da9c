/** The asking end over streams in memory: which stream a request takes, who waits for a turn, and what fails. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection, Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { encodeErrorFrame } from './error-frame.ts'
import { RateLimitedError } from './errors.ts'
import { encodeFrame } from './frame-stream.ts'
import type { RequestHandler } from './network.ts'
import { RequestClient, STREAMS_PER_PROTOCOL_MAX } from './request-client.ts'
import { RequestServer } from './request-server.ts'

const PEER = signingKeyFromSeed(new Uint8Array(32).fill(1)).peerId
const PROTOCOL = '/test'
const ONE = [Uint8Array.of(1)]
/** As the library calls what a peer without the protocol causes. */
const UNSUPPORTED = Object.assign(new Error('no'), { name: 'UnsupportedProtocolError' })
const echo: RequestHandler = (request) => request

interface FarEnd {
  connection: Connection & { status: string }
  /** Our ends of all streams that were opened on it. */
  streams: Stream[]
  /** What opening a stream throws. */
  refuses?: unknown
  /** What stands at the other end of new streams instead of our own server. */
  behave?: (stream: Stream) => void
}

function worldWith(handler: RequestHandler = echo) {
  const clock = new VirtualClock()
  const metrics = createMetrics({ processMetrics: false })
  const server = new RequestServer({
    self: PEER,
    clock,
    log: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    handlerOf: () => handler,
  })
  const connect = (): FarEnd => {
    const far: FarEnd = { connection: undefined as never, streams: [] }
    const newStream = async () => {
      if (far.refuses !== undefined) throw far.refuses
      const [stream, incoming] = await streamPair()
      far.streams.push(stream)
      if (far.behave === undefined) void server.serve(PROTOCOL, incoming, far.connection)
      else far.behave(incoming)
      return stream
    }
    far.connection = { remotePeer: PEER, direct: true, status: 'open', newStream } as unknown as Connection
    return far
  }
  /** The connection that is taken for the next request; the first of several, as long as there are. */
  const ways = [connect()]
  const connectionTo = async () => ((ways.length > 1 ? ways.shift() : ways[0]) ?? assert.fail()).connection
  const client = new RequestClient({ clock, metrics, connectionTo })
  const ask = (options: { signal?: AbortSignal; timeoutMs?: number } = {}, frames: Frames = ONE) =>
    Array.fromAsync(client.request(PEER, PROTOCOL, frames, options))
  return { clock, metrics, server, client, connect, ways, way: ways[0] ?? assert.fail(), ask }
}

type Frames = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

test('an idle stream is used again, and closed when nobody used it for half a minute', async () => {
  const { clock, client, way, ask } = worldWith()
  await ask()
  await clock.advance(20_000)
  client.closeIdle()
  await ask()
  assert.deepEqual(statesOf(way), ['open'])
  await clock.advance(30_000)
  client.closeIdle()
  await until(() => way.streams[0]?.status === 'closed')
  await ask()
  assert.equal(way.streams.length, 2)
})

test('an answer that is wanted in bulk comes whole, from memory that is used again', async () => {
  const { client } = worldWith(async function* () {
    for (let index = 0; index < 20; index++) yield new Uint8Array(10_000).fill(index)
  })
  const read: Buffer[] = []
  for await (const piece of client.request(PEER, PROTOCOL, ONE, { bulk: true })) read.push(Buffer.from(piece))
  const whole = Buffer.concat(read)
  assert.equal(whole.byteLength, 200_000)
  assert.ok(whole.every((byte, at) => byte === Math.floor(at / 10_000)))
})

test('an idle stream that the peer closed meanwhile is not used again', async () => {
  const { client, server, way, ask } = worldWith()
  await ask()
  server.stop()
  await until(() => way.streams[0]?.status !== 'open')
  client.closeIdle()
  assert.deepEqual(await ask(), ONE)
  assert.equal(way.streams.length, 2)
})

test('streams of a connection that was replaced by a better one are let go of', async () => {
  const { connect, ways, way, ask } = worldWith()
  await ask()
  const better = connect()
  ways.splice(0, 1, better)
  await ask()
  assert.equal(better.streams.length, 1)
  await until(() => way.streams[0]?.status === 'closed')
})

test('of many requests at once sixteen streams are kept', async () => {
  const { way, ask } = worldWith()
  await Promise.all(Array.from({ length: 20 }, () => ask()))
  await until(() => statesOf(way).filter((status) => status === 'closed').length === 4)
  assert.equal(statesOf(way).filter((status) => status === 'open').length, 16)
})

test('a connection that died unnoticed is replaced once; then the request fails', async () => {
  const { connect, ways, way, ask } = worldWith()
  const dead = { status: 'closed' as const }
  way.refuses = new Error('broken pipe')
  Object.assign(way.connection, dead)
  ways.push(connect())
  assert.deepEqual(await ask(), ONE)
  ways.unshift(way, way)
  await assert.rejects(ask(), { code: 'CONNECTION_LOST' })
})

test('a stream that an open connection refuses fails at once, and a protocol that nobody speaks is refused', async () => {
  const { way, ask } = worldWith()
  way.refuses = new Error('too many streams')
  await assert.rejects(ask(), { code: 'CONNECTION_LOST' })
  way.refuses = UNSUPPORTED
  await assert.rejects(ask(), { code: 'REQUEST_REFUSED' })
})

test('a caller that leaves while a stream is opened gets its own reason', async () => {
  const { way, ask } = worldWith()
  const control = new AbortController()
  Object.assign(way.connection, {
    newStream: async () => {
      control.abort()
      throw new Error('aborted')
    },
  })
  await assert.rejects(ask({ signal: control.signal }), { code: 'ABORTED' })
})

test('a source of frames that fails ends the request with its failure, which is counted as ours', async () => {
  const { metrics, ask } = worldWith()
  const broken = async function* () {
    yield Uint8Array.of(1)
    throw new Error('the source is dry')
  }
  await assert.rejects(ask({}, broken()), /the source is dry/)
  assert.match(await metrics.print(), /kizuna_requests_total\{direction="out",outcome="internal"\} 1/)
})

test('a peer that breaks off while the request is still being sent is a lost connection', async () => {
  const { way, ask } = worldWith()
  const sending = async function* () {
    yield Uint8Array.of(1)
    const [stream] = way.streams
    stream?.abort(new Error('gone'))
    yield Uint8Array.of(2)
  }
  await assert.rejects(ask({}, sending()), { code: 'CONNECTION_LOST' })
})

test('an answer that is none, breaks the form or stops too early is refused with a typed error [S-69]', async () => {
  const { way, ask } = worldWith()
  const refused = encodeErrorFrame(new RateLimitedError({ what: 'requests', retryAfterMs: 1 }))
  const answers: [Uint8Array, string][] = [
    [encodeFrame('error', refused), 'RATE_LIMITED'],
    [encodeFrame('error', Buffer.from('{}')), 'PEER_MISBEHAVED'],
    [Buffer.from('0001000100', 'hex'), 'PEER_MISBEHAVED'],
    [encodeFrame('more', Uint8Array.of(1)), 'CONNECTION_LOST'],
    [Uint8Array.of(0, 0), 'CONNECTION_LOST'],
  ]
  for (const [bytes, code] of answers) {
    way.behave = (stream) => {
      stream.send(bytes)
      void stream.close()
    }
    await assert.rejects(ask(), { code }, code)
  }
})

test('a source of frames that says nothing of its length is ended by a mark of its own', async () => {
  const { ask } = worldWith()
  const two = async function* () {
    yield Uint8Array.of(1)
    yield Uint8Array.of(2)
  }
  assert.deepEqual(await ask({}, two()), [Uint8Array.of(1), Uint8Array.of(2)])
})

test('sixty-four requests run, a thousand wait, more are refused [R-05]', async () => {
  const go = Promise.withResolvers<void>()
  let running = 0
  let most = 0
  const { ask } = worldWith(async function* () {
    most = Math.max(most, ++running)
    await go.promise
    yield Uint8Array.of(1)
    running--
  })
  const outcomes = Array.from({ length: STREAMS_PER_PROTOCOL_MAX + 1_024 + 3 }, () =>
    ask().then(
      () => 'answered',
      (error) => error.code as string,
    ),
  )
  assert.equal(await Promise.race(outcomes), 'QUEUE_FULL')
  await until(() => running === STREAMS_PER_PROTOCOL_MAX)
  go.resolve()
  const all = await Promise.all(outcomes)
  assert.equal(all.filter((outcome) => outcome === 'QUEUE_FULL').length, 3)
  assert.equal(all.filter((outcome) => outcome === 'answered').length, STREAMS_PER_PROTOCOL_MAX + 1_024)
  assert.equal(most, STREAMS_PER_PROTOCOL_MAX)
})

test('stopping ends what runs, and lets go of what is idle', async () => {
  const { client, way, ask } = worldWith(async function* (request) {
    for await (const [first = 0] of request) {
      if (first === 1) await new Promise(() => {})
    }
  })
  await ask({}, [Uint8Array.of(2)])
  const running = ask()
  const ended = assert.rejects(running, { code: 'ABORTED' })
  await until(() => way.streams.length === 1)
  await ask({}, [Uint8Array.of(2)])
  client.stop()
  await ended
  await until(() => statesOf(way).every((status) => status !== 'open'))
})

test('who waits for a turn and leaves makes room; whose turn comes as it leaves hands it on', async () => {
  const go = Promise.withResolvers<void>()
  let running = 0
  const { client, way, ask } = worldWith(async function* () {
    running++
    yield Uint8Array.of(1)
    await go.promise
  })
  const busy = Array.from({ length: STREAMS_PER_PROTOCOL_MAX - 1 }, () => ask())
  await until(() => running === busy.length)
  // The last place is taken by a request that is stopped in its middle.
  const stopped = client.request(PEER, PROTOCOL, ONE)[Symbol.asyncIterator]()
  await stopped.next()
  const [last] = way.streams.slice(-1)

  const impatient = new AbortController()
  const left = assert.rejects(ask({ signal: impatient.signal }), { code: 'ABORTED' })
  const unlucky = new AbortController()
  const missed = assert.rejects(ask({ signal: unlucky.signal }), { code: 'ABORTED' })
  const patient = ask()
  await settle()
  impatient.abort()
  await left
  // The place is handed to the next in the row just before this stream is reset.
  last?.addEventListener('close', () => unlucky.abort())
  await stopped.return?.(undefined)
  await missed
  await until(() => running === STREAMS_PER_PROTOCOL_MAX + 1)
  go.resolve()
  assert.deepEqual(await patient, ONE)
  await Promise.all(busy)
})

function statesOf({ streams }: FarEnd): string[] {
  return streams.map(({ status }) => status)
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle()
}
