/**
 * What comes before anybody knows what it is for: on streams whose protocol is not agreed on, and on connections in
 * upgrade. The other end is an unmodified libp2p host that speaks to the multiplexer itself, or a bare socket.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { PeerId } from '../core/signing-key.ts'
import { HELD_BYTES_PER_PEER_MAX } from './held-memory.ts'
import type { Network } from './network.ts'
import { addressOf, all, LoopbackNetworks, until } from './start-networks.suite.ts'
import { NEGOTIATION_BYTES_MAX, NEGOTIATIONS_MAX } from './stream-negotiations.ts'
import { limitUpgrades, UPGRADE_BYTES_MAX, type Upgrader } from './upgrade-limits.ts'

const LIMIT = { timeout: 60_000 }
const HEADER = Buffer.from('\x13/multistream/1.0.0\n')
/** A question with a long answer. */
const LIST = '\x03ls\n'
/** So many answers fill the window of somebody who takes none of them. */
const UNREAD_LISTS = 2_000
const ECHO = '/kizuna/test-echo/1.0.0'

/** A host that opens bare streams. */
async function startStranger(network: Network) {
  const host = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionGater: { denyDialMultiaddr: () => false },
  })
  const connection = await host.dial(multiaddr(addressOf(network)))
  // Streams that come before the connection is open there have a limit of their own.
  await until(() => network.isConnected(host.peerId.toString() as PeerId))
  const { muxer } = connection as unknown as { muxer: { createStream(options: object): Promise<Stream> } }
  return {
    open: () => muxer.createStream({}),
    /** A stream that has been asked so much, and takes so little, that it is not read any more. */
    async openStuck(): Promise<Stream> {
      const stream = await muxer.createStream({})
      const greeted = once(stream as never, 'message')
      stream.send(HEADER)
      await greeted
      stream.pause()
      stream.send(Buffer.from(LIST.repeat(UNREAD_LISTS)))
      return stream
    },
    async [Symbol.asyncDispose]() {
      connection.abort(new Error('the test is over'))
      await host.stop()
    },
  }
}

async function gauge(networks: LoopbackNetworks, network: Network, name: string): Promise<number> {
  const printed = await networks.metricsOf(network).print()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(printed)?.[1])
}

test('a stream that sends on before its protocol is agreed on is reset [R-05]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const network = await networks.start()
  await using stranger = await startStranger(network)
  const stream = await stranger.openStuck()
  let isReset = false
  stream.addEventListener('close', (event) => {
    isReset = event.error !== undefined
  })
  let sentBytes = 0
  const piece = Buffer.from(LIST.repeat((64 * 1024) / LIST.length))
  while (!isReset && sentBytes < 4 * NEGOTIATION_BYTES_MAX) {
    stream.send(piece)
    sentBytes += piece.byteLength
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await until(() => isReset, 5_000)
})

test(
  'many streams that stand still before their protocol hold no more than a peer may [R-05]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const network = await networks.start()
    await using stranger = await startStranger(network)
    const heldEach = 400 * 1024
    const streams = await Promise.all(Array.from({ length: 40 }, () => stranger.openStuck()))
    for (const stream of streams) stream.send(Buffer.from(LIST.repeat(heldEach / LIST.length)))
    const open = () => streams.filter(({ status }) => status === 'open').length
    await until(() => open() < streams.length, 9_000)
    await until(async () => {
      const heldBytes = await gauge(networks, network, 'kizuna_held_bytes')
      return heldBytes > 0 && heldBytes <= HELD_BYTES_PER_PEER_MAX
    }, 9_000)
    assert.ok(open() > 0, 'those for which there is room stay')
  },
)

test('peers that open streams and say nothing take no places of others [R-05]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [asker, network] = await networks.startPair()
  network.handle(ECHO, async function* (request) {
    yield* request
  })
  const strangers = [await startStranger(network), await startStranger(network)]
  let mostUnderWay = 0
  for (let index = 0; index < NEGOTIATIONS_MAX + 300; index++) {
    const stream = await strangers[index % 2]?.open()
    stream?.send(new Uint8Array([HEADER[0] ?? 0]))
    if (index % 100 === 99) {
      mostUnderWay = Math.max(mostUnderWay, await gauge(networks, network, 'kizuna_stream_negotiations'))
    }
  }
  await until(async () => {
    mostUnderWay = Math.max(mostUnderWay, await gauge(networks, network, 'kizuna_stream_negotiations'))
    return mostUnderWay >= NEGOTIATIONS_MAX
  })
  assert.equal(mostUnderWay, NEGOTIATIONS_MAX)
  const [answer] = await all(asker.request(network.peerId, ECHO, [new Uint8Array([7])]))
  assert.deepEqual([...(answer ?? [])], [7])
  for (const stranger of strangers) await stranger[Symbol.asyncDispose]()
})

test('streams that a handler has taken are not counted any more', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [asker, network] = await networks.startPair()
  network.handle(ECHO, async function* (request) {
    yield* request
  })
  await all(asker.request(network.peerId, ECHO, [new Uint8Array(60_000)]))
  await until(async () => (await gauge(networks, network, 'kizuna_stream_negotiations')) === 0)
})

test('a connection on which more comes than its upgrade needs is ended [R-05]', LIMIT, async () => {
  // Long answers: few questions fill what the system holds of answers that nobody takes.
  const others = Array.from({ length: 20 }, (_, index) => () => ({
    protocol: `/${'x'.repeat(200)}/${index}`,
  }))
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise(), ...(others as unknown as ReturnType<typeof noise>[])],
    streamMuxers: [yamux()],
    // Or it would end the connection for another reason.
    connectionManager: { inboundUpgradeTimeout: 120_000 },
    services: {
      limits: ({ upgrader }: { upgrader: Upgrader }) => {
        limitUpgrades(upgrader)
        return {}
      },
    } as never,
  })
  const port = Number(/\/tcp\/(\d+)\//.exec(host.getMultiaddrs()[0]?.toString() ?? '')?.[1])
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let isClosed = false
  socket.on('close', () => {
    isClosed = true
  })
  await once(socket, 'connect')
  socket.pause()
  socket.write(HEADER)
  const questions = Buffer.from(LIST.repeat(4_096))
  for (let sentBytes = 0; !isClosed && sentBytes < 8 * UPGRADE_BYTES_MAX; sentBytes += questions.byteLength) {
    socket.write(questions)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await until(() => isClosed, 5_000)
  await host.stop()
})
