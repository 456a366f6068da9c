import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isKizunaError, KizunaError } from '../core/kizuna-error.ts'
import type { LogFields, Logger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { Services } from '../node/services.ts'
import type { Caller } from './command.ts'
import { type Command, defineCommand } from './command.ts'
import { CommandRunner } from './run-command.ts'

const OWNER: Caller = { id: 'cli', permission: 'owner' }
const GUEST: Caller = { id: 'guest', permission: 'anyone' }

function world() {
  const lines: { level: string; event: string; fields: LogFields }[] = []
  const note =
    (level: string) =>
    (event: string, fields: LogFields = {}) =>
      lines.push({ level, event, fields })
  const log: Logger = {
    error: note('error'),
    warn: note('warn'),
    info: note('info'),
    debug: note('debug'),
    named: () => log,
  }
  const clock = new VirtualClock()
  const metrics = createMetrics({ processMetrics: false })
  const services = { clock, metrics, log, random: new SeededRandom(1) } as unknown as Services
  const runner = new CommandRunner(services)
  const run = (command: unknown, input: unknown, caller = OWNER, signal = new AbortController().signal) =>
    runner.run(command as Command, input, caller, { signal, progress: () => {} })
  return { clock, metrics, lines, run }
}

const echo = defineCommand({
  name: 'echo',
  summary: 'Say it again',
  description: 'Says it again.',
  permission: 'owner',
  cost: 'light',
  input: z.strictObject({ text: z.string().min(1), times: z.int().max(3).default(1) }),
  positional: ['text'],
  run: async (_services, { text, times }) => text.repeat(times),
})

test('an input that is not valid is refused with all its faults at once', async () => {
  const { run } = world()
  assert.equal(await run(echo, { text: 'a', times: 2 }), 'aa')
  await assert.rejects(run(echo, { text: '', times: 9, colour: 'red' }), (error: unknown) => {
    assert.ok(isKizunaError(error, 'INVALID_INPUT'))
    for (const word of ['text', 'times', 'colour']) assert.ok(error.message.includes(word), word)
    assert.match(error.hint, /kizuna help echo/)
    return true
  })
})

test('a caller needs the permission of the command', async () => {
  const { run } = world()
  await assert.rejects(run(echo, { text: 'a' }, GUEST), (error: unknown) =>
    isKizunaError(error, 'PERMISSION_DENIED'),
  )
  assert.equal(await run({ ...echo, permission: 'anyone' }, { text: 'a' }, GUEST), 'a')
})

test('a caller who asks too often is told when to come back; heavy commands count ten times', async () => {
  const { run, clock } = world()
  const heavy = { ...echo, cost: 'heavy' }
  for (let count = 0; count < 20; count++) await run(heavy, { text: 'a' })
  await assert.rejects(run(heavy, { text: 'a' }), (error: unknown) => {
    assert.ok(isKizunaError(error, 'RATE_LIMITED'))
    assert.ok(Number(error.details.retryAfterMs) > 0)
    return true
  })
  assert.equal(await run(heavy, { text: 'a' }, { id: 'other', permission: 'owner' }), 'a')
  await clock.advance(1_000)
  assert.equal(await run(heavy, { text: 'a' }), 'a')
})

test('a command ends by its deadline although it does not listen', async () => {
  const { run, clock } = world()
  const deaf = { ...echo, timeoutMs: 5_000, run: () => new Promise(() => {}) }
  const ended = assert.rejects(run(deaf, { text: 'a' }), (error: unknown) =>
    isKizunaError(error, 'DEADLINE_EXCEEDED'),
  )
  await clock.advance(5_001)
  await ended
  const control = new AbortController()
  const stopped = assert.rejects(run(deaf, { text: 'a' }, OWNER, control.signal), (error: unknown) =>
    isKizunaError(error, 'ABORTED'),
  )
  control.abort()
  await stopped
})

test('every command leaves one line with command, caller, duration, outcome and correlation id [K-15]', async () => {
  const { run, lines, clock, metrics } = world()
  const slow = { ...echo, run: async () => await clock.sleep(250) }
  const running = run(slow, { text: 'top secret' })
  await clock.advance(250)
  await running
  const refused = new KizunaError({ code: 'NO', kind: 'denied', message: 'No.', hint: 'Ask.' })
  await assert.rejects(run({ ...echo, run: async () => Promise.reject(refused) }, { text: 'a' }))
  await assert.rejects(run(echo, {}))
  const commands = lines.filter(({ event }) => event === 'command').map(({ fields }) => fields)
  assert.equal(commands.length, 3)
  assert.deepEqual(
    commands.map(({ command, caller, durationMs, outcome }) => [command, caller, durationMs, outcome]),
    [
      ['echo', 'cli', 250, 'ok'],
      ['echo', 'cli', 0, 'NO'],
      ['echo', 'cli', 0, 'INVALID_INPUT'],
    ],
  )
  assert.equal(new Set(commands.map(({ correlationId }) => correlationId)).size, 3)
  assert.ok(!JSON.stringify(lines).includes('top secret'), 'what was said stays out of the log')
  assert.equal(await metrics.total('kizuna_commands_total'), 3)
})

test('a defect of ours reaches the caller as INTERNAL and the log with its cause [K-28]', async () => {
  const { run, lines } = world()
  const broken = { ...echo, run: async () => Promise.reject(new TypeError('x is undefined')) }
  await assert.rejects(run(broken, { text: 'a' }), (error: unknown) => {
    assert.ok(isKizunaError(error, 'INTERNAL'))
    assert.ok(!error.message.includes('undefined'))
    return true
  })
  assert.ok(lines.some(({ level, fields }) => level === 'error' && fields.error instanceof TypeError))
})
