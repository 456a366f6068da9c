/** An upgrade of libp2p that changes what `raw-socket.ts` reaches into fails here, before it costs anybody speed. */
import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { rawSocketOf } from './raw-socket.ts'
import { addressOf, echo, StockHosts } from './stock-hosts.suite.ts'

describe('the raw socket of a connection', () => {
  test('libp2p’s TCP connection is built as raw-socket.ts knows it: native TLS is used, not the fallback', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['native'])]
    await echo(await a.dial(addressOf(b)), 1024)
    const hint = 'libp2p’s TCP connection has changed: adapt raw-socket.ts to it'
    assert.deepEqual([hosts.securedBy(a), hosts.securedBy(b)], [['native'], ['native']], hint)
  })

  test('Node’s sessions are built as raw-socket.ts knows them: records land in memory that is used again', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['native'])]
    const listening = mock.method(TLSSocket.prototype, 'on')
    try {
      await echo(await a.dial(addressOf(b)), 1024)
      const events = listening.mock.calls.map(({ arguments: [event] }) => event as string)
      assert.ok(events.includes('drain'))
      assert.ok(!events.includes('data'), 'Node has changed: adapt landAll in raw-socket.ts to it')
    } finally {
      listening.mock.restore()
    }
  })

  test('what is built otherwise is left to stock TLS', () => {
    const strangers: Record<string, unknown>[] = [
      {},
      { socket: {}, readBuffer: { byteLength: 0 } },
      { socket: undefined, abort() {}, onData() {} },
    ]
    for (const stranger of strangers)
      assert.equal(rawSocketOf(stranger as unknown as MessageStream), undefined)
  })

  test('a connection whose private parts are hidden is secured all the same, by stock TLS', async () => {
    await using hosts = new StockHosts()
    const [a, b] = [await hosts.start(['native']), await hosts.start(['native'])]
    const encrypter = (a as unknown as Inside).components.upgrader.getConnectionEncrypters().get('/tls/1.0.0')
    assert.ok(encrypter !== undefined)
    const secure = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureOutbound = (connection, options) => {
      const hidden = ['socket', 'readBuffer']
      const proxy = new Proxy(connection, {
        get: (target, name) => {
          if (hidden.includes(String(name))) return undefined
          const value = Reflect.get(target, name) as unknown
          return typeof value === 'function' && name !== 'log' ? value.bind(target) : value
        },
      })
      return secure(proxy, options)
    }
    const connection = await a.dial(addressOf(b))
    assert.deepEqual(hosts.securedBy(a), ['stock'])
    await echo(connection, 2 ** 20)
  })
})

interface Inside {
  components: { upgrader: { getConnectionEncrypters(): Map<string, ConnectionEncrypter> } }
}
