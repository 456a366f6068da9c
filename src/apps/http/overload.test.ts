import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { COMMANDS, call, createTestServices, startTestServer, TOKEN } from './http-server.suite.ts'
import type { HttpServer } from './start-http-server.ts'

const PLACES = 16
const TRIES_MAX = 100
const BODY_BYTES = 32 * 1024 * 1024

test('a node with more to do than it can answers 503 with Retry-After, and is seen and measured all the same [R-12]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services, { workShare: () => 1 })
  const long = occupy(context, server)
  const refused = await untilStatus(server, 503)
  assert.equal(refused.json().error.code, 'OVERLOADED')
  assert.match(refused.headers['retry-after'] ?? '', /^[123]$/)
  assert.match(String((refused.json().error as unknown as { hint: string }).hint), /again after \d s/)

  assert.equal((await call(server, 'GET', '/health', { token: null })).status, 200)
  const metrics = await call(server, 'GET', '/metrics')
  assert.equal(metrics.status, 200)
  assert.match(metrics.body.toString(), /^kizuna_http_refused_total [1-9]/m)
  assert.equal((await call(server, 'GET', '/v1/content/x', { token: 'wrong' })).status, 401)

  long[0]?.destroy()
  await untilStatus(server, 200)
})

test('an idle node answers whoever asks, however many wait for peers and slow readers [R-12]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services, { workShare: () => 0 })
  occupy(context, server, PLACES * 2)
  const answers = await Promise.all(Array.from({ length: PLACES }, () => ping(server)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
})

test('a refused sender of a large body gets the answer that says why, not a broken connection', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const { hostname, port } = new URL(server.url)
  // It reads nothing before all is sent, as simple programs do.
  const socket = connect({ host: hostname, port: Number(port) }).pause()
  socket.write(`POST /v1/share HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
  await promisify(socket.write.bind(socket) as (body: Buffer, done: () => void) => void)(
    Buffer.alloc(BODY_BYTES),
  )
  const [answer] = await once(socket.resume(), 'data')
  assert.match(String(answer), /^HTTP\/1.1 401/)
  await once(socket, 'close')
})

/** Commands that do not end before the test does. */
function occupy(context: TestContext, server: HttpServer, count = PLACES): ClientRequest[] {
  assert.ok(COMMANDS.some(({ name }) => name === 'wait'))
  return Array.from({ length: count }, () => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    const outgoing = request(`${server.url}/v1/commands/wait`, { method: 'POST', headers, agent: false })
    outgoing.on('error', () => undefined)
    outgoing.end('{}')
    context.after(() => outgoing.destroy())
    return outgoing
  })
}

function ping(server: HttpServer) {
  return call(server, 'POST', '/v1/commands/ping', {
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
}

async function untilStatus(server: HttpServer, status: number) {
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    const answer = await ping(server)
    if (answer.status === status) return answer
  }
  throw new Error(`The answer ${status} never came.`)
}
