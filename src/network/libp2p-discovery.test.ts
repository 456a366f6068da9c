import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { decodeCanonical, encodeCanonical } from '../core/encoding.ts'
import { InvalidInputError } from '../core/errors.ts'
import { silentLogger } from '../core/log.ts'
import { findByDns } from './discovery/dns.ts'
import { decodeAnswer, PEERS_PER_ANSWER_MAX, PEERS_PROTOCOL } from './discovery/peer-exchange.ts'
import type { Network } from './network.ts'
import { ownTime } from './own-time.suite.ts'
import { addressOf, all, LoopbackNetworks, until } from './start-networks.suite.ts'

const LIMIT = { timeout: 240_000 }

test('a bootstrap list alone connects five nodes with each other in 10 s [K-20]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const first = await networks.start()
  const port = /\/tcp\/(\d+)\//.exec(addressOf(first))?.[1]
  const nodes = [first]
  const passedMs = ownTime()
  for (let index = 1; index < 5; index++) {
    // Each is told of those before it, in both forms that a configuration may have.
    const bootstrap = [`127.0.0.1:${port}`, ...nodes.slice(1).map(addressOf)]
    nodes.push(await networks.start({ bootstrap }))
  }
  await until(() => nodes.every((node) => node.connectedPeers().length === 4))
  assert.ok(passedMs() < 10_000)
})

test('a bootstrap peer that starts later is found all the same', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const later = await networks.create({ port: 45_671 })
  const early = await networks.start({ bootstrap: ['127.0.0.1:45671'] })
  await later.start()
  await until(() => early.isConnected(later.peerId))
})

test('A learns C from B in two rounds of peer exchange, without DHT or mDNS [K-21]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const options = { peerExchange: { intervalMs: 500 } }
  const [a, b, c] = [
    await networks.start(options),
    await networks.start(options),
    await networks.start(options),
  ]
  await b.connect(addressOf(c))
  await until(() => c.isConnected(b.peerId))
  await a.connect(addressOf(b))
  await until(async () => (await a.remembered(10)).some(({ peer }) => peer === c.peerId), 2_000)
  await until(() => a.isConnected(c.peerId))
})

test('peer lists hold at most 32 records, each signed by the peer it is about [K-46]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const exchanging = { peerExchange: { intervalMs: 3_600_000 }, peersWanted: 0 }
  const hub = await networks.start(exchanging)
  const others = await Promise.all(Array.from({ length: 36 }, () => networks.start(exchanging)))
  for (const other of others) await other.connect(addressOf(hub))
  const asker = await networks.start()
  await asker.connect(addressOf(hub))
  const ask = async () => {
    const [frame] = await all(asker.request(hub.peerId, PEERS_PROTOCOL, [new Uint8Array(0)]))
    return decodeAnswer(frame ?? new Uint8Array(0))
  }
  await until(async () => (await ask()).length === PEERS_PER_ANSWER_MAX)
  const known = new Set([hub, ...others].map(({ peerId }) => String(peerId)))
  for (const bytes of await ask()) {
    const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN)
    const record = PeerRecord.createFromProtobuf(envelope.payload)
    assert.ok(known.has(record.peerId.toString()))
    assert.ok(record.peerId.publicKey?.equals(envelope.publicKey))
    assert.ok(record.multiaddrs.length > 0)
  }
})

test('forged peer records are not believed [K-46]', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const victim = await networks.start({ peerExchange: { intervalMs: 200 } })
  const liar = await networks.start()
  const honest = await generateKeyPair('Ed25519')
  const other = await generateKeyPair('Ed25519')
  const multiaddrs = [multiaddr('/ip4/127.0.0.1/tcp/9')]
  const good = await sealed(new PeerRecord({ peerId: peerIdFromPrivateKey(honest), multiaddrs }), honest)
  const byAnother = await sealed(new PeerRecord({ peerId: peerIdFromPrivateKey(honest), multiaddrs }), other)
  const flipped = Uint8Array.from(good)
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
  const answers = [
    encodeCanonical([byAnother, flipped, Uint8Array.of(1, 2, 3)]),
    encodeCanonical(Array.from({ length: 33 }, () => good)),
    encodeCanonical([new Uint8Array(5_000)]),
    encodeCanonical('no list'),
    Uint8Array.of(0xff),
  ]
  let asked = 0
  liar.handle(PEERS_PROTOCOL, async function* () {
    yield answers[asked++ % answers.length] as Uint8Array
  })
  await victim.connect(addressOf(liar))
  await until(() => asked > 2 * answers.length)
  const known = (await victim.remembered(100)).map(({ peer }) => String(peer))
  assert.deepEqual(known, [String(liar.peerId)])
})

test('a peer record from before is refused: the newer addresses stay, and the old ones are not dialled [K-46] [R-04]', async (context) => {
  await using networks = new LoopbackNetworks()
  const victim = await networks.start({ peerExchange: { intervalMs: 200 } })
  const liar = await networks.start()
  const subject = await generateKeyPair('Ed25519')
  const peerId = peerIdFromPrivateKey(subject)
  // Whoever still listens at the old address is not the peer any more.
  let dials = 0
  const stranger = createServer((socket) => {
    dials++
    socket.destroy()
  })
  context.after(() => stranger.close())
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  const { port } = stranger.address() as AddressInfo
  const record = (seqNumber: bigint, ports: number[]) => {
    const multiaddrs = ports.map((each) => multiaddr(`/ip4/127.0.0.1/tcp/${each}`))
    return sealed(new PeerRecord({ peerId, seqNumber, multiaddrs }), subject)
  }
  const [newer, older] = [await record(9n, [9]), await record(3n, [port])]
  let asked = 0
  liar.handle(PEERS_PROTOCOL, async function* () {
    yield encodeCanonical([asked++ === 0 ? newer : older])
  })
  await victim.connect(addressOf(liar))
  await until(() => asked > 5)
  const found = (await victim.remembered(100)).find(({ peer }) => String(peer) === String(peerId))
  assert.deepEqual(found?.addresses, [`/ip4/127.0.0.1/tcp/9/p2p/${peerId}`])
  assert.equal(dials, 0)
  assert.ok((await networks.metricsOf(victim).total('kizuna_peer_exchange_refusals_total')) >= 4)
})

test('an answer with too many, too long or other things is refused [K-46]', () => {
  for (const value of [
    'x',
    3,
    null,
    { peers: [] },
    [1],
    [new Uint8Array(5_000)],
    Array(33).fill(Uint8Array.of(1)),
  ]) {
    assert.throws(() => decodeAnswer(encodeCanonical(value)), InvalidInputError)
  }
  assert.equal(decodeAnswer(encodeCanonical(Array(32).fill(Uint8Array.of(1)))).length, 32)
  assert.deepEqual(decodeCanonical(encodeCanonical([])), [])
})

test('DNS TXT records alone form a network', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const nodes: Network[] = [await networks.start(), await networks.start()]
  const asked: string[] = []
  const resolveTxt = async (name: string) => {
    asked.push(name)
    if (name === '_dnsaddr.community.example') {
      // A record of more than 255 bytes comes in pieces.
      const text = `dnsaddr=${addressOf(nodes[0] as Network)}`
      return [['v=spf1 -all'], [text.slice(0, 20), text.slice(20)], ['dnsaddr=/dnsaddr/more.example']]
    }
    return [
      [`dnsaddr=${addressOf(nodes[1] as Network)}`],
      ['dnsaddr=/nonsense'],
      ['dnsaddr=/dnsaddr/community.example'],
    ]
  }
  const newcomer = await networks.start({ bootstrapDns: ['community.example'], resolveTxt })
  await until(() => nodes.every((node) => newcomer.isConnected(node.peerId)))
  assert.ok(asked.includes('_dnsaddr.more.example'))
})

test('domains that point at each other are not followed for ever', async () => {
  let asked = 0
  const resolveTxt = async () => {
    asked++
    return [['dnsaddr=/dnsaddr/again.example'], ['dnsaddr=/ip4/192.0.2.1/tcp/1']]
  }
  const found = await findByDns(
    { resolveTxt, log: silentLogger },
    'again.example',
    new AbortController().signal,
  )
  assert.equal(asked, 4)
  assert.equal(found.length, 4)
})

async function sealed(
  record: PeerRecord,
  key: Awaited<ReturnType<typeof generateKeyPair>>,
): Promise<Uint8Array> {
  return (await RecordEnvelope.seal(record, key)).marshal()
}
