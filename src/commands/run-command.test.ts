import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isKizunaError, KizunaError } from '../core/kizuna-error.ts'
import type { LogFields, Logger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { AuditLog } from '../node/audit/audit-log.ts'
import { SqliteCommandHistory } from '../node/history/sqlite-command-history.ts'
import type { Services } from '../node/services.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import type { Caller } from './command.ts'
import { type Command, defineCommand } from './command.ts'
import { commandList } from './command-list.ts'
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
  const random = new SeededRandom(1)
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  const key = signingKeyFromSeed(random.bytes(32))
  const history = new SqliteCommandHistory({ index, clock, log })
  const audit = new AuditLog({ index, key, random, log }, [])
  const services = { clock, metrics, log, random, history, audit } as unknown as Services
  const runner = new CommandRunner(services)
  const run = (command: unknown, input: unknown, caller = OWNER, signal = new AbortController().signal) =>
    runner.run(command as Command, input, caller, { signal, progress: () => {} })
  return { clock, metrics, lines, history, audit, run }
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

const PERSON: Caller = { id: 'discord:1', permission: 'member', group: 'discord:9' }

test('a person among others may give ten commands in ten seconds; the eleventh hears when to come back [A-64]', async () => {
  const { run, clock } = world()
  const open = { ...echo, permission: 'anyone' }
  for (let count = 0; count < 10; count++) await run(open, { text: 'a' }, PERSON)
  await assert.rejects(run(open, { text: 'a' }, PERSON), (error: unknown) => {
    assert.ok(isKizunaError(error, 'RATE_LIMITED'))
    assert.equal(error.details.retryAfterMs, 1_000)
    return true
  })
  assert.equal(await run(open, { text: 'a' }, { ...PERSON, id: 'discord:2' }), 'a', 'others are not held up')
  assert.equal(await run(open, { text: 'a' }, { ...PERSON, group: 'discord:8' }), 'a', 'nor they elsewhere')
  await clock.advance(1_000)
  assert.equal(await run(open, { text: 'a' }, PERSON), 'a')
})

test('a whole group has a rate of its own, however many people are in it [A-64]', async () => {
  const { run } = world()
  const open = { ...echo, permission: 'anyone' }
  for (let count = 0; count < 600; count++)
    await run(open, { text: 'a' }, { ...PERSON, id: `discord:${count}` })
  await assert.rejects(run(open, { text: 'a' }, { ...PERSON, id: 'discord:late' }), (error: unknown) =>
    isKizunaError(error, 'RATE_LIMITED'),
  )
})

test('the gates stand in order: rate, permission, validation; each can refuse and all of it is recorded [A-21]', async () => {
  const { run, history } = world()
  const guest = { ...PERSON, permission: 'anyone' } as const
  const wrong = { text: '' }
  await assert.rejects(run(echo, wrong, guest), (error: unknown) => isKizunaError(error, 'PERMISSION_DENIED'))
  for (let count = 0; count < 9; count++) await assert.rejects(run(echo, wrong, guest))
  await assert.rejects(run(echo, wrong, guest), (error: unknown) => isKizunaError(error, 'RATE_LIMITED'))
  await assert.rejects(run(echo, wrong), (error: unknown) => isKizunaError(error, 'INVALID_INPUT'))
  const outcomes = (await history.list({})).map(({ outcome }) => outcome)
  assert.deepEqual(outcomes, ['INVALID_INPUT', 'RATE_LIMITED', ...Array(10).fill('PERMISSION_DENIED')])
})

test('an error carries the correlation id of its line in log and history [A-11]', async () => {
  const { run, history, lines } = world()
  let id: string | undefined
  await assert.rejects(run(echo, {}), (error: unknown) => {
    assert.ok(isKizunaError(error))
    id = error.toJSON().correlationId
    return /^[0-9a-f]{12}$/.test(id ?? '')
  })
  assert.equal((await history.list({}))[0]?.correlationId, id)
  assert.ok(lines.some(({ event, fields }) => event === 'command' && fields.correlationId === id))
})

test('a field of the owner and an action of a steward are theirs alone, and who may only read changes nothing [A-65]', async () => {
  const { run } = world()
  const denied = (error: unknown) => isKizunaError(error, 'PERMISSION_DENIED')
  const input = z.strictObject({ action: z.enum(['look', 'change', 'rule']), path: z.string().optional() })
  const several = {
    ...echo,
    permission: 'member',
    input,
    ownerFields: ['path'],
    actions: {
      look: { summary: 'Look', fields: [] },
      change: { summary: 'Change', fields: [], changes: true },
      rule: { summary: 'Rule', fields: [], permission: 'steward' },
    },
    run: async (_: Services, { action }: { action: string }) => action,
  }
  const member = { id: 'm', permission: 'member' } as const
  assert.equal(await run(several, { action: 'look' }, member), 'look')
  assert.equal(await run(several, { action: 'change' }, member), 'change')
  await assert.rejects(run(several, { action: 'change' }, { ...member, readOnly: true } as Caller), denied)
  assert.equal(await run(several, { action: 'look' }, { ...member, readOnly: true } as Caller), 'look')
  await assert.rejects(run(several, { action: 'rule' }, member), denied)
  assert.equal(await run(several, { action: 'rule' }, { id: 's', permission: 'steward' }), 'rule')
  await assert.rejects(
    run(several, { action: 'look', path: '/etc' }, { id: 's', permission: 'steward' }),
    denied,
  )
  assert.equal(await run(several, { action: 'look', path: '/etc' }), 'look')
})

test('each permission may give exactly the commands that are for it, over all commands and actions [A-65]', async () => {
  const { run } = world()
  const ranks = ['anyone', 'member', 'steward', 'owner'] as const
  let seen = 0
  for (const command of commandList) {
    const harmless = { ...command, input: z.looseObject({}), timeoutMs: undefined, run: async () => 'ran' }
    for (const [action, { permission = command.permission }] of Object.entries(
      command.actions ?? { '': {} },
    )) {
      for (const [rank, has] of ranks.entries()) {
        const caller = { id: `${command.name} ${action} ${has}`, permission: has }
        const asked = run(harmless, action === '' ? {} : { action }, caller)
        if (rank >= ranks.indexOf(permission)) assert.equal(await asked, 'ran', caller.id)
        else
          await assert.rejects(
            asked,
            (error: unknown) => isKizunaError(error, 'PERMISSION_DENIED'),
            caller.id,
          )
        seen++
      }
    }
  }
  assert.ok(seen > 4 * commandList.length - 1)
})

test('what changed something is in the audit log, what only looked is not [K-81]', async () => {
  const { run, audit } = world()
  await run(echo, { text: 'a' })
  await run({ ...echo, permission: 'anyone' }, { text: 'a' })
  await assert.rejects(run(echo, {}))
  assert.deepEqual(
    audit.list({ limit: 10 }).map(({ command, caller }) => [command, caller]),
    [['echo', 'cli']],
  )
})

/** Everything that is asked for with these words changes something; with those below it only looks. */
const CHANGES: readonly (readonly [string, Record<string, unknown>])[] = [
  ['share', {}],
  ['keep', {}],
  ['forget', {}],
  ['join', {}],
  ['leave', {}],
  ['leave', { cancel: true }],
  ['leave', { dryRun: true, cancel: true }],
  ['invite', {}],
  ['invite', { single: true }],
  ['invite', { revoke: '0f' }],
  ['members', { remove: '12D3' }],
  ['members', { admin: '12D3' }],
  ['members', { member: '12D3' }],
  ['token', { scope: 'read' }],
  ['token', { revoke: '0f' }],
  ['config', { action: 'set' }],
  ['config', { action: 'unset' }],
  ['task', { action: 'run' }],
  ['task', { action: 'cancel' }],
  ['archive', { action: 'start' }],
  ['archive', { action: 'stop' }],
  ['archive', { action: 'export' }],
  ['audit', { action: 'anchor' }],
  ['privacy', { action: 'delete' }],
  ['feedback', { action: 'remove' }],
]
const LOOKS: readonly (readonly [string, Record<string, unknown>])[] = [
  ...'ping status help get list describe peers sync doctor history setup'
    .split(' ')
    .map((name) => [name, {}] as const),
  ['leave', { dryRun: true }],
  ['invite', { list: true }],
  ['invite', { list: true, revoke: '0f' }],
  ['members', {}],
  ['token', {}],
  ['token', { label: 'backup', expires: '90d' }],
  ['config', {}],
  ['config', { action: 'list' }],
  ['config', { action: 'get', key: 'label' }],
  ['task', {}],
  ['task', { action: 'list' }],
  ['task', { action: 'status' }],
  ['archive', {}],
  ['archive', { action: 'status' }],
  ['archive', { action: 'search' }],
  // What is kept of oneself is one's own affair, and no change of the node.
  ['archive', { action: 'optout' }],
  ['archive', { action: 'optin' }],
  ['audit', {}],
  ['audit', { action: 'list' }],
  ['audit', { action: 'verify' }],
  ['privacy', {}],
  ['privacy', { action: 'export' }],
  ['feedback', {}],
  ['feedback', { action: 'send' }],
  ['feedback', { action: 'list' }],
]

test('only what changes something is in the audit log, over all commands and all that they do [K-81]', async () => {
  const all = commandList.flatMap(({ name, actions = { '': {} } }) =>
    Object.keys(actions).map((action) => `${name} ${action}`.trim()),
  )
  const named = [...CHANGES, ...LOOKS].map(([name, { action = '' }]) => `${name} ${action}`.trim())
  assert.deepEqual(
    all.filter((one) => !named.includes(one)),
    [],
    'a new command is named above, as a change or as a look',
  )
  const { run, audit } = world()
  for (const [expected, asked] of [['change', CHANGES] as const, ['look', LOOKS] as const]) {
    for (const [name, input] of asked) {
      const command = commandList.find((one) => one.name === name)
      const harmless = { ...command, input: z.looseObject({}), timeoutMs: undefined, run: async () => 'ran' }
      const what = `${name} ${JSON.stringify(input)}`
      const before = audit.list({ limit: 1_000 }).length
      await run(harmless, input, { id: what, permission: 'owner' })
      const noted = audit.list({ limit: 1_000 }).length - before
      assert.equal(noted === 0 ? 'look' : 'change', expected, what)
    }
  }
})
