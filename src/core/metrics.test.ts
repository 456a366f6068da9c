import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from './metrics.ts'

test('counters add up over labels and print in the Prometheus format', async () => {
  const metrics = createMetrics({ processMetrics: false })
  metrics.count('kizuna_chunks_total', { kind: 'data' })
  metrics.count('kizuna_chunks_total', { kind: 'parity' }, 4)
  metrics.count('kizuna_starts_total')
  assert.equal(await metrics.total('kizuna_chunks_total'), 5)
  assert.equal(await metrics.total('kizuna_starts_total'), 1)
  assert.equal(await metrics.total('kizuna_never_total'), 0)
  const text = await metrics.print()
  assert.match(text, /^# TYPE kizuna_chunks_total counter$/m)
  assert.match(text, /^kizuna_chunks_total\{kind="parity"\} 4$/m)
  assert.match(text, /^kizuna_starts_total 1$/m)
})

test('gauges hold the last value, or ask for it when printed', async () => {
  const metrics = createMetrics({ processMetrics: false })
  metrics.set('kizuna_peers', 3)
  metrics.set('kizuna_peers', 2)
  let queued = 7
  metrics.gauge('kizuna_queue', 'Things that wait.', () => queued)
  queued = 8
  const text = await metrics.print()
  assert.match(text, /^kizuna_peers 2$/m)
  assert.match(text, /^# HELP kizuna_queue Things that wait\.$/m)
  assert.match(text, /^kizuna_queue 8$/m)
})

test('durations fall into buckets', async () => {
  const metrics = createMetrics({ processMetrics: false })
  for (const seconds of [0.004, 0.2, 200])
    metrics.observeSeconds('kizuna_call_seconds', seconds, { call: 'a' })
  const text = await metrics.print()
  assert.match(text, /kizuna_call_seconds_bucket\{le="0.005",call="a"\} 1/)
  assert.match(text, /kizuna_call_seconds_bucket\{le="\+Inf",call="a"\} 3/)
  assert.match(text, /kizuna_call_seconds_count\{call="a"\} 3/)
})

test('many nodes in one process count apart, and process metrics come only when asked for', async () => {
  const [one, other] = [createMetrics({ processMetrics: false }), createMetrics({ processMetrics: true })]
  one.count('kizuna_starts_total')
  assert.equal(await other.total('kizuna_starts_total'), 0)
  assert.doesNotMatch(await one.print(), /process_cpu/)
  assert.match(await other.print(), /process_cpu/)
})
