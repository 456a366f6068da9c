/** The guards around Discord's REST: refusals are counted, a sick Discord gets a rest, nothing leaks a token. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { CircuitBreaker } from '../../../core/circuit-breaker.ts'
import { SystemClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { createMetrics } from '../../../core/metrics.ts'
import { SystemRandom } from '../../../core/random.ts'
import { VirtualClock } from '../../../core/virtual-clock.ts'
import { DiscordRefusalsError, DiscordUnavailableError } from '../errors.ts'
import { guardedFetch } from './guarded-fetch.ts'
import { RefusalCount } from './refusal-count.ts'

const TEN_MINUTES_MS = 600_000

test('refusals are counted over ten minutes; a shared 429 is not ours', async () => {
  const clock = new VirtualClock()
  const count = new RefusalCount(clock, 5)
  assert.equal(count.note(429, 'shared'), false)
  assert.equal(count.note(404, null), false)
  for (const status of [401, 403, 429, 403]) assert.equal(count.note(status, null), true)
  count.check()
  count.note(403, null)
  assert.throws(() => count.check(), DiscordRefusalsError)
  await clock.advance(TEN_MINUTES_MS + 30_000)
  assert.equal(count.recent, 0)
  count.check()
})

async function against(
  answer: (call: number) => number | 'cut',
  ask: (fetchIt: ReturnType<typeof guardedFetch>, base: string) => Promise<void>,
): Promise<number> {
  let calls = 0
  const server = createServer((request, response) => {
    const status = answer(++calls)
    if (status === 'cut') return void request.socket.destroy()
    response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const clock = new SystemClock()
  const breaker = new CircuitBreaker(clock, { what: 'Discord', failuresMax: 50, openMs: 10, openMsMax: 10 })
  const parts = {
    clock,
    random: new SystemRandom(),
    log: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    breaker,
    refusals: new RefusalCount(clock),
  }
  try {
    await ask(guardedFetch(parts), `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return calls
}

test('a 5xx is tried again, also for what is not repeatable: Discord did not do it', async () => {
  const calls = await against(
    (call) => (call < 3 ? 503 : 200),
    async (fetchIt, base) => {
      assert.equal((await fetchIt(base, { method: 'POST', body: '{}' })).status, 200)
    },
  )
  assert.equal(calls, 3)
})

test('a cut connection is tried again only where doing it twice does no harm', async () => {
  const posts = await against(
    () => 'cut',
    (fetchIt, base) =>
      assert.rejects(fetchIt(`${base}/secret-token`, { method: 'POST', body: '{}' }), (error: unknown) => {
        assert.ok(error instanceof DiscordUnavailableError)
        const shown = JSON.stringify(error) + String(error) + String(error.cause)
        assert.doesNotMatch(shown, /secret-token/, 'the address of a webhook holds its token')
        return true
      }),
  )
  assert.equal(posts, 1)
  const gets = await against(
    (call) => (call < 2 ? 'cut' : 200),
    async (fetchIt, base) => {
      assert.equal((await fetchIt(base, { method: 'GET' })).status, 200)
    },
  )
  assert.equal(gets, 2)
})

test('a 4xx is given on as it is, at once', async () => {
  const calls = await against(
    () => 403,
    async (fetchIt, base) => {
      assert.equal((await fetchIt(base, { method: 'GET' })).status, 403)
    },
  )
  assert.equal(calls, 1)
})
