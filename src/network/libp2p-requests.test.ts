import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { contentIdOf, matchesContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import type { PeerId } from '../core/signing-key.ts'
import { encodeErrorFrame } from './error-frame.ts'
import { encodeFrame } from './frame-stream.ts'
import type { Network } from './network.ts'
import { ownTime } from './own-time.suite.ts'
import { addressOf, all, LoopbackNetworks, until } from './start-networks.suite.ts'

const LIMIT = { timeout: 240_000 }
const PROTOCOL = '/kizuna/test/1.0.0'

test('answers a request for data with bytes that match the id [K-18]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = await networks.startPair()
  const bytes = Buffer.alloc(200_000, 'data')
  b.handle(PROTOCOL, async function* () {
    for (let offset = 0; offset < bytes.length; offset += FRAME_BYTES_MAX) {
      yield bytes.subarray(offset, offset + FRAME_BYTES_MAX)
    }
  })
  const answer = Buffer.concat(await all(a.request(b.peerId, PROTOCOL, [Buffer.from('id')])))
  assert.ok(matchesContentId(answer, contentIdOf(bytes)))
})

test('two protocol ids can be served by one handler [S-67]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = await networks.startPair()
  const handler = async function* (request: AsyncIterable<Uint8Array>) {
    yield* request
  }
  for (const id of ['/kizuna/dds/1.0.0', '/digisocialblock/dds/0.1.0']) {
    b.handle(id, handler)
    assert.equal((await all(a.request(b.peerId, id, [Uint8Array.of(1)])))[0]?.[0], 1)
  }
})

test('requests one after the other ride on one stream', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const server = await networks.start()
  let streams = 0
  const stock = await startStock()
  await stock.handle(PROTOCOL, async (stream) => {
    streams++
    stream.addEventListener('message', () => stream.send(encodeFrame('last', Uint8Array.of(1))))
  })
  const peer = await connectTo(server, stock)
  for (let index = 0; index < 50; index++) {
    assert.equal((await all(server.request(peer, PROTOCOL, [Uint8Array.of(index)]))).length, 1)
  }
  assert.equal(streams, 1)
  await stock.stop()
})

test(
  'a peer that is silent in any phase fails by the deadline, and its stream is reset [S-68]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const client = await networks.start()
    const resets = new Set<string>()
    const stock = await startStock()
    const phases: Record<string, (stream: Stream) => void> = {
      '/silent/1': () => {},
      '/half-a-header/1': (stream) => void stream.send(Uint8Array.of(0, 0)),
      '/half-a-frame/1': (stream) =>
        void stream.send(encodeFrame('last', new Uint8Array(100)).subarray(0, 50)),
      '/never-last/1': (stream) => void stream.send(encodeFrame('more', new Uint8Array(10))),
      '/does-not-read/1': (stream) => stream.pause(),
    }
    for (const [protocol, behave] of Object.entries(phases)) {
      await stock.handle(protocol, async (stream) => {
        if (protocol !== '/does-not-read/1') stream.addEventListener('message', () => {})
        stream.addEventListener('close', ({ error }) => error !== undefined && resets.add(protocol))
        behave(stream)
      })
    }
    const peer = await connectTo(client, stock)
    for (const protocol of Object.keys(phases)) {
      const request = Array.from({ length: 100 }, () => new Uint8Array(FRAME_BYTES_MAX))
      const passedMs = ownTime()
      await assert.rejects(
        all(client.request(peer, protocol, request, { timeoutMs: 400 })),
        withCode('DEADLINE_EXCEEDED'),
      )
      assert.ok(passedMs() < 5_000, protocol)
      if (protocol !== '/does-not-read/1') await until(() => resets.has(protocol))
    }
    await stock.stop()
  },
)

test('an open that nobody answers ends by the deadline [S-68]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const client = await networks.start()
  const passedMs = ownTime()
  // Nothing answers under 192.0.2.1 (RFC 5737).
  await assert.rejects(
    client.connect('/ip4/192.0.2.1/tcp/4001', { timeoutMs: 500 }),
    (error) => isKizunaError(error, 'DEADLINE_EXCEEDED') || isKizunaError(error, 'PEER_UNREACHABLE'),
  )
  assert.ok(passedMs() < 3_000)
})

test('a streamed answer may take longer than the deadline as long as it moves', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = await networks.startPair()
  b.handle(PROTOCOL, async function* () {
    for (let index = 0; index < 10; index++) {
      await new Promise((resolve) => setTimeout(resolve, 400))
      yield Uint8Array.of(index)
    }
  })
  assert.equal((await all(a.request(b.peerId, PROTOCOL, [], { timeoutMs: 3_000 }))).length, 10)
})

test('what a lying peer answers is refused with a typed error, whatever it is [S-69]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const client = await networks.start()
  const stock = await startStock()
  const header = (text: string) => Buffer.from(text, 'hex')
  const answers: Record<string, [Uint8Array, string]> = {
    '/oversize/1': [header('0001000100'), 'PEER_MISBEHAVED'],
    '/huge/1': [header('ffffffff00'), 'PEER_MISBEHAVED'],
    '/unknown-mark/1': [header('0000000009'), 'PEER_MISBEHAVED'],
    '/no-error/1': [encodeFrame('error', Buffer.from('{}')), 'PEER_MISBEHAVED'],
    '/unknown-kind/1': [
      encodeFrame('error', Buffer.from('{"code":"X","kind":"magic","message":"m","hint":"h"}')),
      'PEER_MISBEHAVED',
    ],
    '/error/1': [encodeFrame('error', encodeErrorFrame(new Error('x'))), 'INTERNAL'],
  }
  for (const [protocol, [bytes]] of Object.entries(answers)) {
    await stock.handle(protocol, async (stream) => {
      stream.addEventListener('message', () => {})
      stream.send(bytes)
    })
  }
  await stock.handle('/ends-early/1', async (stream) => {
    stream.addEventListener('message', () => {})
    stream.send(encodeFrame('more', Uint8Array.of(1)))
    await stream.close()
  })
  const peer = await connectTo(client, stock)
  for (const [protocol, [, code]] of Object.entries(answers)) {
    await assert.rejects(all(client.request(peer, protocol, [])), withCode(code), protocol)
  }
  await assert.rejects(all(client.request(peer, '/ends-early/1', [])), withCode('CONNECTION_LOST'))
  await stock.stop()
})

test(
  'what a lying asker sends is refused, its stream closed, and others go on being served [S-69]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const server = await networks.start()
    server.handle(PROTOCOL, async function* (request) {
      yield* request
    })
    const stock = await startStock()
    const connection = await stock.dial(multiaddr(addressOf(server)))
    for (const bytes of [
      Buffer.from('0001000100', 'hex'),
      Buffer.from('ffffffff01', 'hex'),
      Buffer.from('0000000009', 'hex'),
      encodeFrame('error', Buffer.from('{}')),
      Buffer.concat([encodeFrame('more', Uint8Array.of(1)), Buffer.from('0000000009', 'hex')]),
    ]) {
      const stream = await connection.newStream(PROTOCOL)
      const closed = new Promise((resolve) => stream.addEventListener('close', resolve))
      stream.addEventListener('message', () => {})
      stream.send(bytes)
      await closed
    }
    const client = await networks.start()
    await client.connect(addressOf(server))
    assert.equal((await all(client.request(server.peerId, PROTOCOL, [Uint8Array.of(7)])))[0]?.[0], 7)
    await stock.stop()
  },
)

test('a handler that is taken away refuses also on streams that were kept', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = await networks.startPair()
  const takeAway = b.handle(PROTOCOL, async function* (request) {
    yield* request
  })
  await all(a.request(b.peerId, PROTOCOL, [Uint8Array.of(1)]))
  takeAway()
  await assert.rejects(all(a.request(b.peerId, PROTOCOL, [Uint8Array.of(1)])), withCode('REQUEST_REFUSED'))
})

test(
  'a handler that reads only what it needs does not hold up the next request on the stream',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    b.handle(PROTOCOL, async function* (request) {
      const first = await request[Symbol.asyncIterator]().next()
      yield first.value ?? new Uint8Array(0)
    })
    // Frames from a generator: that the first was the last is said by a mark of its own.
    const one = async function* () {
      yield Uint8Array.of(5)
    }
    const passedMs = ownTime()
    for (let round = 0; round < 10; round++) {
      assert.equal((await all(a.request(b.peerId, PROTOCOL, one())))[0]?.[0], 5)
    }
    assert.ok(passedMs() < 4_000, 'no request waited for the hanging up of the one before')
  },
)

test('more requests than streams wait their turn, and too many are refused', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = await networks.startPair()
  let running = 0
  let most = 0
  const go = Promise.withResolvers<void>()
  b.handle(PROTOCOL, async function* () {
    most = Math.max(most, ++running)
    await go.promise
    running--
    yield Uint8Array.of(1)
  })
  const requests = Array.from({ length: 1_200 }, () =>
    all(a.request(b.peerId, PROTOCOL, [], { timeoutMs: 60_000 })).then(
      () => 'answered',
      (error) => (isKizunaError(error) ? error.code : String(error)),
    ),
  )
  await until(() => running === 64)
  go.resolve()
  const outcomes = await Promise.all(requests)
  assert.equal(most, 64)
  assert.equal(outcomes.filter((outcome) => outcome === 'answered').length, 64 + 1_024)
  assert.equal(outcomes.filter((outcome) => outcome === 'QUEUE_FULL').length, 1_200 - 64 - 1_024)
})

async function startStock(): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [tls() as never],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
  })
}

async function connectTo(network: Network, stock: Libp2p): Promise<PeerId> {
  return network.connect(String(stock.getMultiaddrs()[0]))
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => isKizunaError(error, code) || assert.fail(`expected ${code}, got ${error}`)
}
