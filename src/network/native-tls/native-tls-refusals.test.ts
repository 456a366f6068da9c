/** Whoever does not keep to the protocol is refused, and leaves no connection behind. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { SystemRandom } from '../../core/random.ts'
import { until } from '../start-networks.suite.ts'
import { madeCertificate } from './made-certificate.suite.ts'
import { addressOf, closing, echo, peerOf, StockHosts } from './stock-hosts.suite.ts'

/** What a client says first: multistream-select, and that it wants TLS. */
const HELLO = Buffer.concat(['/multistream/1.0.0\n', '/tls/1.0.0\n'].map(line))
const NOISE = Buffer.from(new SystemRandom().bytes(4_096))
const SOON_MS = 8_000

describe('native TLS refuses', { timeout: 240_000 }, () => {
  const atTheDoor: [string, (socket: Socket) => void, Buffer][] = [
    ['garbage instead of a ClientHello', (socket) => socket.write(NOISE), HELLO],
    ['garbage in the same segment as the negotiation', () => {}, Buffer.concat([HELLO, NOISE])],
    ['silence after the negotiation, in time', () => {}, HELLO],
    [
      'half a ClientHello and then silence, in time',
      () => {},
      Buffer.concat([HELLO, Buffer.from('160301020001', 'hex')]),
    ],
    [
      'an end in the middle of a ClientHello',
      (socket) => socket.end(Buffer.from('160301020001', 'hex')),
      HELLO,
    ],
  ]
  for (const [what, then, first] of atTheDoor) {
    test(what, async () => {
      await using hosts = new StockHosts()
      // Who is silent is waited for so long; all others must go before.
      const upgradeTimeoutMs = what.includes('silence') ? 1_500 : 4 * SOON_MS
      const host = await hosts.start(['native'], { upgradeTimeoutMs })
      const socket = await hosts.connect(host, first)
      then(socket)
      await closing(socket, SOON_MS)
      assert.equal(host.getConnections().length, 0)
    })
  }

  for (const answer of ['nothing', 'garbage', 'a close'] as const) {
    test(`a dialled remote that answers the negotiation and then ${answer}`, async () => {
      await using hosts = new StockHosts()
      const host = await hosts.start(['native'])
      const port = await hosts.listen((socket) => {
        socket.once('data', () => {
          socket.write(HELLO)
          socket.once('data', () => {
            if (answer === 'garbage') socket.write(NOISE)
            if (answer === 'a close') socket.end()
          })
        })
      })
      const signal = AbortSignal.timeout(1_000)
      await assert.rejects(host.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`), { signal }))
      assert.equal(host.getConnections().length, 0)
    })
  }

  test('a client without a certificate', () => refused(async () => ({})))

  test('a certificate without the extension of libp2p', () =>
    refused(async () => madeCertificate(await generateKeyPair('Ed25519'), { extensions: [] })))

  test('a certificate signed by somebody else', () =>
    refused(async () => madeCertificate(await generateKeyPair('Ed25519'), { foreignSignature: true })))

  test('TLS 1.2', () =>
    refused(async () => ({
      ...(await madeCertificate(await generateKeyPair('Ed25519'))),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
    })))

  test('an ALPN name of something else', () =>
    refused(async () => ({
      ...(await madeCertificate(await generateKeyPair('Ed25519'))),
      ALPNProtocols: ['h2'],
    })))

  test('the extension of another host: nobody is impersonated', async () => {
    const honest = await generateKeyPair('Ed25519')
    const signer = await generateKeyPair('Ed25519')
    const host = await refusedAfterHandshake(() => madeCertificate(honest, { signer }))
    assert.ok(!host.seen.includes(peerOf(honest)))
  })

  test('a resumed session, which would show no certificate', async () => {
    await using hosts = new StockHosts()
    const host = await hosts.start(['native'])
    const pair = await madeCertificate(await generateKeyPair('Ed25519'))
    const first = await tlsTo(hosts, host, pair)
    const session = await new Promise<Buffer>((resolve) => first.once('session', resolve))
    first.destroy()
    await until(() => host.getConnections().length === 0)
    const again = await tlsTo(hosts, host, { ...pair, session })
    await closing(again, SOON_MS)
    assert.equal(host.getConnections().length, 0)
  })

  test('nobody who sends the ClientHello in the same segment as the negotiation', async () => {
    await using hosts = new StockHosts()
    const host = await hosts.start(['native'])
    const key = await generateKeyPair('Ed25519')
    const socket = await hosts.connect(host, Buffer.alloc(0))
    const client = connect({
      ...base(await madeCertificate(key)),
      socket: gluedBehind(HELLO, socket),
    })
    client.on('error', () => {})
    await new Promise<void>((resolve) => client.once('secureConnect', resolve))
    await until(() => host.getPeers().some((peer) => peer.toString() === peerOf(key)))
    assert.equal(client.alpnProtocol, '/yamux/1.0.0')
  })

  test('an unmodified host is still served after all of these', async () => {
    await using hosts = new StockHosts()
    const [native, stock] = [await hosts.start(['native']), await hosts.start(['stock'])]
    for (let round = 0; round < 5; round++) {
      await closing(await hosts.connect(native, Buffer.concat([HELLO, NOISE])), SOON_MS)
    }
    await echo(await stock.dial(addressOf(native)), 64 * 1024)
  })
})

/** Dials a host of ours with such a certificate: it must close, and count nobody as connected. */
async function refused(options: () => Promise<ConnectionOptions>): Promise<void> {
  await refusedAfterHandshake(options)
}

async function refusedAfterHandshake(options: () => Promise<ConnectionOptions>): Promise<{ seen: string[] }> {
  await using hosts = new StockHosts()
  const host = await hosts.start(['native'])
  const seen: string[] = []
  host.addEventListener('peer:connect', ({ detail }) => seen.push(detail.toString()))
  const socket = await hosts.connect(host, HELLO)
  await answered(socket)
  const client = connect({ ...base(await options()), socket })
  client.on('error', () => {})
  await closing(client, SOON_MS)
  assert.deepEqual(seen, [])
  assert.equal(host.getConnections().length, 0)
  return { seen }
}

async function tlsTo(hosts: StockHosts, host: Libp2p, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = await hosts.connect(host, HELLO)
  await answered(socket)
  const client = connect({ ...base(options), socket })
  client.on('error', () => {})
  client.resume()
  return client
}

function base(options: ConnectionOptions): ConnectionOptions {
  return { rejectUnauthorized: false, ALPNProtocols: ['/yamux/1.0.0', 'libp2p'], ...options }
}

/** Waits for the answer to the negotiation; behind it nothing comes before we speak. */
async function answered(socket: Socket): Promise<void> {
  let count = 0
  await new Promise<void>((resolve) => {
    const read = (bytes: Buffer) => {
      count += bytes.byteLength
      if (count < HELLO.byteLength) return
      socket.off('data', read)
      socket.pause()
      resolve()
    }
    socket.on('data', read)
  })
}

/** A stream whose first bytes go out behind `first` in one segment; as many are cut off what comes. */
function gluedBehind(first: Buffer, socket: Socket): Duplex {
  let sent = false
  let left = first.byteLength
  const stream = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      socket.write(sent ? bytes : Buffer.concat([first, bytes]), () => done())
      sent = true
    },
  })
  socket.on('data', (bytes) => {
    const rest = bytes.subarray(Math.min(left, bytes.byteLength))
    left -= bytes.byteLength - rest.byteLength
    if (rest.byteLength > 0) stream.push(rest)
  })
  socket.on('close', () => stream.push(null))
  return stream
}

function line(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
}
