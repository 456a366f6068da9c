/** Whole nodes give each other tasks on virtual time. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { PeerId } from '../core/signing-key.ts'
import type { TaskEvent } from './task.ts'
import { TasksWorld, type WorldNodeOptions } from './tasks-world.suite.ts'

let world: TasksWorld
afterEach(() => world.stop())

async function worldOf(nodes: readonly WorldNodeOptions[], seed = 1): Promise<TasksWorld> {
  world = new TasksWorld({ nodes, seed })
  await world.start()
  return world
}

test('a task goes queued, leased, running, committed, verified, each with percent and worker in its log [K-58]', async () => {
  const { nodes } = await worldOf([{ slots: 0 }, { slots: 1 }])
  const [oak, elm] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
  world.workMs = 30_000
  const heard: TaskEvent[] = []
  oak.tasks.onEvent((event) => heard.push(event))
  const task = world.next()
  const asked = await oak.tasks.run(task)
  assert.equal(asked.state, 'queued')
  const done = await world.ended(oak, asked.id)
  assert.equal(done.state, 'verified')
  assert.deepEqual(done.result, { said: task.name })
  assert.deepEqual(done.workers, [elm.peer])
  const states = heard.map(({ state }) => state)
  assert.deepEqual([...new Set(states)], ['queued', 'leased', 'running', 'committed', 'verified'])
  const running = heard.filter(({ state }) => state === 'running')
  assert.ok(running.length >= 2, 'progress was told on the way')
  assert.ok(running.every(({ worker }) => worker === elm.peer))
  assert.ok(running.some(({ percent }) => percent > 0 && percent < 100))
  assert.deepEqual(oak.tasks.events(asked.id), heard)
})

test('says in the log lines of both sides how far a task is and who does it [K-58]', async () => {
  const lines: { event: string; fields: Record<string, unknown> }[] = []
  const write = (event: string, fields: Record<string, unknown> = {}) => {
    lines.push({ event, fields })
  }
  const log = { error: write, warn: write, info: write, debug: () => {}, named: () => log }
  await worldOf([{ slots: 0, log: log as never }, { log: log as never }])
  world.workMs = 30_000
  const { id } = await world.node(0).tasks.run(world.next())
  await world.ended(world.node(0), id)
  const worker = world.node(1).peer
  const states = lines.filter(({ event }) => event === 'task').map(({ fields }) => fields.state)
  assert.deepEqual([...new Set(states)], ['queued', 'leased', 'running', 'committed', 'verified'])
  const progress = lines.filter(({ event }) => event === 'task progress')
  assert.deepEqual(
    progress.map(({ fields }) => [fields.task, fields.percent, fields.worker]),
    [25, 50, 75, 100].map((percent) => [id, percent, worker]),
  )
  const done = lines.find(({ event }) => event === 'task done')
  assert.deepEqual([done?.fields.percent, done?.fields.worker], [100, worker])
})

test('of three nodes with loads of 10, 50 and 90 percent the first gets the task [K-56]', async () => {
  const loads = [90, 10, 50]
  const nodes = loads.map((load) => ({ slots: 4, machineLoad: () => load }))
  await worldOf([{ slots: 0 }, ...nodes])
  const workers: PeerId[] = []
  for (let count = 0; count < 60; count++) {
    const { id } = await world.node(0).tasks.run(world.next())
    const { workers: by } = await world.ended(world.node(0), id)
    workers.push(...by)
  }
  const share = workers.filter((worker) => worker === world.node(2).peer).length / workers.length
  assert.ok(share >= 0.95, `${share * 100} % went to the least busy one`)
})

test('the load that counts is that of the moment: when it moves, so do the tasks [K-56]', async () => {
  let busy = 0
  const nodes = [0, 1, 2].map((index) => ({ slots: 4, machineLoad: () => (index === busy ? 10 : 80) }))
  await worldOf([{ slots: 0 }, ...nodes])
  for (let count = 0; count < 30; count++) {
    busy = count % 3
    const { id } = await world.node(0).tasks.run(world.next())
    const { workers } = await world.ended(world.node(0), id)
    assert.deepEqual(workers, [world.node(busy + 1).peer])
  }
})

test('a thousand equal tasks on five nodes are done by all of them alike [K-57]', async (context) => {
  await worldOf(Array.from({ length: 5 }, () => ({ slots: 2 })))
  const requester = world.node(0)
  for (let count = 0; count < 1_000; count++) await requester.tasks.run(world.next())
  await world.until(() => requester.tasks.counts().open === 0, 600_000)
  const counts = world.nodes.map(
    ({ peer }) => world.executions.filter(({ worker }) => worker === peer).length,
  )
  assert.equal(world.executions.length, 1_000, 'each was done once')
  const ratio = Math.max(...counts) / 200
  context.diagnostic(`${counts.join(', ')}: max/mean ${ratio}`)
  assert.ok(ratio <= 1.3, `max/mean ${ratio}`)
})

test('a worker that is killed in the middle loses its task to another, and its late result is not taken', async () => {
  await worldOf([{ slots: 0 }, { slots: 1 }, { slots: 1 }])
  world.workMs = 60_000
  const [oak, elm, ash] = world.nodes as never as [never, never, never] & typeof world.nodes
  const task = world.next()
  const { id } = await (oak as (typeof world.nodes)[0]).tasks.run(task)
  await world.until(() => world.executionsOf(task.name).length === 1)
  const first = world.nodes.find(({ peer }) => peer === world.executionsOf(task.name)[0]?.worker)
  await world.clock.advance(5_000)
  first?.crash()
  const done = await world.ended(world.node(0), id)
  assert.equal(done.state, 'verified')
  assert.ok([elm, ash].includes(first as never))
  assert.equal(world.executionsOf(task.name).filter(({ endedAt }) => endedAt !== undefined).length, 1)
  const log = world.node(0).tasks.events(id)
  assert.ok(log.some(({ state, note }) => state === 'queued' && note.includes('nothing more was heard')))
})

test('a worker that was cut off stops before its lease ends, and what it made comes too late', async () => {
  await worldOf([{ slots: 0 }, { slots: 1, rate: 0.99 }, { slots: 1, rate: 1.01 }])
  world.workMs = 50_000
  const task = world.next()
  const { id } = await world.node(0).tasks.run(task)
  await world.until(() => world.executionsOf(task.name).length === 1)
  const first = world.nodes.find(({ peer }) => peer === world.executionsOf(task.name)[0]?.worker)
  if (first === undefined) assert.fail()
  world.hub.partition([[first.peer], world.nodes.filter((node) => node !== first).map(({ peer }) => peer)])
  const done = await world.ended(world.node(0), id)
  world.hub.heal()
  await world.clock.advance(60_000)
  assert.equal(done.state, 'verified')
  const [cutOff, other] = world.executionsOf(task.name)
  assert.equal(cutOff?.endedAt, undefined, 'it stopped by its own clock')
  assert.ok(
    (other?.begunAt ?? 0) - (cutOff?.begunAt ?? 0) >= 29_000,
    'nobody else began before the lease was over',
  )
  assert.equal(world.executionsOf(task.name).length, 2)
})

test('a requester that was killed goes on with its tasks, those under way included', async () => {
  await worldOf([{ slots: 0 }, { slots: 1 }, { slots: 1 }])
  world.workMs = 15_000
  const tasks = [world.next(), world.next(), world.next(), world.next()]
  const oak = world.node(0)
  const ids = []
  for (const task of tasks) ids.push((await oak.tasks.run(task)).id)
  await world.until(() => world.executions.length >= 2)
  oak.crash()
  await world.clock.advance(5_000)
  await oak.start()
  for (const id of ids) assert.equal((await world.ended(oak, id)).state, 'verified')
  for (const { name } of tasks) assert.equal(world.executionsOf(name).length, 1, 'nothing was done twice')
})

test('a worker that comes back after a crash gives its task up at once', async () => {
  await worldOf([{ slots: 0 }, { slots: 1 }])
  world.workMs = 20_000
  const { id } = await world.node(0).tasks.run(world.next())
  await world.until(() => world.executions.length === 1)
  const crashedAt = world.clock.monotonic()
  world.node(1).crash()
  await world.clock.advance(1_000)
  await world.node(1).start()
  await world.until(() => world.executions.length === 2)
  assert.ok(world.clock.monotonic() - crashedAt < 25_000, 'it did not wait for the lease to end')
  assert.equal((await world.ended(world.node(0), id)).state, 'verified')
})

test('a worker that stops in good order gives its task back, and nobody holds it against it', async () => {
  await worldOf([{ slots: 0 }, { slots: 1 }, { slots: 1 }])
  world.workMs = 20_000
  const { id } = await world.node(0).tasks.run(world.next())
  await world.until(() => world.executions.length === 1)
  const first = world.nodes.find(({ peer }) => peer === world.executions[0]?.worker)
  const stopped = first?.stop()
  await world.run(stopped ?? Promise.resolve())
  assert.equal((await world.ended(world.node(0), id, 60_000)).state, 'verified')
  assert.ok(
    world
      .node(0)
      .tasks.events(id)
      .some(({ note }) => note.includes('given back')),
  )
})

test('a task that three workers fail is at fault itself', async () => {
  const work = () => Promise.reject(new Error('broken'))
  await worldOf([{ slots: 0 }, { work }, { work }, { work }, { work }])
  const { id } = await world.node(0).tasks.run(world.next())
  const done = await world.ended(world.node(0), id)
  assert.equal(done.state, 'failed')
  assert.match(done.note, /3 workers failed/)
  assert.equal(new Set(world.executions.map(({ worker }) => worker)).size, 3)
  assert.equal(world.executions.length, 3)
})

test('where one worker is all there is, it may try again, and not without end', async () => {
  await worldOf([{ slots: 0 }, { work: () => Promise.reject(new Error('broken')) }])
  const { id } = await world.node(0).tasks.run(world.next())
  const done = await world.ended(world.node(0), id)
  assert.equal(done.state, 'failed')
  assert.match(done.note, /tried 6 times/)
  assert.equal(world.executions.length, 6)
})

test('cancelling ends a task for everybody, and the worker stops', async () => {
  await worldOf([{ slots: 0 }, { slots: 1 }])
  world.workMs = 60_000
  const { id } = await world.node(0).tasks.run(world.next())
  await world.until(() => world.executions.length === 1)
  assert.equal(await world.node(0).tasks.cancel(id), true)
  assert.equal(world.node(0).tasks.get(id).state, 'cancelled')
  await world.until(() => world.node(1).tasks.counts().doing === 0, 15_000)
  assert.equal(world.executions[0]?.endedAt, undefined)
  assert.equal(await world.node(0).tasks.cancel(id), false)
})

test('a task that nobody does in its time expires', async () => {
  await worldOf([{ slots: 0 }, { slots: 0 }])
  const { id } = await world.node(0).tasks.run({ ...world.next(), lifeMs: 20_000 })
  const done = await world.ended(world.node(0), id)
  assert.equal(done.state, 'expired')
  assert.equal(world.executions.length, 0)
})

test('three distinct workers agree against one that lies, and the liar is noted', async () => {
  const lie = { work: async () => ({ said: 'a lie' }) }
  await worldOf([{ slots: 0 }, {}, lie, {}, {}])
  const task = world.next()
  const { id } = await world.node(0).tasks.run({ ...task, redundancy: 4 })
  const done = await world.ended(world.node(0), id)
  assert.equal(done.state, 'verified')
  assert.deepEqual([done.result, done.agreeing], [{ said: task.name }, 3])
  assert.equal(new Set(world.executions.map(({ worker }) => worker)).size, 4)
  assert.deepEqual(world.deeds, [{ peer: world.node(2).peer, deed: 'misbehaved' }])
})

test('two that disagree have a third decide; where nobody agrees the task is rejected', async () => {
  let count = 0
  const odd = { work: async () => ({ said: `lie ${count++}` }) }
  await worldOf([{ slots: 0 }, odd, {}, {}])
  const { id } = await world.node(0).tasks.run({ ...world.next(), redundancy: 2 })
  assert.equal((await world.ended(world.node(0), id)).state, 'verified')
  world.stop()
  await worldOf([{ slots: 0 }, odd, odd, odd, odd])
  const { id: other } = await world.node(0).tasks.run({ ...world.next(), redundancy: 2 })
  const done = await world.ended(world.node(0), other)
  assert.deepEqual([done.state, done.result], ['rejected', undefined])
})

test('the same request twice is one task, and wrong requests are refused before anything happens', async () => {
  await worldOf([{ slots: 0 }, {}])
  const { tasks } = world.node(0)
  const task = world.next()
  const first = await tasks.run({ ...task, idempotencyKey: 'interaction 1' })
  const second = await tasks.run({ ...task, idempotencyKey: 'interaction 1' })
  assert.equal(second.id, first.id)
  assert.notEqual((await tasks.run({ ...task, idempotencyKey: 'interaction 2' })).id, first.id)
  const refused = [
    { ...task, input: { content: 'nothing' } },
    { ...task, input: { ...task.input, more: 1 } },
    { ...task, redundancy: 8 },
    { ...task, redundancy: 2, lasting: true },
    { ...task, lifeMs: 0 },
    { ...task, kind: 'verify' as const, redundancy: 2 },
  ]
  for (const request of refused)
    await assert.rejects(tasks.run(request), { code: 'INVALID_INPUT' }, JSON.stringify(request))
})

test('forgets who asked: ended tasks go, open ones lose the name', async () => {
  await worldOf([{ slots: 0 }, { slots: 1 }])
  const { tasks } = world.node(0)
  const { id } = await tasks.run(world.next())
  await world.ended(world.node(0), id)
  world.workMs = 60_000
  const { id: open } = await tasks.run(world.next())
  assert.equal(tasks.list({ requestedBy: 'oak' }).length, 2)
  assert.equal(tasks.forgetRequester('oak'), 2)
  assert.throws(() => tasks.get(id), { code: 'TASK_NOT_FOUND' })
  assert.equal(tasks.get(open).requestedBy, '')
  assert.equal(tasks.list({ requestedBy: 'oak' }).length, 0)
})
