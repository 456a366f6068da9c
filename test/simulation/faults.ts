import type { Random } from '../../src/core/random.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/** Nodes that may be down at once; the others must go on. */
const DOWN_MAX = 2
/** Of four nodes or more; the others must be the majority even when two of them are down. */
const CLOCKS_WRONG_MAX = 1
const DOWN_MS_MAX = 120_000
const PARTITION_MS_MAX = 60_000

/** A fault by name: what it does to the world, and how often it is chosen among the others. */
export interface Fault {
  name: string
  weight: number
  /** Says what it did, or undefined when it could do nothing now. */
  strike(world: SimulatedWorld): string | undefined
}

export const FAULTS: readonly Fault[] = [
  { name: 'crash', weight: 6, strike: crash },
  { name: 'stop', weight: 2, strike: stopCleanly },
  { name: 'partition', weight: 4, strike: partition },
  { name: 'bad-link', weight: 8, strike: spoilLink },
  { name: 'good-links', weight: 4, strike: repairLinks },
  { name: 'disk-error', weight: 4, strike: failDisk },
  { name: 'bit-rot', weight: 4, strike: rot },
  { name: 'lie', weight: 3, strike: lie },
  { name: 'clock-jump', weight: 2, strike: jumpClock },
]

/** Chooses a fault by weight. */
export function chooseFault(random: Random): Fault {
  const total = FAULTS.reduce((sum, fault) => sum + fault.weight, 0)
  let drawn = random.integer(total)
  for (const fault of FAULTS) {
    drawn -= fault.weight
    if (drawn < 0) return fault
  }
  throw new Error('the weights do not add up')
}

/** Ends every fault that lasts. Nodes that are down come back by themselves. */
export function endFaults(world: SimulatedWorld): void {
  world.hub.heal()
  world.hub.resetLinks()
  for (const node of world.nodes) {
    node.disk.heal()
    node.isLying = false
    node.wall.heal()
  }
}

/** Power cut: torn and lost writes, every connection gone, back after a while. */
function crash(world: SimulatedWorld): string | undefined {
  const node = chooseNodeToStop(world)
  if (node === undefined) return undefined
  const backInMs = 100 + world.random.integer(DOWN_MS_MAX)
  node.crash(world.random)
  world.clock.after(backInMs, () => world.launch(node))
  return `${node.name} for ${backInMs} ms`
}

function stopCleanly(world: SimulatedWorld): string | undefined {
  const node = chooseNodeToStop(world)
  if (node === undefined) return undefined
  const backInMs = 5_000 + world.random.integer(DOWN_MS_MAX)
  world.watch(`stop of ${node.name}`, node.stop())
  world.clock.after(backInMs, () => world.launch(node))
  return `${node.name} for ${backInMs} ms`
}

function partition(world: SimulatedWorld): string {
  const { random, nodes, hub, clock } = world
  const first = nodes.filter(() => random.integer(2) === 0).map(({ peer }) => peer)
  const forMs = 1_000 + random.integer(PARTITION_MS_MAX)
  hub.partition([first])
  clock.after(forMs, () => hub.heal())
  return `${first.length} of ${nodes.length} for ${forMs} ms`
}

function spoilLink(world: SimulatedWorld): string {
  const { random, nodes, hub } = world
  const a = pick(random, nodes)
  const b = pick(random, nodes)
  const faults = {
    dropRate: [0, 0.01, 0.1][random.integer(3)] ?? 0,
    delayMs: [5, 50, 400][random.integer(3)] ?? 0,
    jitterMs: random.integer(100),
    duplicateRate: random.integer(2) === 0 ? 0 : 0.3,
    bytesPerSecond: [Number.POSITIVE_INFINITY, 2 ** 20, 2 ** 17][random.integer(3)] ?? 0,
  }
  hub.setLink(a.peer, b.peer, faults)
  return `${a.name} – ${b.name} ${JSON.stringify(faults)}`
}

function repairLinks(world: SimulatedWorld): string {
  world.hub.resetLinks()
  return 'all'
}

/**
 * Some calls of one disk fail: what they were to write must not be acknowledged. Reads fail on the unlucky node only:
 * a sector that cannot be read is a chunk lost, which is set aside and fetched from others.
 */
function failDisk(world: SimulatedWorld): string | undefined {
  const node = pick(world.random, world.nodes)
  if (!node.isUp) return undefined
  const operations = ['write', 'sync', 'rename', 'truncate', 'syncFolder'] as const
  const operation =
    node === world.unlucky && world.random.integer(3) === 0
      ? 'read'
      : (operations[world.random.integer(operations.length)] ?? 'write')
  const code = world.random.integer(2) === 0 ? 'EIO' : 'ENOSPC'
  const count = 1 + world.random.integer(4)
  node.disk.fail({ operation, path: 'chunks', code, count })
  return `${node.name} ${operation} ${code} × ${count}`
}

/** One bit of one stored file turns over, on the one node that is allowed to lose data. */
function rot(world: SimulatedWorld): string | undefined {
  const { random, unlucky } = world
  const paths = unlucky.disk.paths().filter((path) => path.startsWith('chunks/'))
  if (!unlucky.isUp || paths.length === 0) return undefined
  const path = pick(random, paths)
  const bit = random.integer(8 * 1024)
  try {
    unlucky.disk.flipBit(path, bit)
  } catch {
    // The file is shorter than that.
    return undefined
  }
  return `${unlucky.name} ${path} bit ${bit}`
}

/** The unlucky node serves wrong bytes, or stops doing so. */
function lie(world: SimulatedWorld): string {
  world.unlucky.isLying = !world.unlucky.isLying
  return `${world.unlucky.name} ${world.unlucky.isLying ? 'begins' : 'ends'}`
}

/** The wall clock of a node jumps by up to a day, or stands still; only so many are wrong that they are outvoted. */
function jumpClock(world: SimulatedWorld): string | undefined {
  const { random, nodes, clock } = world
  const wrong = nodes.filter(({ wall }) => wall.isWrong)
  if (wrong.length >= CLOCKS_WRONG_MAX) {
    for (const { wall } of wrong) wall.heal()
    return `${wrong.map(({ name }) => name)} right again`
  }
  const { wall, name } = pick(random, nodes)
  if (random.integer(4) === 0) {
    wall.freeze(clock.now())
    return `${name} stands still`
  }
  wall.errorMs = random.integer(2 * 86_400_000) - 86_400_000
  return `${name} ${wall.errorMs} ms`
}

function chooseNodeToStop(world: SimulatedWorld): SimulatedNode | undefined {
  const up = world.nodes.filter((node) => node.isUp)
  if (world.nodes.length - up.length >= DOWN_MAX) return undefined
  return pick(world.random, up)
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.integer(items.length)] as Item
}
