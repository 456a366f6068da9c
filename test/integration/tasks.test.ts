/** Tasks between real processes: one asks, another works and is killed in the middle. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { buildModule, counting } from '../../src/compute/kinds/wasm-builder.suite.ts'
import { bootstrapTo, NodeGroup } from '../fixtures/node-group.ts'
import { writeSampleFile } from '../fixtures/sample-file.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const MIB = 2 ** 20
const LIMIT = { timeout: 400_000 }

interface Status {
  state: string
  note: string
  workers: string[]
  result?: Record<string, unknown>
  log: { state: string; worker?: string; note: string }[]
}

let group: NodeGroup
before(() => {
  group = new NodeGroup()
})
after(() => group[Symbol.asyncDispose]())

test(
  'a worker that is killed in the middle of a task comes back, and the task is done once [K-56] [K-58]',
  LIMIT,
  async () => {
    const asker = await group.start('asker', ['--tasks-at-once', '0'])
    let worker = await group.start('worker', ['--tasks-cpu-percent', '100', ...bootstrapTo(asker)])
    await group.together(asker, worker)
    const file = group.path('module.wasm')
    writeFileSync(file, buildModule({ run: counting(2) }))
    const { id: module } = await asker.json('share', file)
    const input = { action: 'run', kind: 'wasm', module, data: 'oak' }
    const { id } = await asker.call('task', input)
    const statusOf = async () => (await asker.call('task', { action: 'status', id })) as unknown as Status
    await waitUntil('the task runs', 60_000, async () => (await statusOf()).state === 'running')
    await worker.kill()
    worker = await group.start('worker', ['--tasks-cpu-percent', '100', ...bootstrapTo(asker)])
    await waitUntil('the task has ended', 120_000, async () => (await statusOf()).state === 'verified')
    const { result, workers, log } = await statusOf()
    assert.equal(result?.data, Buffer.from('oak').toString('base64url'))
    assert.deepEqual(workers, [worker.peerId])
    const states = log.map(({ state }) => state)
    assert.equal(states.filter((state) => state === 'leased').length, 2, states.join())
    assert.equal(states.filter((state) => state === 'committed').length, 1)
    assert.ok(
      log.some(({ state, note }) => state === 'queued' && /stopped in the middle|nothing more/.test(note)),
    )
  },
)

test(
  'the command line waits for a task, shows its result, and an asker that was killed goes on',
  LIMIT,
  async () => {
    let asker = await group.start('second', ['--tasks-at-once', '0'])
    const worker = await group.start('second worker', ['--tasks-cpu-percent', '100', ...bootstrapTo(asker)])
    await group.together(asker, worker)
    const file = group.path('file.bin')
    const sha256 = await writeSampleFile(file, 3 * MIB, 7)
    const { id: content } = await asker.json('share', file, '--copies', '2')
    const done = await asker.json('task', 'run', String(content), '--kind', 'hash', '--wait')
    assert.equal(done.state, 'verified')
    assert.deepEqual(done.result, { algorithm: 'sha256', hex: sha256, sizeBytes: 3 * MIB })
    assert.equal(sha256.length, hash('sha256', '').length)
    const shown = await asker.run('task', 'list')
    assert.equal(shown.code, 0, shown.stderr)
    assert.match(shown.stdout, /verified/)

    const module = group.path('slow.wasm')
    writeFileSync(module, buildModule({ run: counting(2) }))
    const { id: program } = await asker.json('share', module)
    const { id } = await asker.call('task', { action: 'run', kind: 'wasm', module: program, data: 'elm' })
    const statusOf = async () => (await asker.call('task', { action: 'status', id })) as unknown as Status
    await waitUntil('the task runs', 60_000, async () => (await statusOf()).state === 'running')
    await asker.kill()
    asker = await group.start('second', ['--tasks-at-once', '0'])
    await waitUntil('the task has ended', 120_000, async () => (await statusOf()).state === 'verified')
    const { log } = await statusOf()
    assert.equal(log.filter(({ state }) => state === 'committed').length, 1)
    const ended = await asker.run('task', 'cancel', String(id), '--json')
    assert.equal(ended.json.cancelled, false)
  },
)
