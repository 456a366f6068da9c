/** Tasks with several electors, and the share of time that a worker gives. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { TasksWorld, type WorldNode, type WorldNodeOptions } from './tasks-world.suite.ts'

let world: TasksWorld
afterEach(() => world.stop())

async function worldOf(nodes: readonly WorldNodeOptions[]): Promise<WorldNode[]> {
  world = new TasksWorld({ nodes })
  await world.start()
  return world.nodes
}

test('a lasting task is done while its requester is gone, and it finds the result when it comes back', async () => {
  const [oak] = await worldOf([{ slots: 0 }, {}, {}, {}])
  world.workMs = 40_000
  const task = world.next()
  const { id, lasting } = await (oak as WorldNode).tasks.run({ ...task, lasting: true })
  assert.equal(lasting, true)
  await world.clock.advance(1_500)
  oak?.crash()
  await world.until(() => world.executionsOf(task.name).some(({ endedAt }) => endedAt !== undefined))
  await world.clock.advance(20_000)
  await oak?.start()
  const done = await world.ended(oak as WorldNode, id, 60_000)
  assert.deepEqual([done.state, done.result], ['verified', { said: task.name }])
  assert.equal(world.executionsOf(task.name).length, 1)
})

test('members find a lasting task by themselves when its requester went before it told anybody', async () => {
  const [oak] = await worldOf([{ slots: 0 }, { slots: 0 }, { slots: 0 }, {}])
  const busy = world.node(3)
  const task = world.next()
  // Nobody hears the offer.
  world.hub.partition([[busy.peer], world.nodes.slice(0, 3).map(({ peer }) => peer)])
  await world.clock.advance(5_000)
  const { id } = await (oak as WorldNode).tasks.run({ ...task, lasting: true })
  await world.clock.advance(2_000)
  oak?.crash()
  world.hub.heal()
  await world.until(() => world.executionsOf(task.name).length === 1, 120_000)
  await world.clock.advance(5_000)
  await oak?.start()
  assert.equal((await world.ended(oak as WorldNode, id, 60_000)).state, 'verified')
})

test('a task for once whose worker was killed after it began is not begun again, and says so', async () => {
  const [oak] = await worldOf([{ slots: 0 }, {}, {}, {}])
  world.workMs = 60_000
  const task = world.next()
  const { id } = await (oak as WorldNode).tasks.run({ ...task, once: true, lifeMs: 300_000 })
  await world.until(() => world.executionsOf(task.name).length === 1)
  const worker = world.nodes.find(({ peer }) => peer === world.executions[0]?.worker)
  worker?.crash()
  await world.clock.advance(150_000)
  assert.equal(world.executionsOf(task.name).length, 1, 'nobody else began it')
  assert.equal(oak?.tasks.get(id).endedAt, undefined)
  await worker?.start()
  const done = await world.ended(oak as WorldNode, id, 120_000)
  assert.deepEqual([done.state, done.result], ['failed', undefined])
  assert.match(done.note, /stopped in the middle/)
  assert.equal(world.executionsOf(task.name).length, 1)
})

test('a task for once goes on through a cut, and its late result is taken: nobody else can have done it', async () => {
  const [oak] = await worldOf([{ slots: 0 }, {}, {}, {}])
  world.workMs = 90_000
  const task = world.next()
  const { id } = await (oak as WorldNode).tasks.run({ ...task, once: true })
  await world.until(() => world.executionsOf(task.name).length === 1)
  const worker = world.executions[0]?.worker
  const others = world.nodes.map(({ peer }) => peer).filter((peer) => peer !== worker)
  world.hub.partition([worker === undefined ? [] : [worker], others])
  await world.clock.advance(120_000)
  world.hub.heal()
  const done = await world.ended(oak as WorldNode, id)
  assert.deepEqual([done.state, done.result], ['verified', { said: task.name }])
  assert.equal(world.executionsOf(task.name).length, 1)
})

test('cancelling a lasting task needs a majority of its electors', async () => {
  const [oak, elm, ash] = await worldOf([{ slots: 0 }, { slots: 0 }, { slots: 0 }])
  const first = await (oak as WorldNode).tasks.run({ ...world.next(), lasting: true })
  assert.equal(await world.run((oak as WorldNode).tasks.cancel(first.id)), true)
  assert.equal(oak?.tasks.get(first.id).state, 'cancelled')
  const second = await (oak as WorldNode).tasks.run({ ...world.next(), lasting: true })
  elm?.crash()
  ash?.crash()
  await world.clock.advance(10_000)
  const cancelled = (oak as WorldNode).tasks.cancel(second.id)
  await assert.rejects(world.run(cancelled), { code: 'TASK_ELECTORS_AWAY' })
  await elm?.start()
  await world.clock.advance(10_000)
  assert.equal(await world.run((oak as WorldNode).tasks.cancel(second.id)), true)
})

test('a lasting task that nobody takes expires', async () => {
  const [oak] = await worldOf([{ slots: 0 }, { slots: 0 }, { slots: 0 }])
  const { id } = await (oak as WorldNode).tasks.run({ ...world.next(), lasting: true, lifeMs: 30_000 })
  assert.equal((await world.ended(oak as WorldNode, id, 90_000)).state, 'expired')
})

test('a slot rests so long after a task that it keeps to its share', async () => {
  const [oak] = await worldOf([{ slots: 0 }, { slots: 1, cpuShare: 0.25 }])
  world.workMs = 4_000
  const startedAt = world.clock.monotonic()
  for (let count = 0; count < 4; count++) await oak?.tasks.run(world.next())
  await world.until(() => oak?.tasks.counts().open === 0)
  const tookMs = world.clock.monotonic() - startedAt
  assert.ok(tookMs >= 3 * 16_000 + 4_000, `${tookMs} ms for four tasks of 4 s at a quarter`)
  assert.ok(tookMs < 70_000, `${tookMs} ms`)
})
