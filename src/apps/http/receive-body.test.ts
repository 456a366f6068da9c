import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { createTestServices, startTestServer, TOKEN } from './http-server.suite.ts'
import { receiveBody } from './receive-body.ts'

function createBody(headers: Record<string, string> = {}) {
  const clock = new VirtualClock()
  const stream = new PassThrough()
  const request = Object.assign(stream, { headers }) as unknown as IncomingMessage
  const stop = new AbortController()
  const body = receiveBody(request, { clock }, { bytesMax: 100, signal: stop.signal })
  return { clock, stream, stop, body }
}

test('a sender that falls silent is given up after thirty seconds [R-15]', async () => {
  const { clock, stream, body } = createBody()
  stream.write('hello')
  assert.equal(String((await body.next()).value), 'hello')
  const next = body.next()
  await clock.advance(29_000)
  stream.write('again')
  assert.equal(String((await next).value), 'again')
  const silent = assert.rejects(body.next(), { code: 'DEADLINE_EXCEEDED' })
  await clock.advance(30_000)
  await silent
})

test('a sender that trickles is given up, and our own slowness is never held against it [R-15]', async () => {
  const { clock, stream, body } = createBody()
  stream.write('a')
  await body.next()
  await clock.advance(3_600_000)
  let refused = ''
  for (let sent = 0; sent < 10 && refused === ''; sent++) {
    const next = body.next().catch((error: { code: string }) => {
      refused = error.code
    })
    await clock.advance(10_000)
    stream.write('b')
    await next
    if (sent < 3) assert.equal(refused, '', `refused after ${sent} pieces`)
  }
  assert.equal(refused, 'DEADLINE_EXCEEDED')
})

test('a body longer than allowed is refused, announced or not, and one that is cancelled ends', async () => {
  await assert.rejects(createBody({ 'content-length': '101' }).body.next(), { code: 'BODY_TOO_LARGE' })
  const unannounced = createBody()
  unannounced.stream.write(Buffer.alloc(101))
  await assert.rejects(unannounced.body.next(), { code: 'BODY_TOO_LARGE' })
  const cancelled = createBody()
  const next = cancelled.body.next()
  cancelled.stop.abort()
  await assert.rejects(next, { code: 'ABORTED' })
})

test('a JSON body that does not come is given up after ten seconds [R-15]', async (context) => {
  const clock = new VirtualClock()
  const { services } = createTestServices({ clock })
  const server = await startTestServer(context, services)
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(
    `POST /v1/commands/ping HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  )
  const closed = once(socket, 'close')
  let isClosed = false
  void closed.then(() => {
    isClosed = true
  })
  while (!isClosed) {
    await clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await closed
})
