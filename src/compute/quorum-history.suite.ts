/**
 * One history of tasks among five nodes from one seed: nodes are killed and come back, the network is cut and loses
 * messages, clocks run apart. Then quiet, and the check of what was promised (docs/protocol/tasks.md).
 */
import type { SeededRandom } from '../core/random.ts'
import { shuffled } from '../core/random.ts'
import type { TaskId, TaskState } from './task.ts'
import { type Execution, TasksWorld, type WorldNode } from './tasks-world.suite.ts'

const NODES = 5
/** Trouble lasts so long. */
const TROUBLE_MS = 150_000
const STEP_MS_MAX = 6_000
const LIFE_MS = 12 * 60_000
/** Clocks run apart by less than the margin of the leases. */
const DRIFT_MAX = 0.009
const WALL_MS_MAX = 60_000

export interface QuorumHistory {
  seed: number
  /** What must never be; empty when all is well. */
  violations: string[]
  tasks: number
  /** How the tasks for once ended. */
  ends: Map<TaskState, number>
  faults: number
}

interface Asked {
  id: TaskId
  name: string
  requester: WorldNode
  once: boolean
}

/** Lives through one history. */
export async function runQuorumHistory(options: {
  seed: number
  plant?: (world: TasksWorld) => void
}): Promise<QuorumHistory> {
  const world = worldOf(options.seed)
  const { random } = world
  const asked: Asked[] = []
  let faults = 0
  options.plant?.(world)
  try {
    await world.start()
    const endAt = world.clock.monotonic() + TROUBLE_MS
    while (world.clock.monotonic() < endAt) {
      if (random.integer(100) < 40) await ask(world, asked)
      else {
        await strike(world)
        faults++
      }
      await world.clock.advance(1 + random.integer(STEP_MS_MAX))
    }
    world.hub.heal()
    world.hub.setAllLinks({ dropRate: 0, jitterMs: 0, delayMs: 5 })
    for (const node of world.nodes) if (!node.isUp) await node.start()
    const isOver = () => asked.every(({ requester, id }) => requester.tasks.get(id).endedAt !== undefined)
    const limit = world.clock.monotonic() + LIFE_MS + 120_000
    while (!isOver() && world.clock.monotonic() < limit) await world.clock.advance(1_000)
    return { seed: options.seed, tasks: asked.length, faults, ...judge(world, asked) }
  } finally {
    world.stop()
  }
}

function worldOf(seed: number): TasksWorld {
  // The world draws from its own; this only spreads the clocks.
  let next = seed
  const spread = () => {
    next = (next * 48_271) % 2_147_483_647
    return (next / 2_147_483_647) * 2 - 1
  }
  const nodes = Array.from({ length: NODES }, () => ({
    slots: 2,
    rate: 1 + spread() * DRIFT_MAX,
    wallOffsetMs: Math.round(spread() * WALL_MS_MAX),
  }))
  const world = new TasksWorld({ seed, nodes })
  world.workMs = 2_000 + (seed % 7) * 6_000
  return world
}

async function ask(world: TasksWorld, asked: Asked[]): Promise<void> {
  const requester = pick(
    world.random,
    world.nodes.filter(({ isUp }) => isUp),
  )
  if (requester === undefined) return
  const task = world.next()
  const once = world.random.integer(100) < 70
  const { id } = await requester.tasks.run({ ...task, once, lasting: !once, lifeMs: LIFE_MS })
  asked.push({ id, name: task.name, requester, once })
}

async function strike(world: TasksWorld): Promise<void> {
  const { random, hub, nodes } = world
  const drawn = random.integer(100)
  const node = pick(random, nodes) as WorldNode
  if (drawn < 30) node.crash()
  else if (drawn < 55) {
    if (!node.isUp) await node.start()
  } else if (drawn < 75) {
    const mixed = shuffled(random, nodes).map(({ peer }) => peer)
    const first = 1 + random.integer(NODES - 1)
    hub.partition([mixed.slice(0, first), mixed.slice(first)])
  } else if (drawn < 90) hub.heal()
  else {
    hub.setAllLinks({
      dropRate: random.integer(2) * 0.05,
      delayMs: 5 + random.integer(400),
      jitterMs: random.integer(1_500),
    })
  }
}

function judge(world: TasksWorld, asked: readonly Asked[]): Pick<QuorumHistory, 'violations' | 'ends'> {
  const violations: string[] = []
  const ends = new Map<TaskState, number>()
  for (const { id, name, requester, once } of asked) {
    const view = requester.tasks.get(id)
    const executions = world.executionsOf(name)
    const finished = executions.filter(({ endedAt }) => endedAt !== undefined)
    const called = `${once ? 'once' : 'lasting'} ${id} (${view.state}: ${view.note})`
    if (view.endedAt === undefined) violations.push(`${called} never ended`)
    if (once) ends.set(view.state, (ends.get(view.state) ?? 0) + 1)
    if (once && executions.length > 1) violations.push(`${called} was begun ${executions.length} times`)
    if (view.state === 'verified' && finished.length === 0) violations.push(`${called} was never done`)
    // A majority held by one leaves no time in which another holds it.
    if (doOverlap(executions)) violations.push(`${called} was done by two at once`)
    const committed = requester.tasks.events(id).filter(({ state }) => state === 'committed')
    if (committed.length > 1) violations.push(`${called} had ${committed.length} results`)
  }
  return { violations, ends }
}

function doOverlap(executions: readonly Execution[]): boolean {
  const sorted = executions.toSorted((a, b) => a.begunAt - b.begunAt)
  return sorted.some((each, index) => {
    const next = sorted[index + 1]
    return next !== undefined && (each.leftAt ?? Number.POSITIVE_INFINITY) > next.begunAt
  })
}

function pick<Item>(random: SeededRandom, items: readonly Item[]): Item | undefined {
  return items[random.integer(Math.max(items.length, 1))]
}
