/** Direct connections to servers that keep to no rule: what the asker gets to hear, and that it is never stuck. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { SystemClock } from '../../core/clock.ts'
import { FRAME_BYTES_MAX } from '../../core/limits.ts'
import { silentLogger } from '../../core/log.ts'
import { createMetrics } from '../../core/metrics.ts'
import { SystemRandom } from '../../core/random.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { type Flaws, madeCertificate } from '../native-tls/made-certificate.suite.ts'
import { peerOf } from '../native-tls/stock-hosts.suite.ts'
import { TlsIdentity } from '../native-tls/tls-identity.ts'
import { until } from '../start-networks.suite.ts'
import type { BulkAsking } from './bulk-asking.ts'
import { BulkClient } from './bulk-client.ts'
import { BULK_PROTOCOL, type BulkHeader, encodeBulkHeader } from './bulk-frame.ts'

const LIMIT = { timeout: 240_000 }

describe('the asker of direct connections', LIMIT, () => {
  const dials: [string, Flaws & { alpn?: string; isAnother?: boolean }][] = [
    ['is another peer', { isAnother: true }],
    ['has no extension in its certificate', { extensions: [] }],
    ['speaks something else there', { alpn: 'h2' }],
  ]
  for (const [what, flaws] of dials) {
    test(`does not connect to who ${what}, and sends it nothing`, async () => {
      await using world = await World.start(() => {}, flaws)
      assert.equal(world.client.linkTo(world.peer), undefined)
      await until(() => world.connections > 0 || world.refused > 0)
      await until(() => world.open === 0)
      assert.equal(world.client.linkTo(world.peer), undefined)
      assert.equal(world.receivedBytes, 0)
    })
  }

  const lies: [string, string, (socket: TLSSocket) => void][] = [
    ['a frame of four gigabytes', 'PEER_MISBEHAVED', (socket) => socket.write(Buffer.alloc(9, 0xff))],
    ['an answer to nothing', 'PEER_MISBEHAVED', (socket) => socket.write(frame(9, 'last', 'x'))],
    ['a request of its own', 'PEER_MISBEHAVED', (socket) => socket.write(frame(1, 'open', '/x'))],
    ['an error that is none', 'PEER_MISBEHAVED', (socket) => socket.write(frame(1, 'error', 'oh'))],
    [
      'more than the window',
      'PEER_MISBEHAVED',
      (socket) => {
        for (let count = 0; count < 33; count++) socket.write(frame(1, 'more', 'x'.repeat(FRAME_BYTES_MAX)))
      },
    ],
    [
      'a polite end in the middle of an answer',
      'CONNECTION_LOST',
      (socket) => socket.end(frame(1, 'more', 'x')),
    ],
    [
      'a polite end in the middle of a frame',
      'CONNECTION_LOST',
      (socket) => socket.end(frame(1, 'last', 'hello').subarray(0, 11)),
    ],
    ['a broken line', 'CONNECTION_LOST', (socket) => socket.destroy()],
    ['nothing', 'DEADLINE_EXCEEDED', () => {}],
  ]
  for (const [what, code, answer] of lies) {
    test(`an answer that is ${what} is ${code} [R-05]`, async () => {
      await using world = await World.start((socket) => socket.once('data', () => answer(socket)))
      const link = await world.link()
      const reading = async () => {
        for await (const _frame of link.request('/x', [Buffer.from('?')], { bulk: true, timeoutMs: 1_500 })) {
          // The window is to fill.
          if (what.startsWith('more')) await new Promise((resolve) => setTimeout(resolve, 300))
        }
      }
      await assert.rejects(reading(), { code })
    })
  }

  test('an answer that ends right before the connection does is whole', async () => {
    await using world = await World.start((socket) => {
      socket.once('data', () =>
        socket.end(Buffer.concat([frame(1, 'more', 'all of '), frame(1, 'last', 'it')])),
      )
    })
    const link = await world.link()
    let text = ''
    for await (const bytes of link.request('/x', [], { bulk: true })) text += Buffer.from(bytes).toString()
    assert.equal(text, 'all of it')
  })

  test('an answer comes in order, whether its frames are shorter or longer than what is kept for them', async () => {
    const parts = [9, 10, 1024 * 1024, 5, 300_000, 70_000, 262_144, 262_145].map((length, index) =>
      String.fromCharCode(97 + index).repeat(length),
    )
    await using world = await World.start((socket) => {
      socket.once('data', () => {
        for (const part of parts) socket.write(frame(1, 'more', part))
        socket.write(frame(1, 'end', ''))
      })
    })
    const link = await world.link()
    let text = ''
    for await (const bytes of link.request('/x', [], { bulk: true })) text += Buffer.from(bytes).toString()
    // Not `equal`: two mebibytes of text are no help when they differ.
    assert.ok(text === parts.join(''))
  })

  test('who speaks before it is asked is hung up on', async () => {
    await using world = await World.start((socket) => socket.write(frame(1, 'last', 'buy this')))
    world.client.linkTo(world.peer)
    await until(() => world.connections > 0 && world.open === 0)
    assert.equal(world.client.linkTo(world.peer), undefined)
  })

  test('a connection is used only after the first word of the other end', async () => {
    const connected = Promise.withResolvers<TLSSocket>()
    await using world = await World.start((socket) => connected.resolve(socket), { isMute: true })
    world.client.linkTo(world.peer)
    const socket = await connected.promise
    for (let round = 0; round < 10; round++) {
      assert.equal(world.client.linkTo(world.peer), undefined)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    socket.write(frame(0, 'ready', ''))
    await world.link()
    assert.equal(world.receivedBytes, 0)
  })

  const words: [string, Buffer][] = [
    ['another word', frame(0, 'end', '')],
    ['a first word for a request', frame(3, 'ready', '')],
    ['a first word twice', Buffer.concat([frame(0, 'ready', ''), frame(0, 'ready', '')])],
    ['half a first word', frame(0, 'ready', '').subarray(0, 5)],
  ]
  for (const [what, bytes] of words) {
    test(`who says ${what} is not asked, and the connection is closed [R-05]`, async () => {
      await using world = await World.start((socket) => socket.write(bytes), { isMute: true })
      world.client.linkTo(world.peer)
      await until(() => world.connections > 0 && world.open === 0)
      assert.equal(world.client.linkTo(world.peer), undefined)
      assert.equal(world.receivedBytes, 0)
    })
  }

  test('after a connection that was refused, requests go by libp2p for a while and nobody is dialled again', async () => {
    await using world = await World.start((socket) => socket.destroy(), { isMute: true })
    world.client.linkTo(world.peer)
    await until(() => world.connections === 1 && world.open === 0)
    // TLS tells an asker only after its handshake that it was refused; it is not used before the first word.
    for (let round = 0; round < 20; round++) {
      assert.equal(world.client.linkTo(world.peer), undefined)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.equal(world.connections, 1)
  })
})

/** A server of direct connections that does what a test wants, and an asker. */
class World implements AsyncDisposable {
  readonly peer: PeerId
  readonly client: BulkClient
  connections = 0
  refused = 0
  receivedBytes = 0
  readonly #server: Server
  readonly #sockets = new Set<TLSSocket>()

  private constructor(peer: PeerId, ownKey: PrivateKey, server: Server) {
    this.peer = peer
    this.#server = server
    const clock = new SystemClock()
    this.client = new BulkClient({
      clock,
      log: silentLogger,
      metrics: createMetrics({ processMetrics: false }),
      identity: new TlsIdentity({ clock, random: new SystemRandom() }, ownKey),
      addressesOf: async () => [{ host: '127.0.0.1', port: (server.address() as { port: number }).port }],
    })
  }

  static async start(
    serve: (socket: TLSSocket) => void,
    flaws: Flaws & { alpn?: string; isAnother?: boolean; isMute?: boolean } = {},
  ): Promise<World> {
    const [key, expected, own] = await Promise.all([1, 2, 3].map(() => generateKeyPair('Ed25519')))
    if (key === undefined || expected === undefined || own === undefined) throw new Error('no keys')
    const pair = await madeCertificate(key, flaws)
    const server = createServer({
      cert: pair.cert,
      key: pair.key,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [flaws.alpn ?? BULK_PROTOCOL],
    })
    const world = new World(peerOf(flaws.isAnother === true ? expected : key) as PeerId, own, server)
    server.on('tlsClientError', () => world.refused++)
    server.on('secureConnection', (socket) => {
      world.connections++
      world.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        world.receivedBytes += bytes.byteLength
      })
      socket.on('close', () => world.#sockets.delete(socket))
      if (flaws.isMute !== true) socket.write(frame(0, 'ready', ''))
      serve(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return world
  }

  get open(): number {
    return this.#sockets.size
  }

  async link(): Promise<BulkAsking> {
    await until(() => this.client.linkTo(this.peer) !== undefined)
    const link = this.client.linkTo(this.peer)
    if (link === undefined) throw new Error('no link')
    return link
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.stop()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function frame(id: number, mark: BulkHeader['mark'], text: string): Buffer {
  const content = Buffer.from(text)
  return Buffer.concat([encodeBulkHeader({ id, mark, sizeBytes: content.byteLength }), content])
}
