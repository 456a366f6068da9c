/** Direct connections with an end that keeps to no rule: whom the server refuses, and what it survives. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { FRAME_BYTES_MAX } from '../../core/limits.ts'
import { SeededRandom } from '../../core/random.ts'
import { madeCertificate } from '../native-tls/made-certificate.suite.ts'
import { closing } from '../native-tls/stock-hosts.suite.ts'
import { until } from '../start-networks.suite.ts'
import { REQUEST_WINDOW_BYTES } from './bulk-frame.ts'
import { credit, ECHO, frame, raw, ServedWorld } from './served-world.suite.ts'

const SOON_MS = 8_000

describe('the server of direct connections', { timeout: 240_000 }, () => {
  test('answers who proves to be a connected peer', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    client.write(frame(1, 'open', ECHO), () => {})
    client.write(frame(1, 'last', 'hello'))
    const frames = await world.framesOf(client, 2)
    assert.deepEqual(frames, [
      [1, 'more', 'hello'],
      [1, 'end', ''],
    ])
  })

  test('says first, and unasked, to whom it lets in that it did', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    const said = await new Promise<Buffer>((resolve) => client.once('data', resolve))
    assert.equal(said.toString('hex'), '000000000000000007')
  })

  test('refuses a peer that libp2p has not connected, whatever it proves [R-24]', async () => {
    await using world = await ServedWorld.start({ isConnected: () => false })
    const client = await world.dial()
    let said = 0
    client.on('data', (bytes: Buffer) => {
      said += bytes.byteLength
    })
    await closing(client, SOON_MS)
    assert.equal(said, 0)
    assert.equal(await world.metrics.total('kizuna_bulk_refusals_total'), 1)
  })

  const strangers: [string, (key: PrivateKey) => Promise<ConnectionOptions>][] = [
    ['no certificate', async () => ({})],
    ['a certificate without the extension', (key) => madeCertificate(key, { extensions: [] })],
    [
      'the extension of another',
      async (key) => madeCertificate(key, { signer: await generateKeyPair('Ed25519') }),
    ],
    [
      'TLS 1.2',
      async (key) => ({ ...(await madeCertificate(key)), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }),
    ],
    ['another ALPN name', async (key) => ({ ...(await madeCertificate(key)), ALPNProtocols: ['h2'] })],
    ['no ALPN name', async (key) => ({ ...(await madeCertificate(key)), ALPNProtocols: [] })],
  ]
  for (const [what, options] of strangers) {
    test(`refuses ${what}`, async () => {
      await using world = await ServedWorld.start()
      const client = world.tls(await options(world.key))
      client.write(frame(1, 'open', '/test/deaf/1'))
      await closing(client, SOON_MS)
      assert.equal(world.asked, 0)
    })
  }

  test('refuses a resumed session, which would show no certificate', async () => {
    await using world = await ServedWorld.start()
    const pair = await madeCertificate(world.key)
    const first = world.tls(pair)
    const session = await new Promise<Buffer>((resolve) => first.once('session', resolve).resume())
    const again = world.tls({ ...pair, session })
    again.write(frame(1, 'open', '/test/deaf/1'))
    await closing(again, SOON_MS)
    assert.equal(world.asked, 0)
  })

  const violations: [string, Buffer][] = [
    ['a frame of four gigabytes', raw(1, 0, 0xffff_ffff)],
    ['a frame longer than allowed', raw(1, 0, FRAME_BYTES_MAX + 1)],
    ['an unknown mark', raw(1, 99, 0)],
    ['a name without end', raw(1, 4, 4_000)],
    ['a frame for a request that was not begun', frame(5, 'more', 'x')],
    ['an error as a request', Buffer.concat([frame(1, 'open', ECHO), frame(1, 'error', '{}')])],
    ['a number that was used', Buffer.concat([frame(2, 'open', ECHO), frame(2, 'open', ECHO)])],
    ['a number that goes back', Buffer.concat([frame(2, 'open', ECHO), frame(1, 'open', ECHO)])],
    ['a credit that was not used', Buffer.concat([frame(1, 'open', ECHO), credit(1, REQUEST_WINDOW_BYTES)])],
    ['a credit that is cut short', Buffer.concat([frame(1, 'open', ECHO), frame(1, 'credit', 'ab')])],
    ['a first word of the asker', Buffer.concat([frame(1, 'open', ECHO), frame(1, 'ready', '')])],
    ['a credit of nothing', Buffer.concat([frame(1, 'open', ECHO), credit(1, 0)])],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')],
  ]
  for (const [what, bytes] of violations) {
    test(`hangs up on ${what} [R-05]`, async () => {
      await using world = await ServedWorld.start()
      const client = await world.dial()
      client.write(bytes)
      await closing(client, SOON_MS)
    })
  }

  test('hangs up on more than the window while nobody reads, and took no more than that [R-05]', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    client.write(frame(1, 'open', '/test/deaf/1'))
    const full = frame(1, 'more', 'x'.repeat(FRAME_BYTES_MAX))
    for (let sent = 0; sent <= REQUEST_WINDOW_BYTES; sent += FRAME_BYTES_MAX) client.write(full)
    await closing(client, SOON_MS)
  })

  test('hangs up on empty frames without end [R-05]', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    client.write(frame(1, 'open', '/test/deaf/1'))
    client.write(Buffer.concat(Array.from({ length: 5_000 }, () => frame(1, 'more', ''))))
    await closing(client, SOON_MS)
  })

  test('hangs up on what is sent on and on for requests that were answered [R-05]', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    client.write(frame(1, 'open', '/test/none/1'))
    await world.framesOf(client, 1)
    const full = frame(1, 'more', 'x'.repeat(FRAME_BYTES_MAX))
    for (let sent = 0; sent <= 2 * REQUEST_WINDOW_BYTES; sent += FRAME_BYTES_MAX) client.write(full)
    await closing(client, SOON_MS)
  })

  test('more requests at once than allowed are told to come back', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    for (let id = 1; id <= 65; id++) client.write(frame(id, 'open', '/test/deaf/1'))
    const [[id, mark, text] = []] = await world.framesOf(client, 1)
    assert.deepEqual([id, mark], [65, 'error'])
    assert.match(String(text), /RATE_LIMITED/)
  })

  test('noise of chance ends a connection or changes nothing, and others are served on [R-05]', async () => {
    await using world = await ServedWorld.start()
    const random = new SeededRandom(3)
    for (let round = 0; round < 30; round++) {
      const client = await world.dial()
      const valid = Buffer.concat([frame(1, 'open', ECHO), frame(1, 'more', 'abc'), frame(1, 'last', 'def')])
      const place = random.integer(valid.byteLength)
      valid[place] = (valid[place] ?? 0) ^ (1 + random.integer(255))
      client.end(valid)
      client.resume()
      await closing(client, SOON_MS)
    }
    const client = await world.dial()
    client.write(Buffer.concat([frame(1, 'open', ECHO), frame(1, 'last', 'still there')]))
    assert.deepEqual((await world.framesOf(client, 1))[0], [1, 'more', 'still there'])
  })

  test('a bad record that comes late ends the connection and the answer, though Node says it only as _tlsError', async () => {
    await using world = await ServedWorld.start({ flipAfterBytes: 20_000 })
    const client = await world.dial()
    client.write(frame(1, 'open', '/test/deaf/1'))
    for (let sent = 0; sent < 60_000; sent += 1_000) client.write(frame(1, 'more', 'x'.repeat(1_000)))
    await closing(client, SOON_MS)
    await until(() => world.aborted === 1, SOON_MS)
  })

  test('an end in the middle of a request is no request, and stops its handler', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    client.end(Buffer.concat([frame(1, 'open', '/test/deaf/1'), frame(1, 'last', 'cut off').subarray(0, 12)]))
    await until(() => world.aborted === 1, SOON_MS)
  })

  test('a handshake that does not go on is given up in time, and keeps nobody else out', async () => {
    await using world = await ServedWorld.start()
    const silent = await Promise.all(
      Array.from({ length: 40 }, () => world.tcp(Buffer.from('160301020001', 'hex'))),
    )
    const refused = silent.filter((socket) => socket.destroyed)
    await until(async () => (await world.metrics.total('kizuna_bulk_refusals_total')) >= 8, SOON_MS)
    assert.ok(refused.length <= 8)
    await Promise.all(silent.map((socket) => closing(socket, SOON_MS)))
    await world.dial()
  })
})
