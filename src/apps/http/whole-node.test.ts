/** The HTTP API in front of whole nodes (memory disks, one memory network) with the product's own commands. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { commandList } from '../../commands/command-list.ts'
import { SystemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { SystemRandom } from '../../core/random.ts'
import { MemoryNetworkHub } from '../../network/memory-network.ts'
import { loadConfig } from '../../node/config.ts'
import { createNode } from '../../node/create-node.ts'
import type { Services } from '../../node/services.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { call, eventsOf, startTestServer } from './http-server.suite.ts'
import type { HttpServer } from './start-http-server.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

async function startNode(
  context: TestContext,
  hub: MemoryNetworkHub,
  settings: Record<string, unknown> = {},
) {
  const config = loadConfig({
    userHome: '/nowhere',
    flags: { home: '/nowhere', dht: false, gossipIntervalMs: 500, ...settings },
  })
  const node = await createNode(config, {
    log: silentLogger,
    disk: new MemoryDisk(),
    network: (key) => hub.createNetwork(key),
  })
  await node.start()
  context.after(() => node.stop())
  const server = await startTestServer(context, node.services, { commands: commandList })
  return { services: node.services, server }
}

async function run(server: HttpServer, name: string, input: Record<string, unknown> = {}) {
  const answer = await call(server, 'POST', `/v1/commands/${name}`, {
    body: JSON.stringify(input),
    headers: JSON_TYPE,
  })
  assert.equal(answer.status, 200, `${name}: ${answer.body}`)
  return answer.json() as Record<string, unknown>
}

/** Polls, for at most ten seconds. */
async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 200, 'waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function createHub(): MemoryNetworkHub {
  return new MemoryNetworkHub({ clock: new SystemClock(), random: new SystemRandom() })
}

function sampleBytes(services: Services, count: number): Buffer {
  return Buffer.from(services.random.bytes(count))
}

test('bytes shared by HTTP on one node are read by HTTP on another, whole and in ranges', async (context) => {
  const hub = createHub()
  const first = await startNode(context, hub)
  const second = await startNode(context, hub)
  const invite = await run(first.server, 'invite')
  await run(second.server, 'join', { link: invite.link })
  await until(() => first.services.community.members().some((member) => member.stores))
  const bytes = sampleBytes(first.services, 1_500_000)
  const shared = await call(first.server, 'POST', '/v1/share?name=film.mp4&copies=2', {
    body: bytes,
    headers: { accept: 'text/event-stream' },
  })
  const result = eventsOf(shared.body).at(-1)
  assert.equal(result?.event, 'result', shared.body.toString())
  const { id, sizeBytes, copies } = (result?.data ?? {}) as { id: string; sizeBytes: number; copies: number }
  assert.equal(sizeBytes, bytes.byteLength)
  assert.equal(copies, 2)
  await run(second.server, 'sync')
  const whole = await call(second.server, 'GET', `/v1/content/${id}`)
  assert.equal(whole.status, 200, whole.body.toString().slice(0, 300))
  assert.ok(whole.body.equals(bytes))
  assert.equal(whole.headers['content-type'], 'video/mp4')
  assert.match(whole.headers['content-disposition'] ?? '', /filename="film.mp4"/)
  const range = await call(second.server, 'GET', `/v1/content/${id}`, {
    headers: { range: 'bytes=262000-262999' },
  })
  assert.equal(range.status, 206)
  assert.ok(range.body.equals(bytes.subarray(262_000, 263_000)))
})

test('in a closed space a shared content is private, and members need no key in their request', async (context) => {
  const hub = createHub()
  const { server, services } = await startNode(context, hub, { admission: 'invite' })
  const bytes = sampleBytes(services, 700_000)
  const shared = (await call(server, 'POST', '/v1/share?name=secret.bin', { body: bytes })).json()
  assert.equal(shared.private, true)
  const answer = await call(server, 'GET', `/v1/content/${shared.id}`)
  assert.equal(answer.status, 200, answer.body.toString().slice(0, 300))
  assert.ok(answer.body.equals(bytes))
  const wrong = await call(server, 'GET', `/v1/content/${shared.id}`, {
    headers: { 'x-kizuna-key': Buffer.alloc(32).toString('base64url') },
  })
  assert.equal(wrong.json().error.code, 'CONTENT_KEY_WRONG')
})

test('a resumable upload ends as shared content, and an unknown id is a 404 with what was tried [K-28]', async (context) => {
  const { server, services } = await startNode(context, createHub())
  const bytes = sampleBytes(services, 600_000)
  const tus = { 'tus-resumable': '1.0.0' }
  const created = await call(server, 'POST', '/v1/uploads', {
    headers: { ...tus, 'upload-length': bytes.byteLength, 'upload-metadata': 'filename YS5wbmc=' },
  })
  const url = created.headers.location ?? ''
  for (const [from, to] of [
    [0, 250_000],
    [250_000, 600_000],
  ] as const) {
    const headers = { ...tus, 'upload-offset': from, 'content-type': 'application/offset+octet-stream' }
    assert.equal((await call(server, 'PATCH', url, { headers, body: bytes.subarray(from, to) })).status, 204)
  }
  const shared = (await call(server, 'POST', `${url}/share`)).json()
  assert.equal(shared.name, 'a.png')
  assert.ok((await call(server, 'GET', `/v1/content/${shared.id}`)).body.equals(bytes))
  const unknown = await call(server, 'GET', `/v1/content/${'ab'.repeat(32)}`)
  assert.equal(unknown.status, 404)
  const { error } = unknown.json()
  assert.equal(error.code, 'CONTENT_NOT_FOUND')
  assert.ok(!JSON.stringify(error).includes('    at '))
})

test('every command of the product has its route and its place in the OpenAPI document, fields explained', async (context) => {
  const { server } = await startNode(context, createHub())
  const document = (await call(server, 'GET', '/openapi.json')).json() as unknown as {
    paths: Record<
      string,
      { post: { requestBody: { content: Record<string, { schema: Record<string, unknown> }> } } }
    >
  }
  for (const command of commandList) {
    const schema =
      document.paths[`/v1/commands/${command.name}`]?.post.requestBody.content['application/json']?.schema
    const properties = (schema?.properties ?? {}) as Record<string, { description?: string }>
    assert.deepEqual(Object.keys(properties), Object.keys(command.input.shape))
    for (const [name, property] of Object.entries(properties)) {
      assert.ok(property.description, `${command.name}.${name} is not explained`)
    }
  }
  for (const name of ['ping', 'status', 'list', 'peers', 'help', 'config', 'doctor']) await run(server, name)
  assert.deepEqual((await call(server, 'GET', '/health', { token: null })).json(), {
    status: 'ready',
    reasons: [],
  })
})
