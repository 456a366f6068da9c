/** The command on whole nodes with a network in memory. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { buildModule } from '../compute/kinds/wasm-builder.suite.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Node } from '../node/create-node.ts'
import { readAll, sourceOf, TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'
import type { Caller, CommandProgress } from './command.ts'
import { task } from './task.ts'

const LIMIT = { timeout: 120_000 }
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)
const QUICK = { tasksCpuPercent: 100 }

// biome-ignore lint/suspicious/noExplicitAny: results are plain JSON, looked at field by field.
type Result = any

async function give(
  node: Node,
  input: Record<string, unknown>,
  caller: Partial<Caller> = {},
  told?: CommandProgress[],
): Promise<Result> {
  const result = await task.run(node.services, task.input.parse(input), {
    signal: new AbortController().signal,
    progress: (update) => told?.push(update),
    caller: { id: 'cli', permission: 'owner', ...caller },
    correlationId: '000000000000',
  })
  return result
}

async function publish(node: Node, bytes: Uint8Array) {
  const { id } = await node.services.content.publish(sourceOf(bytes), { acknowledge: 'local' })
  return id
}

test(
  'a member’s machine hashes, verifies, bundles and runs what another one shared, with progress [K-56] [K-58]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const asker = await nodes.startInMemory({ tasksAtOnce: 0 })
    const worker = await nodes.startInMemory(QUICK)
    await nodes.join(asker, worker)
    const bytes = Buffer.alloc(700_000, 'oak')
    const id = await publish(asker, bytes)
    const other = await publish(asker, Buffer.from('elm'))

    const told: CommandProgress[] = []
    const hashed = await give(asker, { action: 'run', kind: 'hash', id, wait: true }, {}, told)
    assert.equal(hashed.state, 'verified', hashed.note)
    assert.deepEqual(hashed.result, {
      algorithm: 'sha256',
      hex: hash('sha256', bytes),
      sizeBytes: bytes.length,
    })
    assert.deepEqual(hashed.workers, [worker.services.key.peerId])
    assert.equal(told.at(-1)?.done, 100)

    const verified = await give(asker, { action: 'run', kind: 'verify', id, wait: true })
    assert.equal(verified.state, 'verified', verified.note)
    assert.deepEqual(verified.result, { chunks: 4, ok: 4, damaged: 0, missing: 0, bad: [] })

    const bundle = await give(asker, { action: 'run', kind: 'archive', id: `${id},${other}`, wait: true })
    const made = bundle.result as { content: never; sizeBytes: number; entries: number }
    assert.equal(made.entries, 2)
    assert.equal((await readAll(asker, made.content)).byteLength, made.sizeBytes)

    const module = await publish(asker, buildModule())
    const ran = await give(asker, { action: 'run', kind: 'wasm', module, data: 'ab', wait: true })
    assert.equal((ran.result as { data: string }).data, Buffer.from([0x9e, 0x9d]).toString('base64url'))

    const { tasks } = (await give(asker, { action: 'list' })) as { tasks: never[] }
    assert.equal(tasks.length, 4)
    const status = await give(asker, { action: 'status', id: hashed.id })
    const log = status.log as { state: string; percent: number; worker?: string }[]
    assert.deepEqual(
      [...new Set(log.map(({ state }) => state))],
      ['queued', 'leased', 'running', 'committed', 'verified'],
    )
    assert.equal(log.at(-1)?.percent, 100)
  },
)

test('chunks that nobody has any more are named', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory(QUICK)
  const gone = hash('sha256', 'gone')
  const result = await node.services.tasks.run({
    kind: 'verify',
    input: { chunks: [await publish(node, Buffer.from('here')), gone] },
    requestedBy: 'cli',
  })
  const view = await node.services.tasks.wait(result.id, { signal: new AbortController().signal })
  assert.equal(view.state, 'verified', view.note)
  const facts = view.result as { ok: number; missing: number; bad: { state: string }[] }
  assert.deepEqual([facts.ok, facts.missing, facts.bad.map(({ state }) => state)], [1, 1, ['missing']])
})

test(
  'one’s own tasks are one’s own: others see and cancel them only as steward of the same community',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const node = await nodes.startInMemory({ tasksAtOnce: 0 })
    const id = await publish(node, Buffer.from('oak'))
    const member = { id: 'discord:1', permission: 'member', group: 'discord:a' } as const
    const asked = await give(node, { action: 'run', kind: 'hash', id }, member)
    assert.equal(asked.state, 'queued')
    assert.equal('requestedIn' in asked, false)
    const others = [
      { id: 'discord:2', permission: 'member', group: 'discord:a' },
      { id: 'discord:2', permission: 'steward', group: 'discord:b' },
      { id: 'discord:2', permission: 'steward' },
    ] as const
    for (const caller of others) {
      await assert.rejects(give(node, { action: 'status', id: asked.id }, caller), withCode('TASK_NOT_FOUND'))
      await assert.rejects(give(node, { action: 'cancel', id: asked.id }, caller), withCode('TASK_NOT_FOUND'))
    }
    const listOf = async (caller: Partial<Caller>, everybody = false) =>
      ((await give(node, { action: 'list', everybody }, caller)) as { tasks: never[] }).tasks.length
    assert.equal(await listOf(member), 1)
    assert.equal(await listOf({ id: 'discord:2', permission: 'member', group: 'discord:a' }, true), 0)
    const steward = { id: 'discord:3', permission: 'steward', group: 'discord:a' } as const
    assert.equal(await listOf(steward), 0)
    assert.equal(await listOf(steward, true), 1)
    assert.equal(await listOf({ ...steward, group: 'discord:b' }, true), 0)
    const ended = await give(node, { action: 'cancel', id: asked.id }, steward)
    assert.deepEqual([ended.cancelled, ended.state], [true, 'cancelled'])
    assert.equal((await give(node, { action: 'cancel', id: asked.id }, member)).cancelled, false)
  },
)

test('wrong requests are refused with what is missing, through the gates', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory({ tasksAtOnce: 0 })
  const id = await publish(node, Buffer.from('oak'))
  const wrong = [
    { action: 'run', id },
    { action: 'run', kind: 'hash' },
    { action: 'run', kind: 'hash', id: 'nothing' },
    { action: 'run', kind: 'hash', id: `${id},${id}` },
    { action: 'run', kind: 'wasm', id },
    { action: 'run', kind: 'verify', id, workers: 3 },
    { action: 'run', kind: 'hash', id, workers: 9 },
    { action: 'status' },
    { action: 'run', kind: 'shell', id },
  ]
  for (const input of wrong)
    await assert.rejects(ask(node, 'task', input), withCode('INVALID_INPUT'), JSON.stringify(input))
  await assert.rejects(
    ask(node, 'task', { action: 'status', id: '0'.repeat(32) }),
    withCode('TASK_NOT_FOUND'),
  )
})

test('what is known about a person’s tasks is shown to them and erased when they ask', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory({ tasksAtOnce: 0 })
  const id = await publish(node, Buffer.from('oak'))
  const { id: asked } = await give(
    node,
    { action: 'run', kind: 'hash', id },
    { id: 'discord:1', permission: 'member' },
  )
  const source = node.services.personalData.sources().find(({ name }) => name === 'tasks')
  const items = (await Array.fromAsync(source?.exportOf('discord:1') ?? [])) as { id: string }[]
  assert.deepEqual(
    items.map((item) => item.id),
    [asked],
  )
  assert.equal(await source?.eraseOf('discord:1'), 1)
  assert.equal((await Array.fromAsync(source?.exportOf('discord:1') ?? [])).length, 0)
})

test('light and mobile nodes do nothing for others unless they are told to', LIMIT, async () => {
  await using nodes = new TestNodes()
  assert.equal(nodes.configOf({ role: 'light' }).tasksAtOnce, 0)
  assert.equal(nodes.configOf({ role: 'mobile' }).tasksAtOnce, 0)
  assert.equal(nodes.configOf({ role: 'mobile', tasksAtOnce: 1 }).tasksAtOnce, 1)
  assert.equal(nodes.configOf().tasksAtOnce, 2)
  assert.throws(() => nodes.configOf({ taskKinds: ['shell'] }), /no kind of task/)
})
