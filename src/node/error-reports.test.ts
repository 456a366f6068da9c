/** Reports to Sentry, read where they arrive: a server of this test that speaks Sentry's envelopes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { SystemClock } from '../core/clock.ts'
import { DeadlineError } from '../core/errors.ts'
import { createLogger } from '../core/log.ts'
import { Secret } from '../core/secret.ts'
import { scrubText, startErrorReports } from './error-reports.ts'

const KEY = 'a1b2c3d4e5f60718293a4b5c6d7e8f90'

async function world() {
  const envelopes: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    envelopes.push(Buffer.concat(chunks).toString())
    assert.match(request.url ?? '', /^\/api\/42\/envelope\//)
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const log = createLogger({ level: 'silent', destination: '/dev/null' })
  const clock = new SystemClock()
  const reports = () =>
    startErrorReports(
      { log, monotonic: () => clock.monotonic(), deadline: (ms) => clock.deadline(ms) },
      {
        dsn: new Secret(`http://${KEY}@127.0.0.1:${port}/42`),
        release: '0.1.0',
        environment: 'test',
      },
    )
  return {
    log,
    reports,
    envelopes,
    events: () => envelopes.map((text) => JSON.parse(text.split('\n')[2] ?? '{}')),
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

test('an error in the log reaches Sentry with its place, and without anybody’s data [A-62] [A-79]', async () => {
  const { log, reports, envelopes, events, close } = await world()
  const running = reports()
  const secret = 'kizuna:bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy#c2VjcmV0LWtleQ'
  const error = new TypeError(
    `cannot read ${secret} of /home/oak/diary.txt at 192.168.1.7 for oak@example.org`,
  )
  log.named('content').error('command broke', {
    command: 'get',
    correlationId: '00112233aabb',
    error,
    input: { text: 'my diary' },
    caller: 'discord:123456789012345678',
  })
  await running.stop()
  assert.equal(envelopes.length, 1)
  const [event] = events()
  assert.deepEqual(event.tags, { part: 'content', command: 'get', correlationId: '00112233aabb' })
  const [exception] = event.exception.values
  assert.equal(exception.type, 'TypeError')
  assert.ok(
    exception.stacktrace.frames.some(({ filename }: { filename: string }) =>
      filename.endsWith('error-reports.test.ts'),
    ),
  )
  const body = envelopes[0]?.split('\n').slice(2).join('\n') ?? ''
  for (const leak of [
    'bafkrei',
    'c2VjcmV0',
    'diary',
    '192.168',
    'oak',
    '123456789012345678',
    KEY,
    process.cwd(),
  ]) {
    assert.ok(!body.includes(leak), `${leak} leaked`)
  }
  await close()
})

test('a known error is reported by its code; what is no error is not reported [A-62]', async () => {
  const { log, reports, events, close } = await world()
  const running = reports()
  log.error('audit entry lost', { error: new DeadlineError({ what: 'It', timeoutMs: 5 }) })
  log.warn('not so bad', {})
  await running.stop()
  assert.deepEqual(
    events().map(({ tags }) => tags.code),
    ['DEADLINE_EXCEEDED'],
  )
  await close()
})

test('a fault that repeats is reported ten times a minute and no more [A-62]', async () => {
  const { log, reports, envelopes, close } = await world()
  const running = reports()
  for (let count = 0; count < 100; count++) log.error(`fault ${count}`)
  await running.stop()
  assert.equal(envelopes.length, 10)
  await close()
})

test('without a DSN nothing leaves the host [A-62]', async () => {
  const { log, envelopes, close } = await world()
  log.error('it broke', { error: new Error('x') })
  await close()
  assert.deepEqual(envelopes, [])
})

test('a Sentry that cannot be reached holds nobody up', async () => {
  const { log, reports, close } = await world()
  const running = reports()
  await close()
  log.error('it broke')
  await running.stop()
})

test('a scrubbed text keeps its words', () => {
  assert.equal(scrubText('The index is full: 5 of 5 chunks.'), 'The index is full: 5 of 5 chunks.')
  assert.equal(scrubText('see https://x.example/a?b=c and C:\\Users\\oak'), 'see [removed] and [removed]')
})
