import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import {
  call,
  createTestServices,
  eventsOf,
  recordingLogger,
  startTestServer,
  TOKEN,
} from './http-server.suite.ts'
import type { DocumentedRoute } from './openapi-document.ts'

/** A path that fits the route; ids are well formed and unknown. */
function pathOf(route: DocumentedRoute): string {
  return route.url.replace(':id', 'f'.repeat(32))
}

test('every route of the router refuses no token, a wrong one, a foreign Origin and a forged Host [R-15]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  assert.ok(server.routes.length >= 15)
  const port = new URL(server.url).port
  const wrong: string[] = []
  const expect = async (
    route: DocumentedRoute,
    name: string,
    status: number,
    code: string,
    options: Parameters<typeof call>[3],
  ) => {
    const answer = await call(server, route.method, pathOf(route), options)
    const got = route.method === 'HEAD' ? code : (answer.json().error?.code ?? 'none')
    if (answer.status !== status || got !== code) {
      wrong.push(`${route.method} ${route.url} ${name}: ${answer.status} ${got}`)
    }
  }
  for (const route of server.routes) {
    if (route.url !== '/health') {
      await expect(route, 'no token', 401, 'TOKEN_REFUSED', { token: null })
      await expect(route, 'other scheme', 401, 'TOKEN_REFUSED', {
        token: null,
        headers: { authorization: `Basic ${TOKEN}` },
      })
    }
    for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${Number(port) + 1}`]) {
      await expect(route, `origin ${origin}`, 403, 'FOREIGN_ORIGIN', { headers: { origin } })
    }
    await expect(route, 'cross-site fetch', 403, 'FOREIGN_ORIGIN', {
      headers: { 'sec-fetch-site': 'cross-site' },
    })
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `0x7f.1:${port}`,
    ]) {
      await expect(route, `host ${host}`, 403, 'FOREIGN_HOST', { headers: { host } })
    }
  }
  assert.deepEqual(wrong, [])
})

test('every route of the router refuses a wrong token [R-15]', async (context) => {
  for (let begin = 0; ; begin += 8) {
    // Wrong tokens are limited to ten a minute, so every eight routes get a server of their own.
    const { services } = createTestServices()
    const server = await startTestServer(context, services)
    const routes = server.routes.filter((route) => route.url !== '/health').slice(begin, begin + 8)
    if (routes.length === 0) return
    for (const route of routes) {
      const answer = await call(server, route.method, pathOf(route), { token: `${TOKEN}x` })
      assert.equal(answer.status, 401, `${route.method} ${route.url}`)
    }
  }
})

test('a path that no route has, a preflight and a WebSocket upgrade are refused like any other request [R-15]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  assert.equal((await call(server, 'GET', '/v2/anything', { token: null })).status, 401)
  assert.equal((await call(server, 'GET', '/v2/anything')).json().error.code, 'ROUTE_NOT_FOUND')
  const preflight = await call(server, 'OPTIONS', '/v1/commands/ping', {
    token: null,
    headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
  })
  assert.equal(preflight.status, 403)
  assert.deepEqual(
    Object.keys(preflight.headers).filter((name) => name.startsWith('access-control')),
    [],
  )
  const upgrade = await call(server, 'GET', '/v1/events', {
    token: null,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'AAAA',
      'sec-websocket-version': 13,
    },
  })
  assert.equal(upgrade.status, 401)
})

test('the own origin, loopback names and the health check without a token are let in [R-15]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const { host, port } = new URL(server.url)
  const own = await call(server, 'POST', '/v1/commands/ping', { headers: { origin: `http://${host}` } })
  assert.equal(own.status, 200)
  for (const name of [`localhost:${port}`, `[::1]:${port}`, 'localhost:8080']) {
    assert.equal(
      (await call(server, 'POST', '/v1/commands/ping', { headers: { host: name } })).status,
      200,
      name,
    )
  }
  assert.equal((await call(server, 'GET', '/health', { token: null })).status, 200)
})

test('ten wrong tokens in a minute are all that is tried; the owner at this machine still gets in [R-15]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  for (let guess = 0; guess < 10; guess++) {
    assert.equal((await call(server, 'GET', '/metrics', { token: `guess-${guess}` })).status, 401)
  }
  const refused = await call(server, 'GET', '/metrics', { token: 'guess-10' })
  assert.equal(refused.status, 429)
  assert.equal(refused.json().error.code, 'TOO_MANY_FAILURES')
  assert.ok(Number(refused.headers['retry-after']) > 0 && Number(refused.headers['retry-after']) <= 60)
  assert.equal((await call(server, 'GET', '/metrics')).status, 200)
  assert.equal((await call(server, 'GET', '/health', { token: null })).status, 200)
})

test('refuses an address that other machines reach without consent, and a port that is taken [R-15]', async (context) => {
  const { services } = createTestServices()
  for (const host of ['0.0.0.0', '::', '192.0.2.1', '127.evil.example']) {
    await assert.rejects(startTestServer(context, services, { host }), { code: 'PUBLIC_ADDRESS' })
  }
  const server = await startTestServer(context, services)
  const port = Number(new URL(server.url).port)
  await assert.rejects(startTestServer(context, createTestServices().services, { port }), {
    code: 'API_ADDRESS_TAKEN',
  })
  const open = await startTestServer(context, createTestServices().services, {
    host: '0.0.0.0',
    publicConsent: true,
  })
  const openPort = new URL(open.url).port
  const as = async (host: string) =>
    (await call(open, 'POST', '/v1/commands/ping', { headers: { host } })).status
  assert.equal(await as(`192.0.2.7:${openPort}`), 200)
  assert.equal(await as('192.0.2.7:1'), 403)
  assert.equal(await as(`node.example:${openPort}`), 403)
})

test('logs and metrics name routes and statuses, never a token, a key, a name or a query [R-16]', async (context) => {
  const lines: string[] = []
  const { services, content } = createTestServices({ log: recordingLogger(lines) })
  const server = await startTestServer(context, services)
  const key = Buffer.alloc(32, 7)
  const id = content.add(Buffer.from('sealed'), { key })
  await call(server, 'GET', `/v1/content/${id}?name=canary-name`, {
    headers: { 'x-kizuna-key': key.toString('base64url') },
  })
  await call(server, 'POST', '/v1/commands/ping', { token: 'canary-wrong-token' })
  await call(server, 'POST', '/v1/share?name=canary-name', { body: 'canary-body' })
  await call(server, 'POST', '/v1/commands/ping', {
    body: '{"canary-body": ',
    headers: { 'content-type': 'application/json' },
  })
  const output = lines.join('\n') + (await services.metrics.print())
  assert.match(output, /\/v1\/content\/:id/)
  for (const secret of [TOKEN, key.toString('base64url'), 'canary']) {
    assert.ok(!output.includes(secret), `${secret} in\n${output}`)
  }
})

test('a fault of ours is a 500 with a code and a hint, and its stack goes only to the log', async (context) => {
  const lines: string[] = []
  const { services } = createTestServices({ log: recordingLogger(lines) })
  const server = await startTestServer(context, services)
  const send = (headers = {}) =>
    call(server, 'POST', '/v1/commands/wait', {
      body: '{"steps":13}',
      headers: { 'content-type': 'application/json', ...headers },
    })
  const answer = await send()
  assert.equal(answer.status, 500)
  assert.deepEqual(Object.keys(answer.json().error).sort(), [
    'code',
    'correlationId',
    'hint',
    'kind',
    'message',
  ])
  assert.ok(!answer.body.includes('hunter2') && !answer.body.includes('.ts'))
  const events = eventsOf((await send({ accept: 'text/event-stream' })).body)
  assert.equal(events.at(-1)?.event, 'error')
  assert.ok(!JSON.stringify(events).includes('hunter2'))
  assert.equal(lines.filter((line) => line.includes('hunter2')).length, 2)
})

test('bodies that are no JSON, too long, of another type or poisonous are refused in our form', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const send = async (body: string, type = 'application/json') => {
    const answer = await call(server, 'POST', '/v1/commands/ping', {
      body,
      headers: { 'content-type': type },
    })
    return `${answer.status} ${answer.json().error.code}`
  }
  assert.equal(await send('{"text":'), '400 INVALID_REQUEST')
  assert.equal(await send('{"__proto__":{"text":"x"}}'), '400 INVALID_REQUEST')
  assert.equal(await send('{"text":"x"}', 'text/plain'), '415 INVALID_REQUEST')
  assert.equal(await send('[]'), '400 INVALID_INPUT')
  assert.equal(await send('{"other":1}'), '400 INVALID_INPUT')
  assert.equal(await send(`{"text":"${'x'.repeat(2 * 1024 * 1024)}"}`), '413 BODY_TOO_LARGE')
})

test('what is no HTTP, or has endless headers or a broken address, gets a proper refusal', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const { hostname, port } = new URL(server.url)
  const raw = async (text: string): Promise<string> => {
    const socket = connect(Number(port), hostname)
    socket.end(text)
    let answer = ''
    socket.on('data', (piece) => {
      answer += piece.toString()
    })
    await once(socket, 'close')
    return answer
  }
  assert.match(await raw('hello\r\n\r\n'), /^HTTP\/1.1 400 .*INVALID_REQUEST/s)
  assert.match(
    await raw(`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(40_000)}\r\n\r\n`),
    /^HTTP\/1.1 431 .*INVALID_REQUEST/s,
  )
  assert.match(await raw('GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1.1 400/)
  assert.match(
    await raw('GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1.1 400 .*comes twice/s,
  )
  assert.match(
    await raw('GET /v1/content/%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1.1 4\d\d .*"code"/s,
  )
})

test('a refused upload is answered at once and its connection closed, not read to its end', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.write('POST /v1/share HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nsome bytes')
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1.1 401/)
  assert.match(String(answer), /connection: close/i)
  await once(socket, 'close')
})

test('stops within three seconds with a command, an event stream and a half-sent upload under way', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const { hostname, port } = new URL(server.url)
  const upload = connect(Number(port), hostname)
  upload.write(
    `POST /v1/share HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1000000\r\n\r\nsome`,
  )
  upload.on('error', () => {})
  const silent = connect(Number(port), hostname)
  silent.on('error', () => {})
  const events = call(server, 'GET', '/v1/events')
  const command = call(server, 'POST', '/v1/commands/wait', { headers: { accept: 'text/event-stream' } })
  await services.clock.sleep(100)
  const begin = services.clock.monotonic()
  await server.stop()
  assert.ok(services.clock.monotonic() - begin < 3_000)
  assert.equal((await events).status, 200)
  assert.deepEqual(eventsOf((await command).body).at(-1)?.event, 'error')
  await assert.rejects(call(server, 'GET', '/health'), { code: 'ECONNREFUSED' })
})

test('a client that sends its headers drop by drop is cut off [R-15]', {
  timeout: 30_000,
}, async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n')
  const drops = setInterval(() => socket.write('X: y\r\n'), 500)
  let answer = ''
  socket.on('data', (piece) => {
    answer += piece.toString()
  })
  await once(socket, 'close')
  clearInterval(drops)
  assert.match(answer, /^HTTP\/1.1 408 /)
})
