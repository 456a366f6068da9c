/**
 * Our TLS against unmodified hosts of js-libp2p, in both directions: whom it reaches and whom it does not. What it
 * refuses from those who keep to no protocol is in native-tls-refusals.test.ts, what happens when a line breaks in
 * native-tls-broken.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { until } from '../start-networks.suite.ts'
import { addressOf, type Encryption, echo, portOf, StockHosts } from './stock-hosts.suite.ts'

const MIB = 2 ** 20

describe('native TLS and unmodified hosts', { timeout: 240_000 }, () => {
  for (const [dials, answers] of [
    ['native', 'stock'],
    ['stock', 'native'],
    ['native', 'native'],
  ] as const) {
    test(`${dials} dials ${answers}: 24 MiB there and back`, async () => {
      await using hosts = new StockHosts()
      const [a, b] = [await hosts.start([dials]), await hosts.start([answers])]
      const connection = await a.dial(addressOf(b))
      assert.equal(connection.encryption, '/tls/1.0.0')
      assert.equal(connection.multiplexer, '/yamux/1.0.0')
      assert.ok(connection.remotePeer.equals(b.peerId))
      await echo(connection, 24 * MIB)
      assert.ok(b.getConnections(a.peerId).length === 1)
      for (const host of [a, b]) assert.ok(!hosts.securedBy(host).includes('stock'))
      assert.deepEqual(hosts.securedBy(dials === 'native' ? a : b), ['native'])
    })
  }

  for (const type of ['Ed25519', 'secp256k1', 'RSA'] as const) {
    test(`host keys of kind ${type}, in both directions`, async () => {
      await using hosts = new StockHosts()
      const keys = [await generateKeyPair(type as 'Ed25519'), await generateKeyPair(type as 'Ed25519')]
      const [native, stock] = [
        await hosts.start(['native'], { privateKey: keys[0] as never }),
        await hosts.start(['stock'], { privateKey: keys[1] as never }),
      ]
      const there = await native.dial(addressOf(stock))
      await echo(there, MIB)
      await there.close()
      await until(() => stock.getConnections().length === 0)
      await echo(await stock.dial(addressOf(native)), MIB)
    })
  }

  for (const [dials, answers] of [
    ['stock without early muxer', 'native'],
    ['native', 'stock without early muxer'],
  ] as const) {
    test(`${dials} dials ${answers}: the muxer is negotiated inside TLS`, async () => {
      await using hosts = new StockHosts()
      const [a, b] = [await hosts.start([dials]), await hosts.start([answers])]
      const connection = await a.dial(addressOf(b))
      await echo(connection, MIB)
      assert.equal(connection.multiplexer, '/yamux/1.0.0')
    })
  }

  test('a remote that prefers Noise but has TLS is spoken to by TLS', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['noise', 'stock'])]
    const connection = await a.dial(addressOf(b))
    assert.equal(connection.encryption, '/tls/1.0.0')
    await echo(connection, MIB)
  })

  test('with Noise offered second, TLS is taken where both have it and Noise where TLS is missing', async () => {
    await using hosts = new StockHosts()
    const a = await hosts.start(['native', 'noise'])
    const [both, noise] = [await hosts.start(['noise', 'stock']), await hosts.start(['noise'])]
    assert.equal((await a.dial(addressOf(both))).encryption, '/tls/1.0.0')
    const other = await a.dial(addressOf(noise))
    assert.equal(other.encryption, '/noise')
    await echo(other, MIB)
  })

  test('a remote without TLS is refused', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['noise'])]
    await assert.rejects(a.dial(addressOf(b)))
    assert.equal(a.getConnections().length, 0)
  })

  for (const [dials, answers] of [
    ['native', 'stock'],
    ['stock', 'native'],
    ['native', 'native'],
  ] as [Encryption, Encryption][]) {
    test(`${dials} dials ${answers} and expects somebody else: refused`, async () => {
      await using hosts = new StockHosts()
      const [a, b] = [await hosts.start([dials]), await hosts.start([answers])]
      const other = await hosts.start(['stock'])
      const wrong = multiaddr(`/ip4/127.0.0.1/tcp/${portOf(b)}/p2p/${other.peerId}`)
      await assert.rejects(a.dial(wrong))
      assert.equal(a.getConnections().length, 0)
      await until(() => b.getConnections().length === 0)
    })
  }

  test('a dozen dials within a second are all taken', async () => {
    await using hosts = new StockHosts()
    const answers = await hosts.start(['native'])
    const dialling = Array.from({ length: 12 }, async (_, index) => {
      const host = await hosts.start([index % 2 === 0 ? 'native' : 'stock'])
      await echo(await host.dial(addressOf(answers)), 64 * 1024)
    })
    await Promise.all(dialling)
  })
})
