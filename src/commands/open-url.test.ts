import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { SystemClock } from '../core/clock.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { loadConfig } from '../node/config.ts'
import { readAll, TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'
import { openUrl } from './open-url.ts'

let server: Server
let origin: string
before(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? ''
    if (path === '/file/photo%20one.txt') response.end('the bytes')
    else if (path === '/named')
      response.setHeader('content-disposition', 'attachment; filename="given.bin"').end('x')
    else if (path === '/moved') response.writeHead(302, { location: '/file/photo%20one.txt' }).end()
    else if (path === '/loop') response.writeHead(302, { location: '/loop' }).end()
    else if (path === '/away') response.writeHead(302, { location: 'file:///etc/passwd' }).end()
    else if (path === '/cut') {
      response.writeHead(200, { 'content-length': '100' })
      response.write('only this', () => response.destroy())
    } else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => server.close())

const services = (localUrls: boolean) => ({
  clock: new SystemClock(),
  config: loadConfig({ userHome: '/tmp', flags: { localUrls } }),
})
const never = new AbortController().signal
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)

test('an address is fetched, stored and listed under its name [K-52]', async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory({ localUrls: true })
  const shared = await ask(node, 'share', { url: `${origin}/moved` })
  assert.deepEqual([shared.name, shared.sizeBytes], ['photo one.txt', 9])
  assert.equal((await readAll(node, shared.id)).toString(), 'the bytes')
  assert.equal((await openUrl(services(true), `${origin}/named`, never)).name, 'given.bin')
})

test('what gives nothing is said so, and nothing is shared', async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory({ localUrls: true })
  for (const path of ['missing', 'loop', 'away', 'cut']) {
    await assert.rejects(ask(node, 'share', { url: `${origin}/${path}` }), withCode('URL_UNREADABLE'), path)
  }
  for (const url of ['ftp://example.org/x', 'file:///etc/passwd', 'nonsense']) {
    await assert.rejects(ask(node, 'share', { url }), withCode('INVALID_INPUT'), url)
  }
  assert.equal((await ask(node, 'list')).total, 0)
})

test('no address leads into the local network unless the owner allows it', async () => {
  const hosts = [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '10.1.2.3',
    '169.254.169.254',
    '[fe80::1]',
    '[::ffff:127.0.0.1]',
    '0x7f.1',
    '2130706433',
  ]
  for (const host of hosts) {
    const { port } = new URL(origin)
    await assert.rejects(
      openUrl(services(false), `http://${host}:${port}/named`, never),
      (error: unknown) => {
        assert.ok(isKizunaError(error, 'URL_UNREADABLE'))
        assert.equal(error.kind, 'denied', host)
        return true
      },
    )
  }
})
