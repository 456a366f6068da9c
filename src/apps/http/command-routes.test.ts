import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { z } from 'zod'
import { type Command, defineCommand } from '../../commands/command.ts'
import { SystemClock } from '../../core/clock.ts'
import { contentIdOf } from '../../core/content-id.ts'
import { SystemRandom } from '../../core/random.ts'
import { signingKeyFromSeed } from '../../core/signing-key.ts'
import { MemoryNetworkHub } from '../../network/memory-network.ts'
import { COMMANDS, call, createTestServices, eventsOf, startTestServer, TOKEN } from './http-server.suite.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

test('every command of the registry is a route that takes its input as JSON', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const posts = server.routes
    .filter((route) => route.url.startsWith('/v1/commands/'))
    .map((route) => route.url)
  assert.deepEqual(
    posts,
    COMMANDS.map((command) => `/v1/commands/${command.name}`),
  )
  const answer = await call(server, 'POST', '/v1/commands/ping', {
    body: '{"text":"hello"}',
    headers: JSON_TYPE,
  })
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.json(), { text: 'hello' })
  assert.deepEqual((await call(server, 'POST', '/v1/commands/ping')).json(), { text: 'Pong!' })
  assert.equal((await call(server, 'GET', '/v1/commands/ping')).status, 404)
  assert.equal((await call(server, 'POST', '/v1/commands/unknown')).status, 404)
})

test('an asker for events gets progress at most five times a second, then the result', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const begin = services.clock.monotonic()
  const answer = await call(server, 'POST', '/v1/commands/wait', {
    body: '{"steps":100}',
    headers: { ...JSON_TYPE, accept: 'text/event-stream' },
  })
  const seconds = (services.clock.monotonic() - begin) / 1000
  assert.match(answer.headers['content-type'] ?? '', /^text\/event-stream/)
  const events = eventsOf(answer.body)
  assert.deepEqual(events.at(-1), { event: 'result', data: { steps: 100 } })
  const progress = events.filter((event) => event.event === 'progress')
  assert.ok(progress.length >= 2 && progress.length <= seconds * 5 + 2, `${progress.length} in ${seconds} s`)
  // The last progress comes however close it is to the one before.
  assert.deepEqual(progress.at(-1)?.data, { phase: 'counting', done: 99, total: 100, unit: 'items' })
})

test('an error reaches an asker for events as an event with code and hint', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const answer = await call(server, 'POST', '/v1/commands/ping', {
    body: '{"text":1}',
    headers: { ...JSON_TYPE, accept: 'text/event-stream' },
  })
  const [event] = eventsOf(answer.body)
  assert.equal(event?.event, 'error')
  const error = event?.data as Record<string, string>
  assert.equal(error.code, 'INVALID_INPUT')
  assert.equal(error.kind, 'invalid')
  assert.ok(error.hint)
})

test('an asker that goes away cancels its command', async (context) => {
  const { services } = createTestServices()
  const { promise: cancelled, resolve } = Promise.withResolvers<unknown>()
  const hold = defineCommand({
    name: 'hold',
    summary: 'Wait for the asker to go',
    description: 'Ends when it is cancelled.',
    permission: 'owner',
    cost: 'light',
    input: z.strictObject({}),
    positional: [],
    async run(_services, _input, { signal }) {
      signal.addEventListener('abort', () => resolve(signal.reason))
      outgoing.destroy()
      await cancelled
    },
  })
  const server = await startTestServer(context, services, { commands: [hold as unknown as Command] })
  const outgoing = request(`${server.url}/v1/commands/hold`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  outgoing.on('error', () => {})
  outgoing.end()
  assert.equal(((await cancelled) as { code: string }).code, 'ABORTED')
})

test('a body of any type is streamed into share with the query as its input', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const body = Buffer.alloc(5_000_000, 'kizuna')
  for (const type of ['application/octet-stream', 'application/json', 'text/plain', 'image/png']) {
    const answer = await call(server, 'POST', '/v1/share?name=a%20b.bin&copies=3&encrypt=true', {
      body,
      headers: { 'content-type': type },
    })
    assert.equal(answer.status, 200, answer.body.toString())
    const result = answer.json()
    assert.equal(result.sizeBytes, body.byteLength)
    assert.equal(result.name, 'a b.bin')
    assert.equal(result.copies, 3)
    assert.equal(result.encrypt, true)
    assert.ok(String(result.id).startsWith('bafk'))
  }
  const plain = await call(server, 'POST', '/v1/share', { body })
  assert.equal(plain.json().id, contentIdOf(body))
})

test('the platform’s own fetch is let in, with a streamed body and with events', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const response = await fetch(`${server.url}/v1/share?name=a.txt`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, accept: 'text/event-stream' },
    body: new Blob(['some', 'bytes']).stream(),
    duplex: 'half',
  } as RequestInit)
  assert.equal(response.status, 200)
  const result = eventsOf(Buffer.from(await response.arrayBuffer())).at(-1)
  assert.deepEqual(result, {
    event: 'result',
    data: { id: contentIdOf(Buffer.from('somebytes')), sizeBytes: 9, name: 'a.txt' },
  })
})

test('a misspelt, doubled or wrong query field is refused before anything is shared', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  for (const query of ['copys=3', 'copies=3&copies=4', 'copies=many', '__proto__=1', 'name=refuse']) {
    const answer = await call(server, 'POST', `/v1/share?${query}`, { body: 'bytes' })
    assert.equal(answer.status, 400, query)
    assert.equal(answer.json().error.code, 'INVALID_INPUT')
  }
})

test('the OpenAPI document has every route of the router, and every input field of every command', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const document = (await call(server, 'GET', '/openapi.json')).json() as unknown as {
    openapi: string
    paths: Record<
      string,
      Record<string, { operationId: string; requestBody?: { content: Record<string, unknown> } }>
    >
  }
  assert.equal(document.openapi, '3.1.0')
  const listed = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const routed = server.routes.map((route) => `${route.method} ${route.url.replace(':id', '{id}')}`)
  assert.deepEqual(listed.sort(), routed.sort())
  const ids = Object.values(document.paths).flatMap((operations) =>
    Object.values(operations).map((operation) => operation.operationId),
  )
  assert.equal(new Set(ids).size, ids.length, 'operation ids are unique')
  for (const command of COMMANDS) {
    const schema = document.paths[`/v1/commands/${command.name}`]?.post?.requestBody?.content[
      'application/json'
    ] as {
      schema: { properties: Record<string, { description: string }> }
    }
    const { properties } = schema.schema
    assert.deepEqual(Object.keys(properties), Object.keys(command.input.shape))
    for (const property of Object.values(properties)) assert.ok(property.description)
  }
})

test('health says ready or degraded and why, metrics are in the Prometheus format [S-57]', async (context) => {
  const server = await startTestServer(context, createTestServices().services)
  const health = await call(server, 'GET', '/health', { token: null })
  assert.deepEqual(health.json(), { status: 'ready', reasons: [] })
  const metrics = await call(server, 'GET', '/metrics')
  assert.match(metrics.headers['content-type'] ?? '', /^text\/plain; version=0.0.4/)
  assert.match(metrics.body.toString(), /^kizuna_http_requests_total\{status="2xx"\} 1$/m)
  const ill = await startTestServer(context, createTestServices({ degraded: ['disk-nearly-full'] }).services)
  const degraded = await call(ill, 'GET', '/health', { token: null })
  assert.equal(degraded.status, 200)
  assert.deepEqual(degraded.json(), { status: 'degraded', reasons: ['disk-nearly-full'] })
})

test('the event stream tells of peers that come and go', async (context) => {
  const clock = new SystemClock()
  const hub = new MemoryNetworkHub({ clock, random: new SystemRandom() })
  const { services } = createTestServices({ clock, hub })
  const other = hub.createNetwork(signingKeyFromSeed(Buffer.alloc(32, 9)))
  await Promise.all([services.network.start(), other.start()])
  context.after(() => Promise.all([services.network.stop(), other.stop()]))
  const server = await startTestServer(context, services)
  const stream = call(server, 'GET', '/v1/events')
  while ((await services.metrics.total('kizuna_http_event_streams_total')) === 0) await clock.sleep(5)
  await other.connect(services.network.addresses()[0] ?? '')
  await other.disconnect(services.network.peerId)
  await clock.sleep(50)
  await server.stop()
  const seen = eventsOf((await stream).body).map(
    ({ event, data }) => `${event} ${(data as { kind: string }).kind}`,
  )
  assert.deepEqual(seen, ['peer connected', 'peer disconnected'])
})
