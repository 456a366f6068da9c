import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AbortedError, DeadlineError, InvalidInputError, QueueFullError } from './errors.ts'
import { SeededRandom } from './random.ts'
import { retry } from './retry.ts'
import { VirtualClock } from './virtual-clock.ts'

const away = () => new DeadlineError({ what: 'The peer', timeoutMs: 1 })

/** Runs `attempt` under retry while the virtual time passes; returns when each attempt began. */
function start(attempt: (number: number) => Promise<string>, signal?: AbortSignal) {
  const clock = new VirtualClock()
  const beganAtMs: number[] = []
  const result = retry(
    clock,
    new SeededRandom(1),
    { attemptsMax: 5, delayMs: 100, delayMsMax: 300, signal },
    (number) => {
      beganAtMs.push(clock.monotonic())
      return attempt(number)
    },
  )
  result.catch(() => {})
  return { clock, beganAtMs, result }
}

test('tries again after waits that double up to a limit and are spread by chance', async () => {
  const { clock, beganAtMs, result } = start(async (number) => {
    if (number < 5) throw away()
    return 'done'
  })
  await clock.advance(2000)
  assert.equal(await result, 'done')
  const waits = beganAtMs.slice(1).map((at, index) => at - (beganAtMs[index] ?? 0))
  assert.equal(waits.length, 4)
  for (const [index, wholeMs] of [100, 200, 300, 300].entries()) {
    assert.ok((waits[index] ?? 0) >= wholeMs / 2 && (waits[index] ?? 0) <= wholeMs, `wait ${waits[index]}`)
  }
  assert.ok(new Set(waits.map((wait) => wait % 50)).size > 1)
})

test('ends with the last error after the last attempt', async () => {
  const { clock, beganAtMs, result } = start(async () => {
    throw away()
  })
  await clock.advance(5000)
  await assert.rejects(result, DeadlineError)
  assert.equal(beganAtMs.length, 5)
})

test('does not repeat what cannot get better: wrong input, a cancelled call, a programming error', async () => {
  for (const error of [
    new InvalidInputError({ what: 'It', reason: 'it is wrong' }),
    new AbortedError({ what: 'It' }),
    new TypeError('a bug'),
  ]) {
    const { clock, beganAtMs, result } = start(async () => {
      throw error
    })
    await clock.advance(5000)
    await assert.rejects(result, error)
    assert.equal(beganAtMs.length, 1)
  }
})

test('waits as long as a busy peer asks, within its own limit', async () => {
  const { clock, beganAtMs, result } = start(async (number) => {
    if (number === 1) throw new QueueFullError({ queue: 'chunks', limit: 1, retryAfterMs: 250 })
    if (number === 2) throw new QueueFullError({ queue: 'chunks', limit: 1, retryAfterMs: 86_400_000 })
    return 'done'
  })
  await clock.advance(1000)
  assert.equal(await result, 'done')
  assert.deepEqual(beganAtMs, [0, 250, 550])
})

test('stops at once when the signal aborts during a wait, and does not begin when it has', async () => {
  const controller = new AbortController()
  const { clock, beganAtMs, result } = start(async () => {
    throw away()
  }, controller.signal)
  await clock.advance(10)
  controller.abort(new AbortedError({ what: 'The call' }))
  await assert.rejects(result, AbortedError)
  assert.equal(clock.pendingCount, 0)
  assert.equal(beganAtMs.length, 1)
  const late = start(async () => 'never', controller.signal)
  await assert.rejects(late.result, AbortedError)
  assert.equal(late.beganAtMs.length, 0)
})
