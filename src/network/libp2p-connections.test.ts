import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { isKizunaError } from '../core/kizuna-error.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { SystemRandom } from '../core/random.ts'
import type { Network } from './network.ts'
import { ownTime } from './own-time.suite.ts'
import { addressOf, all, LoopbackNetworks, until } from './start-networks.suite.ts'

const LIMIT = { timeout: 240_000 }
const ECHO = '/kizuna/test-echo/1.0.0'

test(
  'starts one host with the identity of its key and an address that names it [K-05] [S-58]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const network = await networks.start()
    await network.start()
    assert.match(addressOf(network), new RegExp(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${network.peerId}$`))
    assert.equal(network.addresses().length, 1)
  },
)

test('takes part in a handshake with whoever dials its printed address [K-16] [B-25]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = [await networks.start(), await networks.start()]
  assert.equal(await b.connect(addressOf(a)), a.peerId)
  await until(() => a.isConnected(b.peerId))
  const [peer] = a.connectedPeers()
  assert.equal(peer?.direction, 'inbound')
  assert.equal(peer?.path, 'direct')
})

test(
  'dials an address given at run time, also as host:port without knowing who is there [K-17]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const [a, b] = [await networks.start(), await networks.start()]
    const port = /\/tcp\/(\d+)\//.exec(addressOf(b))?.[1]
    assert.equal(await a.connect(`127.0.0.1:${port}`), b.peerId)
    assert.equal(await a.connect(b.peerId), b.peerId)
  },
)

test('many who want the same connection share one', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = [await networks.start(), await networks.start()]
  await Promise.all(Array.from({ length: 20 }, () => a.connect(addressOf(b))))
  assert.equal(await networks.metricsOf(a).total('kizuna_peer_connections_total'), 1)
})

test('refuses an address at which somebody else answers', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b, c] = [await networks.start(), await networks.start(), await networks.start()]
  const wrong = addressOf(b).replace(b.peerId, c.peerId)
  await assert.rejects(a.connect(wrong), withCode('PEER_UNREACHABLE'))
  assert.deepEqual(a.connectedPeers(), [])
})

test('a taken port gives an error that names it and what to do', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const network = await networks.create({ port })
  await assert.rejects(network.start(), (error) => {
    assert.ok(isKizunaError(error, 'PORT_TAKEN'))
    assert.equal(error.details.port, port)
    assert.match(error.hint, /--port/)
    return true
  })
  taken.close()
  await once(taken, 'close')
  await network.start()
  assert.ok(addressOf(network).includes(`/tcp/${port}/`))
})

test('an address that is not of this machine is refused with its reason', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const network = await networks.create({ host: '192.0.2.1', port: 45_123 })
  await assert.rejects(network.start(), withCode('LISTEN_FAILED'))
})

test('unreachable bootstrap peers and relays neither stop the start nor make it wait', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const passedMs = ownTime()
  await networks.start({
    bootstrap: ['127.0.0.1:9', '/ip4/192.0.2.1/tcp/4001', 'nobody.invalid:4001'],
    bootstrapDns: ['nobody.invalid'],
  })
  assert.ok(passedMs() < 5_000)
})

test('the hard cap on connections holds while three times as many dial [S-60]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const connectionsMax = 5
  const hub = await networks.start({ connectionsMax })
  const diallers = await Promise.all(Array.from({ length: 3 * connectionsMax }, () => networks.start()))
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, hub.connectedPeers().length)
  }, 1)
  hub.onPeer(() => {
    most = Math.max(most, hub.connectedPeers().length)
  })
  await Promise.allSettled(diallers.map((dialler) => dialler.connect(addressOf(hub), { timeoutMs: 60_000 })))
  clearInterval(watch)
  assert.equal(most, connectionsMax)
})

test(
  'addresses of peers survive a restart, and known peers are connected again [K-50] [S-59]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const seed = new SystemRandom().bytes(32)
    const others = [await networks.start(), await networks.start(), await networks.start()]
    const first = await networks.start({ redial: true }, seed)
    for (const other of others) await first.connect(addressOf(other))
    await until(async () => (await first.remembered(10)).length === 3)
    // What was learnt of a peer by identifying it is written a moment after the connection.
    await until(async () => (await first.remembered(10)).every(({ addresses }) => addresses.length > 0))
    await new Promise((resolve) => setTimeout(resolve, 300))
    await first.stop()
    await others[0]?.stop()

    const again = await networks.start({ redial: true }, seed)
    assert.equal(again.peerId, first.peerId)
    const passedMs = ownTime()
    await until(() => again.connectedPeers().length === 2)
    assert.ok(passedMs() < 10_000)
    const remembered = await again.remembered(10)
    assert.deepEqual(
      remembered.map(({ peer }) => peer).toSorted(),
      others.map(({ peerId }) => peerId).toSorted(),
    )
  },
)

test('a kept peer is found again after it was away, with pauses of at most 5 s [K-50]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const a = await networks.start()
  const seed = new SystemRandom().bytes(32)
  const b = await networks.start({}, seed)
  const port = Number(/\/tcp\/(\d+)\//.exec(addressOf(b))?.[1])
  await a.keepConnected({ peer: b.peerId, addresses: b.addresses() })
  await until(() => a.isConnected(b.peerId))
  await b.stop()
  await until(() => !a.isConnected(b.peerId))
  const back = await networks.start({ port }, seed)
  await until(() => a.isConnected(back.peerId), 10_000)
})

test('carries 32 transfers at once over one Yamux connection [S-62]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = await networks.startPair()
  b.handle(ECHO, async function* (request) {
    yield* request
  })
  const frames = 8
  const transfers = Array.from({ length: 32 }, async (_, index) => {
    const sent = Array.from({ length: frames }, () => new Uint8Array(FRAME_BYTES_MAX).fill(index))
    const answer = await all(a.request(b.peerId, ECHO, sent, { timeoutMs: 60_000 }))
    assert.equal(answer.length, frames)
    for (const frame of answer) assert.ok(Buffer.compare(frame, sent[0] ?? Buffer.of()) === 0)
  })
  await Promise.all(transfers)
  assert.equal(a.connectedPeers().length, 1)
  assert.equal(await networks.metricsOf(a).total('kizuna_peer_connections_total'), 1)
})

test('speaks TCP and WebSocket to stock hosts that know only one of them [S-63]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const network = await networks.start({ wsPort: 0 })
  for (const [transport, form] of [
    [tcp(), /\/tcp\/\d+\/p2p/],
    [webSockets(), /\/tcp\/\d+\/ws\/p2p/],
  ] as const) {
    const stock = await startStock({ transports: [transport] })
    const address = network.addresses().find((each) => form.test(each)) ?? ''
    const connection = await stock.dial(multiaddr(address))
    assert.equal(connection.remotePeer.toString(), network.peerId)
    await stock.stop()
  }
})

test('agrees with stock hosts on TLS or Noise, and on Yamux [S-64] [S-62]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const network = await networks.start()
  for (const [encrypter, name] of [
    [tls(), '/tls/1.0.0'],
    [noise(), '/noise'],
  ] as const) {
    const stock = await startStock({ connectionEncrypters: [encrypter as never] })
    const connection = await stock.dial(multiaddr(addressOf(network)))
    assert.equal(connection.encryption, name)
    assert.equal(connection.multiplexer, '/yamux/1.0.0')
    await stock.stop()
  }
  const both = await startStock({ connectionEncrypters: [tls(), noise()] as never })
  assert.equal(await network.connect(`${both.getMultiaddrs()[0]}`), both.peerId.toString())
  await until(() => both.getConnections().length > 0)
  assert.equal(both.getConnections()[0]?.encryption, '/tls/1.0.0')
  await both.stop()
})

test('does not speak plaintext [S-64] [K-79]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const network = await networks.start()
  const port = Number(/\/tcp\/(\d+)\//.exec(addressOf(network))?.[1])
  const socket = connect(port, '127.0.0.1')
  const line = (text: string) => Buffer.concat([Buffer.of(text.length + 1), Buffer.from(`${text}\n`)])
  socket.write(Buffer.concat([line('/multistream/1.0.0'), line('/plaintext/2.0.0')]))
  let answer = ''
  socket.on('data', (data: Buffer) => {
    answer += data.toString('latin1')
  })
  socket.on('error', () => {})
  await until(() => answer.includes('na\n') || socket.destroyed)
  assert.ok(!answer.includes('plaintext'))
  socket.destroy()
})

test(
  'no plaintext of what is sent can be read on the way, with TLS or with Noise [K-79] [B-62]',
  LIMIT,
  async () => {
    for (const encryption of [['tls'], ['noise']] as const) {
      await using networks = new LoopbackNetworks()
      const [a, b] = [await networks.start({ encryption }), await networks.start({ encryption })]
      const canary = Buffer.from('canary-that-must-not-be-seen-on-the-wire')
      b.handle(ECHO, async function* (request) {
        yield* request
      })
      const wire = await startTap(b)
      assert.equal(await a.connect(`127.0.0.1:${wire.port}`), b.peerId)
      const frames = Array.from({ length: 50 }, () => canary)
      const [first] = await all(a.request(b.peerId, ECHO, frames))
      assert.equal(Buffer.from(first ?? []).toString(), canary.toString())
      const seen = wire.captured()
      assert.ok(seen.byteLength > 2 * 50 * canary.byteLength, 'everything went through the tap')
      assert.equal(seen.includes(canary), false)
      assert.equal(seen.includes(ECHO), false)
      wire.close()
    }
  },
)

test('stops within 3 s although a peer is half-way into a handshake', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const network = await networks.start()
  const port = Number(/\/tcp\/(\d+)\//.exec(addressOf(network))?.[1])
  const sockets = Array.from({ length: 5 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const passedMs = ownTime()
  await network.stop()
  assert.ok(passedMs() < 3_000)
  for (const socket of sockets) socket.destroy()
})

async function startStock(options: Partial<Libp2pOptions>): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: options.transports === undefined ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp()],
    connectionEncrypters: [tls() as never],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    ...options,
  })
}

/** A TCP proxy in front of a network that keeps all bytes that pass. */
async function startTap(target: Network) {
  const port = Number(/\/tcp\/(\d+)\//.exec(addressOf(target))?.[1])
  const pieces: Buffer[] = []
  const server = createServer((incoming) => {
    const outgoing = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      from.on('data', (data: Buffer) => {
        pieces.push(data)
        to.write(data)
      })
      from.on('close', () => to.destroy())
      from.on('error', () => to.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    captured: () => Buffer.concat(pieces),
    close: () => server.close(),
  }
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => isKizunaError(error, code) || assert.fail(`expected ${code}, got ${error}`)
}
