import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { CircuitBreakers } from './circuit-breakers.ts'
import { Health } from './health.ts'
import { TestNodes } from './start-nodes.suite.ts'

test('each part says how it is, since when, and what was wrong last [A-61]', async () => {
  const clock = new VirtualClock()
  const health = new Health({ clock, log: silentLogger })
  health.set('discord', { state: 'ok' })
  await clock.advance(1_000)
  health.set('discord', { state: 'down', error: 'the token was refused' })
  const since = clock.now()
  await clock.advance(1_000)
  health.set('discord', { state: 'down', error: 'the token was refused' })
  health.ask('disk', () => ({ state: 'ok' }))
  health.ask('broken', () => {
    throw new Error('no answer')
  })
  const [broken, discord, disk] = await health.report()
  assert.deepEqual(discord, { name: 'discord', state: 'down', error: 'the token was refused', since })
  assert.equal(disk?.state, 'ok')
  assert.deepEqual([broken?.state, broken?.error], ['down', 'no answer'])
  health.remove('discord')
  assert.equal((await health.report()).length, 2)
})

test('a node reports index, disk, network, records, repair, its history and outside services [A-61] [A-35]', async () => {
  await using nodes = new TestNodes()
  const { services } = await nodes.startInMemory()
  const report = await services.health.report()
  assert.deepEqual(
    report.map(({ name, state }) => [name, state]),
    ['disk', 'history (sqlite)', 'index', 'network', 'outside services', 'records', 'repair'].map((name) => [
      name,
      'ok',
    ]),
  )
})

test('a service that keeps failing is left alone at once, tried again later, and shown in status and metrics [A-71]', async () => {
  const clock = new VirtualClock()
  const metrics = createMetrics({ processMetrics: false })
  const breakers = new CircuitBreakers({ clock, metrics })
  const breaker = breakers.of('discord', { failuresMax: 3, openMs: 1_000 })
  assert.equal(breakers.of('discord'), breaker, 'all who use a service share its circuit')
  const ill = () => Promise.reject(new Error('500'))
  for (let count = 0; count < 3; count++) await assert.rejects(breaker.run(ill), /500/)
  assert.deepEqual(breakers.states(), { discord: 'open' })
  assert.match(await metrics.print(), /^kizuna_circuit_discord 2$/m)
  let asked = 0
  const startedAt = performance.now()
  for (let count = 0; count < 200; count++) {
    await assert.rejects(
      breaker.run(async () => asked++),
      (error: unknown) => isKizunaError(error, 'CIRCUIT_OPEN'),
    )
  }
  assert.ok(performance.now() - startedAt < 200 * 5, 'nobody waits')
  assert.equal(asked, 0)
  await clock.advance(1_000)
  assert.deepEqual(breakers.states(), { discord: 'half-open' })
  await breaker.run(async () => asked++)
  assert.deepEqual(breakers.states(), { discord: 'closed' })
  assert.equal(asked, 1)
})

test('names of services made from data are refused before they fill the memory', () => {
  const breakers = new CircuitBreakers({
    clock: new VirtualClock(),
    metrics: createMetrics({ processMetrics: false }),
  })
  for (let count = 0; count < 64; count++) breakers.of(`service-${count}`)
  assert.throws(
    () => breakers.of('one more'),
    (error: unknown) => isKizunaError(error, 'LIMIT_EXCEEDED'),
  )
})
