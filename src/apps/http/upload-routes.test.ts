import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { contentIdOf } from '../../core/content-id.ts'
import { SeededRandom } from '../../core/random.ts'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { call, createTestServices, eventsOf, startTestServer, TOKEN } from './http-server.suite.ts'
import type { HttpServer } from './start-http-server.ts'
import { UPLOAD_BYTES_MAX } from './upload-store.ts'

const TUS = { 'tus-resumable': '1.0.0' }
const BYTES = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31 + (index >> 9)) & 0xff))

async function create(server: HttpServer, sizeBytes = BYTES.byteLength, metadata?: string): Promise<string> {
  const headers = {
    ...TUS,
    'upload-length': sizeBytes,
    ...(metadata === undefined ? {} : { 'upload-metadata': metadata }),
  }
  const answer = await call(server, 'POST', '/v1/uploads', { headers })
  assert.equal(answer.status, 201, answer.body.toString())
  return answer.headers.location ?? ''
}

function patch(server: HttpServer, url: string, offset: number, body: Uint8Array) {
  return call(server, 'PATCH', url, {
    headers: { ...TUS, 'upload-offset': offset, 'content-type': 'application/offset+octet-stream' },
    body,
  })
}

async function offsetOf(server: HttpServer, url: string): Promise<number> {
  return Number((await call(server, 'HEAD', url, { headers: TUS })).headers['upload-offset'])
}

test('an upload in pieces is shared as the bytes that were sent, and is gone then', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const url = await create(
    server,
    BYTES.byteLength,
    `filename ${Buffer.from('photo ä.png').toString('base64')}`,
  )
  for (let offset = 0; offset < BYTES.byteLength; offset += 1_000_000) {
    const answer = await patch(server, url, offset, BYTES.subarray(offset, offset + 1_000_000))
    assert.equal(answer.status, 204)
    assert.equal(answer.headers['upload-offset'], String(offset + 1_000_000))
    assert.equal(answer.headers['tus-resumable'], '1.0.0')
    assert.ok(Date.parse(answer.headers['upload-expires'] ?? '') > services.clock.now())
  }
  const head = await call(server, 'HEAD', url, { headers: TUS })
  assert.equal(head.headers['upload-length'], String(BYTES.byteLength))
  assert.equal(head.headers['cache-control'], 'no-store')
  const refused = await call(server, 'POST', `${url}/share?name=refuse`, {
    headers: { accept: 'text/event-stream' },
  })
  assert.equal(eventsOf(refused.body).at(-1)?.event, 'error')
  const shared = await call(server, 'POST', `${url}/share?copies=2`)
  assert.equal(shared.status, 200, 'a refused share keeps the upload')
  assert.deepEqual(shared.json(), {
    id: contentIdOf(BYTES),
    sizeBytes: BYTES.byteLength,
    name: 'photo ä.png',
    copies: 2,
  })
  assert.equal((await call(server, 'HEAD', url, { headers: TUS })).status, 404)
  for await (const entry of services.disk.list('uploads')) assert.fail(`${entry.name} is left`)
})

test('what came before a broken connection is kept, and the upload goes on from there', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const url = await create(server)
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `PATCH ${url} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: ${BYTES.byteLength}\r\n\r\n`,
  )
  socket.write(BYTES.subarray(0, 1_234_567))
  await services.clock.sleep(100)
  const busy = await patch(server, url, 0, BYTES.subarray(0, 1))
  assert.equal(busy.status, 423)
  socket.destroy()
  await once(socket, 'close')
  let offset = 0
  for (let tries = 0; offset === 0 && tries < 200; tries++) {
    await services.clock.sleep(10)
    offset = await offsetOf(server, url)
  }
  assert.equal(offset, 1_234_567)
  assert.equal((await patch(server, url, offset, BYTES.subarray(offset))).status, 204)
  assert.equal((await call(server, 'POST', `${url}/share`)).json().id, contentIdOf(BYTES))
})

test('an upload survives a power cut of the node: the offset never promises what was lost', async (context) => {
  const random = new SeededRandom(7)
  const first = createTestServices()
  const server = await startTestServer(context, first.services)
  const url = await create(server)
  await patch(server, url, 0, BYTES.subarray(0, 2_000_000))
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(
    `PATCH ${url} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 2000000\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 1000000\r\n\r\n`,
  )
  socket.write(BYTES.subarray(2_000_000, 2_500_000))
  await first.services.clock.sleep(100)
  first.disk.crash(random)
  socket.destroy()
  await server.stop()

  const second = createTestServices({ disk: first.disk })
  const restarted = await startTestServer(context, second.services)
  const offset = await offsetOf(restarted, url)
  assert.equal(offset, 2_000_000)
  assert.equal((await patch(restarted, url, offset, BYTES.subarray(offset))).status, 204)
  assert.equal((await call(restarted, 'POST', `${url}/share`)).json().id, contentIdOf(BYTES))
})

test('wrong offsets, lengths, types, versions and ids are refused with their own status', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const url = await create(server, 10)
  const send = async (offset: number | string, body: string, headers = {}) => {
    const answer = await call(server, 'PATCH', url, {
      headers: {
        ...TUS,
        'upload-offset': offset,
        'content-type': 'application/offset+octet-stream',
        ...headers,
      },
      body,
    })
    return answer.status === 204 ? '204' : `${answer.status} ${answer.json().error.code}`
  }
  assert.equal(await send(5, 'hello'), '409 UPLOAD_OFFSET_WRONG')
  assert.equal(await send('x', 'hello'), '400 INVALID_INPUT')
  assert.equal(await send(-1, 'hello'), '400 INVALID_INPUT')
  assert.equal(await send(0, 'hello', { 'content-type': 'text/plain' }), '415 INVALID_REQUEST')
  assert.equal(await send(0, 'hello', { 'tus-resumable': '0.2.2' }), '412 INVALID_REQUEST')
  assert.equal(await send(0, 'more than ten bytes'), '413 BODY_TOO_LARGE')
  assert.equal(await offsetOf(server, url), 0)
  assert.equal(await send(0, 'hello'), '204')
  assert.equal((await call(server, 'POST', `${url}/share`)).json().error.code, 'UPLOAD_UNFINISHED')
  for (const id of ['f'.repeat(32), '..%2f..%2fidentity.key', '%00', 'A'.repeat(32), 'x'.repeat(90)]) {
    const answer = await call(server, 'HEAD', `/v1/uploads/${id}`, { headers: TUS })
    assert.equal(answer.status, 404, id)
  }
  for (const headers of [
    { 'upload-length': 'x' },
    {},
    { 'upload-length': 5, 'upload-metadata': 'filename ***' },
    { 'upload-length': 5, 'upload-metadata': 'a YQ==,a YQ==' },
  ]) {
    const answer = await call(server, 'POST', '/v1/uploads', { headers: { ...TUS, ...headers } })
    assert.equal(answer.status, 400, JSON.stringify(headers))
  }
  const huge = await call(server, 'POST', '/v1/uploads', {
    headers: { ...TUS, 'upload-length': UPLOAD_BYTES_MAX + 1 },
  })
  assert.equal(huge.status, 413)
})

test('an upload can be given up, and one that nobody touched for a day is removed', async (context) => {
  const clock = new VirtualClock()
  const { services } = createTestServices({ clock })
  const server = await startTestServer(context, services)
  const options = await call(server, 'OPTIONS', '/v1/uploads')
  assert.equal(options.headers['tus-extension'], 'creation,expiration,termination')
  assert.equal(options.headers['tus-version'], '1.0.0')
  const left = await create(server, 10)
  assert.equal((await call(server, 'DELETE', left, { headers: TUS })).status, 204)
  assert.equal((await call(server, 'HEAD', left, { headers: TUS })).status, 404)
  const forgotten = await create(server, 10)
  await clock.advance(24 * 3_600_000 + 15 * 60_000)
  assert.equal((await call(server, 'HEAD', forgotten, { headers: TUS })).status, 404)
  let files = 1
  for (let tries = 0; files > 0 && tries < 100; tries++) {
    files = 0
    for await (const _ of services.disk.list('uploads')) files++
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(files, 0)
})

test('a full disk refuses an upload at its beginning', async (context) => {
  const { services } = createTestServices()
  services.disk.space = async () => ({ freeBytes: 1_000, totalBytes: 10_000 })
  const server = await startTestServer(context, services)
  const answer = await call(server, 'POST', '/v1/uploads', { headers: { ...TUS, 'upload-length': 1_001 } })
  assert.equal(answer.json().error.code, 'NO_ROOM_FOR_UPLOAD')
  assert.equal(answer.status, 507)
})
