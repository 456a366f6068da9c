/** What happens on a connection under native TLS when the line breaks, the reader stops or an end goes away. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Libp2p } from '@libp2p/interface'
import { drained } from '../frame-stream.ts'
import { until } from '../start-networks.suite.ts'
import { addressOf, echo, StockHosts } from './stock-hosts.suite.ts'

const MIB = 2 ** 20
const MOST_OF_A_TRANSFER = 3_000_000
/** That it comes about is tested, not how soon: other programs may have the machine. */
const LONG_ENOUGH_MS = 30_000

describe('a connection under native TLS', { timeout: 240_000 }, () => {
  for (const [dials, answers] of [
    ['stock', 'native'],
    ['native', 'stock'],
  ] as const) {
    for (const what of ['flip', 'cut'] as const) {
      for (const direction of ['to server', 'to client'] as const) {
        const name = what === 'flip' ? 'a flipped bit' : 'a reset'
        test(`${dials} dials ${answers}, ${name} ${direction}: an error at both, no connection left`, async () => {
          await using hosts = new StockHosts()
          const [a, b] = [await hosts.start([dials]), await hosts.start([answers])]
          const address = await hosts.meddler(b, { what, direction, afterBytes: MOST_OF_A_TRANSFER })
          const outcome = await a
            .dial(address)
            .then((connection) => echo(connection, 16 * MIB))
            .then(() => 'the echo came back whole', String)
          // What else ends a stream, and leaves its connection, is no broken line.
          assert.match(outcome, /ended after [1-9]\d{6} bytes|reset|ECONN|abort|closed/i)
          await until(() => nobodyConnected(a, b), LONG_ENOUGH_MS)
        })
      }
    }
  }

  test('a bad record that comes late to a server closes its connection, though Node says it only as _tlsError', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['native'])]
    const address = await hosts.meddler(b, { what: 'flip', direction: 'to server', afterBytes: 200_000 })
    const connection = await a.dial(address)
    await echo(connection, 64 * 1024)
    assert.equal(b.getConnections().length, 1)
    await assert.rejects(echo(connection, MIB))
    await until(() => b.getConnections().length === 0, LONG_ENOUGH_MS)
  })

  for (const reader of ['stock', 'native'] as const) {
    test(`a sender waits for a ${reader} reader that does not read, and everything arrives`, async () => {
      await using hosts = new StockHosts()
      const [a, b] = [await hosts.start(['native']), await hosts.start([reader])]
      let received = 0
      let goOn = () => {}
      await b.handle('/slow/1', (stream) => {
        stream.addEventListener('message', ({ data }) => {
          received += data.byteLength
        })
        stream.pause()
        goOn = () => stream.resume()
      })
      const stream = await (await a.dial(addressOf(b))).newStream('/slow/1')
      const piece = Buffer.alloc(64 * 1024, 3)
      let sent = 0
      while (stream.send(piece)) sent += piece.byteLength
      sent += piece.byteLength
      assert.ok(sent < 8 * MIB, `${sent} bytes were taken from the sender of a paused reader`)
      assert.equal(received, 0)
      goOn()
      await drained(stream, AbortSignal.timeout(LONG_ENOUGH_MS))
      await until(() => received === sent, LONG_ENOUGH_MS)
    })
  }

  test('abort removes the connection at the remote', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['native'])]
    const connection = await a.dial(addressOf(b))
    await connection.newStream('/echo/1')
    connection.abort(new Error('enough'))
    await until(() => b.getConnections().length === 0, LONG_ENOUGH_MS)
  })

  test('aborted at any moment, with bytes on their way in both directions, the process goes on', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['native'])]
    // A reset below TLS crashed Node here: a failure would be the end of this process, not of this test.
    for (let round = 0; round < 40; round++) {
      const dialling = new AbortController()
      const dial = a.dial(addressOf(b), { signal: dialling.signal, force: true }).catch(() => undefined)
      const isDialCutShort = round % 4 === 0
      if (isDialCutShort) setTimeout(() => dialling.abort(), round / 10)
      const connection = await dial
      const isEchoing = connection !== undefined && !isDialCutShort
      const echoing = isEchoing ? echo(connection, 8 * MIB).catch(() => {}) : undefined
      if (isEchoing) await new Promise((resolve) => setTimeout(resolve, round % 7))
      // A dial may be faster than what was to cut it short.
      connection?.abort(new Error('enough'))
      await echoing
    }
    // Or be whole just when it is cut short: then the host has a connection that nobody here was given. Whatever is
    // left must be whole, at both ends, and go when it is told to.
    await until(() => openIn(a) === a.getConnections().length && openIn(a) === openIn(b), LONG_ENOUGH_MS)
    for (const connection of a.getConnections()) {
      await echo(connection, MIB)
      connection.abort(new Error('enough'))
    }
    await until(() => nobodyConnected(a, b), LONG_ENOUGH_MS)
  })

  test('close ends the connection at both, and a stream that was written to before it ends too', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['stock'])]
    const ended = Promise.withResolvers<number>()
    await b.handle('/sink/1', (stream) => {
      let count = 0
      stream.addEventListener('message', ({ data }) => {
        count += data.byteLength
      })
      stream.addEventListener('close', () => ended.resolve(count))
    })
    const connection = await a.dial(addressOf(b))
    const stream = await connection.newStream('/sink/1')
    stream.send(Buffer.alloc(MIB))
    await stream.close()
    await connection.close()
    // How much arrives is not promised, by stock TLS neither: whoever needs to know must be told by the reader.
    assert.ok((await ended.promise) <= MIB)
    await until(() => nobodyConnected(a, b), LONG_ENOUGH_MS)
  })

  test('hosts that stop leave no connection and no unheard error', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['native'])]
    const connection = await a.dial(addressOf(b))
    await echo(connection, MIB)
    await b.stop()
    await until(() => a.getConnections().length === 0, LONG_ENOUGH_MS)
  })
})

function openIn(host: Libp2p): number {
  return host.getConnections().filter(({ status }) => status === 'open').length
}

function nobodyConnected(...hosts: Libp2p[]): boolean {
  return hosts.every((host) => host.getConnections().length === 0)
}
