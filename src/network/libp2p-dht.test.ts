import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identify } from '@libp2p/identify'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { SystemRandom } from '../core/random.ts'
import { KAD_PROTOCOL } from './dht.ts'
import type { Network, PeerAddresses } from './network.ts'
import { ownTime } from './own-time.suite.ts'
import { addressOf, all, LoopbackNetworks, until } from './start-networks.suite.ts'

const LIMIT = { timeout: 240_000 }

test(
  'what is provided is found by another node within 5 s, with addresses [S-12] [S-28]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const [provider, reader] = await startChain(networks, 5)
    const id = contentIdOf(Buffer.from('here'))
    await provider.provide([id], { timeoutMs: 60_000 })
    // The peers that were told keep the record a moment after they took it: the first look may be too early.
    let found: PeerAddresses | undefined
    await until(async () => {
      ;[found] = await all(reader.findProviders(id, { limit: 1 }))
      return found !== undefined
    }, 5_000)
    assert.equal(found?.peer, provider.peerId)
    assert.ok(found?.addresses.some((address) => address === addressOf(provider)))
  },
)

test('a provider record is there for a raw query by a stock DHT node [S-27] [S-61]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [provider] = await startChain(networks, 3)
  const stock = await startStockDht()
  try {
    await stock.dial(multiaddr(addressOf(provider)))
    const id = contentIdOf(Buffer.from('raw'))
    const ids = [id, ...Array.from({ length: 300 }, (_, index) => contentIdOf(Buffer.from(`${index}`)))]
    await provider.provide(ids, { timeoutMs: 60_000 })
    const dht = stock.services.dht as KadDHT
    // As above: whoever was told keeps the record a moment after.
    await until(async () => {
      const found: string[] = []
      for await (const event of dht.findProviders(CID.parse(id), { signal: AbortSignal.timeout(60_000) })) {
        if (event.name === 'PROVIDER') found.push(...event.providers.map((each) => each.id.toString()))
      }
      return found.includes(provider.peerId)
    }, 5_000)
    const protocols = (await stock.peerStore.all()).flatMap((peer) => peer.protocols)
    assert.ok(protocols.includes('/kizuna/kad/1.0.0'))
    assert.ok(!protocols.includes('/ipfs/kad/1.0.0'))
  } finally {
    await stock.stop()
  }
})

test(
  'looking for providers ends at the count, when cancelled, and when nobody has it [S-13] [S-28]',
  LIMIT,
  async () => {
    await using networks = new LoopbackNetworks()
    const [a, b, c] = (await startChain(networks, 3)) as [Network, Network, Network]
    const id = contentIdOf(Buffer.from('both'))
    await Promise.all([a.provide([id]), b.provide([id])])
    assert.equal((await all(c.findProviders(id, { limit: 1 }))).length, 1)
    assert.equal((await all(c.findProviders(id, { limit: 10 }))).length, 2)
    assert.deepEqual(await all(c.findProviders(contentIdOf(Buffer.from('none')), { limit: 10 })), [])
    const control = new AbortController()
    await assert.rejects(
      async () => {
        for await (const _ of c.findProviders(id, { limit: 10, signal: control.signal })) control.abort()
      },
      (error) => isKizunaError(error, 'ABORTED'),
    )
  },
)

test('without any peer, announcing says so and looking ends, both at once', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const alone = await networks.start({ dht: true })
  const id = contentIdOf(Buffer.from('alone'))
  const passedMs = ownTime()
  await assert.rejects(alone.provide([id]), (error) => isKizunaError(error, 'NOBODY_TO_ANNOUNCE_TO'))
  assert.deepEqual(await all(alone.findProviders(id, { limit: 5 })), [])
  assert.equal(await alone.findPeer(alone.peerId), undefined)
  assert.ok(passedMs() < 1_000)
})

test('finds where a peer is now that moved to another address [S-65]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const seed = new SystemRandom().bytes(32)
  const [hub, seeker] = [await networks.start({ dht: true }), await networks.start({ dht: true })]
  const before = await networks.start({ dht: true }, seed)
  await seeker.connect(addressOf(hub))
  await seeker.connect(addressOf(before))
  await before.connect(addressOf(hub))
  const old = addressOf(before)
  await until(async () => (await seeker.remembered(10)).some(({ peer }) => peer === before.peerId))
  await before.stop()
  await until(() => !seeker.isConnected(before.peerId))

  const after = await networks.start({ dht: true }, seed)
  assert.notEqual(addressOf(after), old)
  await after.connect(addressOf(hub))
  await until(async () => {
    const found = await seeker.findPeer(after.peerId)
    return found?.addresses.includes(addressOf(after)) === true
  })
  assert.equal(await seeker.connect(after.peerId), after.peerId)
})

test('turned off, it opens no DHT stream and answers none; turned on, it does [K-07]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  for (const dht of [false, true]) {
    const stock = await startStockDht()
    let streams = 0
    stock.addEventListener('connection:open', ({ detail }) => {
      const count = () => {
        streams += detail.streams.filter(({ protocol }) => protocol === KAD_PROTOCOL).length
      }
      const timer = setInterval(count, 1)
      detail.addEventListener('close', () => clearInterval(timer))
    })
    const network = await networks.start({ dht })
    await network.connect(String(stock.getMultiaddrs()[0]))
    const id = contentIdOf(Buffer.from('x'))
    await network.provide([id], { timeoutMs: 60_000 })
    await all(network.findProviders(id, { limit: 1, timeoutMs: 5_000 }))
    await new Promise((resolve) => setTimeout(resolve, 500))
    const peer = await stock.peerStore
      .all()
      .then((peers) => peers.find((each) => each.id.toString() === network.peerId))
    assert.equal(peer?.protocols.includes(KAD_PROTOCOL), dht)
    assert.equal(streams > 0, dht)
    await stock.stop()
  }
})

/** Networks of which each knows the one before; the DHT does the rest. */
async function startChain(
  networks: LoopbackNetworks,
  count: number,
): Promise<[Network, Network, ...Network[]]> {
  const nodes: Network[] = []
  for (let index = 0; index < count; index++) {
    const node = await networks.start({ dht: true })
    const before = nodes.at(-1)
    if (before !== undefined) await node.connect(addressOf(before))
    nodes.push(node)
  }
  return [nodes[0] as Network, nodes.at(-1) as Network, ...nodes.slice(1, -1)]
}

async function startStockDht() {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [tls() as never],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({ protocol: KAD_PROTOCOL, clientMode: false, peerInfoMapper: passthroughMapper }) as never,
    },
  })
}
