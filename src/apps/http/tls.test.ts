/** The API with a certificate: TLS for others, a plain listener on loopback for this machine. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { call, createTestServices, recordingLogger, startTestServer, TOKEN } from './http-server.suite.ts'
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from './tls-certificate.suite.ts'

async function certificateFiles(context: TestContext, files: { cert?: string; key?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'kizuna-tls-'))
  context.after(() => rm(folder, { recursive: true }))
  const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
  await writeFile(tls.certFile, files.cert ?? TEST_CERTIFICATE)
  await writeFile(tls.keyFile, files.key ?? TEST_CERTIFICATE_KEY, { mode: 0o600 })
  return tls
}

function callTls(url: string, headers: Record<string, string>) {
  return new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
    const options = { ca: TEST_CERTIFICATE, agent: false as const, headers, servername: 'node.example' }
    const outgoing = request(url, options, (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

test('with a certificate other machines are served by TLS without a word of consent, and by the names in it [R-15]', async (context) => {
  const { services } = createTestServices()
  const tls = await certificateFiles(context)
  const server = await startTestServer(context, services, { host: '0.0.0.0', tls })
  assert.ok(server.publicUrl)
  const { port } = new URL(server.publicUrl)
  const ask = (host: string, more: Record<string, string> = {}) =>
    callTls(`${server.publicUrl}/metrics`, { host, authorization: `Bearer ${TOKEN}`, ...more })
  const answer = await ask(`node.example:${port}`)
  assert.equal(answer.status, 200)
  assert.match(String(answer.headers['strict-transport-security']), /max-age/)
  assert.equal((await ask(`192.0.2.7:${port}`)).status, 200)
  assert.equal((await ask(`evil.example:${port}`)).status, 403)
  assert.equal((await ask(`node.example:1`)).status, 403)
  const origin = `node.example:${port}`
  assert.equal((await ask(origin, { origin: `https://${origin}` })).status, 200)
  assert.equal((await ask(origin, { origin: `http://${origin}` })).status, 403)
  assert.equal((await ask(origin, { authorization: 'Bearer wrong' })).status, 401)
  // Plain HTTP at the TLS port gets no answer; the programs of this machine have a port of their own.
  await assert.rejects(call({ ...server, url: server.publicUrl.replace('https', 'http') }, 'GET', '/health'))
  assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const local = await call(server, 'GET', '/metrics')
  assert.equal(local.status, 200)
  assert.equal(local.headers['strict-transport-security'], undefined)
  assert.equal((await call(server, 'GET', '/metrics', { headers: { host: 'evil.example' } })).status, 403)
  await server.stop()
  await assert.rejects(call(server, 'GET', '/health'), { code: 'ECONNREFUSED' })
})

test('a certificate or key that cannot be used stops the start with the file and the reason [R-15]', async (context) => {
  const good = await certificateFiles(context)
  const start = (tls: { certFile: string; keyFile: string }) =>
    startTestServer(context, createTestServices().services, { host: '0.0.0.0', tls })
  for (const tls of [
    { ...good, certFile: `${good.certFile}.gone` },
    { ...good, keyFile: `${good.keyFile}.gone` },
    { ...good, certFile: good.keyFile },
    { ...good, keyFile: good.certFile },
  ]) {
    await assert.rejects(start(tls), { code: 'API_TLS_UNUSABLE' })
  }
})

test('a key that others on this machine can read is said to be [R-16]', async (context) => {
  const lines: string[] = []
  const { services } = createTestServices({ log: recordingLogger(lines) })
  const tls = await certificateFiles(context)
  await chmod(tls.keyFile, 0o644)
  await startTestServer(context, services, { tls })
  assert.ok(lines.some((line) => line.includes('can be read by others')))
})

test('every answer carries the headers that keep browsers out of it, refusals and streams too [R-15]', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const id = content.add(Buffer.from('<script>'))
  const answers = await Promise.all([
    call(server, 'GET', '/health', { token: null }),
    call(server, 'GET', '/metrics', { token: null }),
    call(server, 'GET', '/nowhere'),
    call(server, 'GET', `/v1/content/${id}`),
    call(server, 'POST', '/v1/commands/ping', { headers: { accept: 'text/event-stream' } }),
    call(server, 'POST', '/v1/commands/ping', { headers: { origin: 'https://evil.example' } }),
  ])
  for (const { headers, status } of answers) {
    assert.equal(headers['x-content-type-options'], 'nosniff', String(status))
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/)
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    assert.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith('access-control')),
      [],
    )
  }
})
