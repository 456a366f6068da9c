/** Two whole networks on loopback: bulk requests go directly, everybody and everything else by libp2p. */
import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { describe, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { FRAME_BYTES_MAX } from '../../core/limits.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { RateLimitedError } from '../errors.ts'
import { StockHosts } from '../native-tls/stock-hosts.suite.ts'
import type { CallOptions, Network } from '../network.ts'
import { addressOf, LoopbackNetworks, until } from '../start-networks.suite.ts'
import { bulkAddressOf } from './bulk-transport.ts'

const PROTOCOL = '/test/bulk/1'
const BULK: CallOptions = { bulk: true }
const FRAMES = 32

describe('bulk requests', { timeout: 240_000 }, () => {
  test('go over a direct connection once it stands, and the answers are the same', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    const first = await all(a.request(b.peerId, PROTOCOL, [Buffer.from('7')], BULK))
    await untilDirect(networks, a, b)
    const second = await all(a.request(b.peerId, PROTOCOL, [Buffer.from('7')], BULK))
    assert.deepEqual(Buffer.concat(second), Buffer.concat(first))
  })

  test('many at once share one connection, and each gets its own answer', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    await untilDirect(networks, a, b)
    const asking = Array.from({ length: 64 }, async (_, index) => {
      const answer = Buffer.concat(
        await all(a.request(b.peerId, PROTOCOL, [Buffer.from(String(index))], BULK)),
      )
      assert.ok(answer.equals(Buffer.alloc(FRAMES * FRAME_BYTES_MAX, index)))
    })
    await Promise.all(asking)
    assert.equal(await directLinks(networks, a), 1)
  })

  test('a long request arrives whole, at the pace of whoever reads it', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    let held = 0
    b.handle('/test/upload/1', async function* (request) {
      let count = 0
      for await (const frame of request) {
        count += frame.byteLength
        held = count
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      yield Buffer.from(String(count))
    })
    await untilDirect(networks, a, b)
    let sent = 0
    const upload = async function* () {
      for (let index = 0; index < 100; index++) {
        sent += FRAME_BYTES_MAX
        assert.ok(sent - held <= 2 * 2 ** 20, `${sent - held} bytes on their way`)
        yield Buffer.alloc(FRAME_BYTES_MAX)
      }
    }
    const [answer] = await all(a.request(b.peerId, '/test/upload/1', upload(), BULK))
    assert.equal(String(answer), String(100 * FRAME_BYTES_MAX))
  })

  test('a reader that does not read holds up its own answer only, and its memory is bounded', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    let yielded = 0
    b.handle('/test/endless/1', async function* () {
      for (;;) {
        yielded += FRAME_BYTES_MAX
        yield Buffer.alloc(FRAME_BYTES_MAX)
      }
    })
    await untilDirect(networks, a, b)
    const slow = a.request(b.peerId, '/test/endless/1', [], BULK)[Symbol.asyncIterator]()
    await slow.next()
    for (let round = 0; round < 20; round++) {
      await all(a.request(b.peerId, PROTOCOL, [Buffer.from('1')], BULK))
    }
    assert.ok(yielded <= 3 * 2 ** 20, `${yielded} bytes were sent to a reader that took one frame`)
    await slow.return?.()
    // The connection is as good as before.
    await all(a.request(b.peerId, PROTOCOL, [Buffer.from('1')], BULK))
    assert.equal(await directLinks(networks, a), 1)
  })

  test('bytes are put where the reader says, once it knows, and elsewhere when it says nothing', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    b.handle('/test/placed/1', async function* () {
      yield Buffer.from('2000000')
      yield Buffer.alloc(1_000_000, 1)
      yield Buffer.alloc(1_000_000, 2)
    })
    await untilDirect(networks, a, b)
    for (const roomBytes of [2_000_000, 700_000, 0]) {
      let target: Uint8Array = new Uint8Array(0)
      let at = 0
      const place = (sizeBytes: number, first: Uint8Array) => {
        if (at === 0) target = new Uint8Array(new SharedArrayBuffer(Number(Buffer.from(first).toString())))
        if (at + sizeBytes > roomBytes) return undefined
        at += sizeBytes
        return target.subarray(at - sizeBytes, at)
      }
      let came = 0
      let isFirst = true
      let placedBytes = 0
      for await (const frame of a.request(b.peerId, '/test/placed/1', [], { ...BULK, place })) {
        if (isFirst) {
          isFirst = false
          continue
        }
        for (const byte of frame) assert.equal(byte, came++ < 1_000_000 ? 1 : 2)
        if (frame.buffer !== target.buffer) continue
        assert.equal(frame.byteOffset, placedBytes)
        placedBytes += frame.byteLength
      }
      assert.equal(came, 2_000_000)
      assert.equal(placedBytes, at)
      assert.equal(at > 0, roomBytes > 0)
    }
  })

  test('an answer that nobody reads any more is put nowhere', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    await untilDirect(networks, a, b)
    let placed = 0
    const place = (sizeBytes: number) => {
      placed++
      return new Uint8Array(sizeBytes)
    }
    for await (const _frame of a.request(b.peerId, PROTOCOL, [Buffer.from('1')], { ...BULK, place })) break
    const before = placed
    for (let round = 0; round < 5; round++) await all(a.request(b.peerId, PROTOCOL, [Buffer.from('1')], BULK))
    assert.equal(placed, before)
  })

  test('who stops reading stops the handler', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    const stopped = Promise.withResolvers<void>()
    serveChunks(b)
    b.handle('/test/watched/1', async function* (_request, { signal }) {
      signal.addEventListener('abort', () => stopped.resolve())
      for (;;) yield Buffer.alloc(1_024)
    })
    await untilDirect(networks, a, b)
    for await (const _frame of a.request(b.peerId, '/test/watched/1', [], BULK)) break
    await stopped.promise
  })

  test('an error of the handler arrives as that error; a protocol nobody answers is refused', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    b.handle('/test/busy/1', async function* () {
      yield Buffer.from('begun')
      throw new RateLimitedError({ what: 'tests', retryAfterMs: 7 })
    })
    await untilDirect(networks, a, b)
    await assert.rejects(all(a.request(b.peerId, '/test/busy/1', [], BULK)), { code: 'RATE_LIMITED' })
    await assert.rejects(all(a.request(b.peerId, '/test/none/1', [], BULK)), { code: 'REQUEST_REFUSED' })
    await all(a.request(b.peerId, PROTOCOL, [Buffer.from('1')], BULK))
  })

  test('a deadline ends a call whose answer does not come, and leaves the connection to others', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    b.handle('/test/silent/1', async function* (_request, { signal }) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      yield Buffer.from('late')
    })
    await untilDirect(networks, a, b)
    const silent = all(a.request(b.peerId, '/test/silent/1', [], { bulk: true, timeoutMs: 200 }))
    const others = all(a.request(b.peerId, PROTOCOL, [Buffer.from('1')], BULK))
    await assert.rejects(silent, { code: 'DEADLINE_EXCEEDED' })
    await others
    assert.equal(await directLinks(networks, a), 1)
  })

  test('when libp2p’s connection ends, the direct one does too [R-24]', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    b.handle('/test/endless/1', async function* () {
      for (;;) yield Buffer.alloc(1_024)
    })
    await untilDirect(networks, a, b)
    const reading = (async () => {
      for await (const _frame of a.request(b.peerId, '/test/endless/1', [], BULK));
    })()
    await Promise.all([b.disconnect(a.peerId), assert.rejects(reading, { code: 'CONNECTION_LOST' })])
  })

  test('a node without it is asked by libp2p, by one with it and the other way round', async () => {
    await using networks = new LoopbackNetworks()
    const a = await networks.start()
    const b = await networks.start({ bulk: false })
    await a.connect(addressOf(b))
    for (const [asks, answers] of [
      [a, b],
      [b, a],
    ] as const) {
      serveChunks(answers)
      for (let round = 0; round < 3; round++) {
        await all(asks.request(answers.peerId, PROTOCOL, [Buffer.from('3')], BULK))
      }
      assert.equal(await directLinks(networks, asks), 0)
    }
  })

  test('requests that are not bulk stay with libp2p', async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = await networks.startPair()
    serveChunks(b)
    for (let round = 0; round < 5; round++) await all(a.request(b.peerId, PROTOCOL, [Buffer.from('3')]))
    assert.equal(await directLinks(networks, a), 0)
  })
})

describe('the port that both share', { timeout: 240_000 }, () => {
  test('an unmodified libp2p host dials it as ever, also when it says nothing at first', async () => {
    await using networks = new LoopbackNetworks()
    await using hosts = new StockHosts()
    const a = await networks.start()
    const stock = await hosts.start(['stock'])
    const [address] = a.addresses()
    const { port } = bulkAddressOf(address ?? '') ?? { port: 0 }
    const silent = connectTcp(port, '127.0.0.1')
    await new Promise((resolve) => silent.once('connect', resolve))
    await stock.dial(multiaddr(address ?? ''))
    await until(() => a.isConnected(stock.peerId.toString() as PeerId))
    silent.destroy()
  })

  test('libp2p is answered however its first words are cut, also when the first byte comes alone', async () => {
    await using networks = new LoopbackNetworks()
    const a = await networks.start()
    const { port } = bulkAddressOf(a.addresses()[0] ?? '') ?? { port: 0 }
    const hello = Buffer.from('\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n')
    const cuts = [
      [1],
      [1, 2],
      [19, 20],
      [1, 20, 21],
      Array.from({ length: hello.length - 1 }, (_, at) => at + 1),
    ]
    for (const cut of cuts) {
      const socket = connectTcp(port, '127.0.0.1').setNoDelay(true)
      await new Promise((resolve) => socket.once('connect', resolve))
      let heard = ''
      socket.on('data', (bytes: Buffer) => {
        heard += bytes.toString()
      })
      for (const [index, at] of [0, ...cut].entries()) {
        socket.write(hello.subarray(at, cut[index]))
        // Each in a segment of its own, and the first long before the others.
        await new Promise((resolve) => setTimeout(resolve, index === 0 ? 150 : 5))
      }
      await until(() => heard === hello.toString())
      socket.destroy()
    }
  })

  test('only plain TCP addresses are dialled directly', () => {
    assert.deepEqual(bulkAddressOf('/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW'), { host: '192.0.2.1', port: 4001 })
    assert.deepEqual(bulkAddressOf('/ip6/2001:db8::1/tcp/1'), { host: '2001:db8::1', port: 1 })
    for (const other of [
      '/ip4/192.0.2.1/tcp/1/ws',
      '/p2p/x/p2p-circuit',
      '/ip4/192.0.2.1/udp/1/quic-v1',
      '',
    ]) {
      assert.equal(bulkAddressOf(other), undefined)
    }
  })
})

/** Every frame; copied, for it is good only until the next is asked for. */
async function all(frames: AsyncIterable<Uint8Array>): Promise<Buffer[]> {
  const list: Buffer[] = []
  for await (const frame of frames) list.push(Buffer.from(frame))
  return list
}

function serveChunks(network: Network): void {
  network.handle(PROTOCOL, async function* (request) {
    let index = 0
    for await (const frame of request) index = Number(Buffer.from(frame).toString())
    for (let count = 0; count < FRAMES; count++) yield Buffer.alloc(FRAME_BYTES_MAX, index)
  })
}

async function directLinks(networks: LoopbackNetworks, network: Network): Promise<number> {
  return networks.metricsOf(network).total('kizuna_bulk_connections_total')
}

/** Asks until the direct connection stands: nobody waits for it, so the first answers come by libp2p. */
async function untilDirect(networks: LoopbackNetworks, asks: Network, answers: Network): Promise<void> {
  await until(async () => {
    await all(asks.request(answers.peerId, PROTOCOL, [Buffer.from('0')], BULK)).catch(() => {})
    return (await directLinks(networks, asks)) > 0
  })
}
