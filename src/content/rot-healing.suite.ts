/**
 * Five nodes in virtual time whose disks rot, in chunks, parity, manifests and packs. Counts what was found and
 * healed, and how long it took. For the tests beside it, and for the reliability programme of R-02.
 */
import { type ContentId, digestOf } from '../core/content-id.ts'
import { SeededRandom, shuffled } from '../core/random.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { DurabilityPolicy } from './content.ts'
import {
  openRottingStore,
  ROT_KINDS,
  type RottingStore,
  rotChunk,
  wrongChunks,
} from './rotting-store.suite.ts'
import { randomContent, readAll, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

const NODES = 5
/** At most so many nodes rot at once: every object survives the loss of two. */
const ROTTING_AT_ONCE = 2
const CHUNKS_PER_ROUND = 20
/** A round that is not over by then is a failure (virtual). */
const ROUND_MS_MAX = 600_000
const STEP_MS = 250

/** Large chunks with parity, copies in files, copies in packs. */
const SHARED: readonly { sizeBytes: number; policy: DurabilityPolicy }[] = [
  { sizeBytes: 3_000_000, policy: { kind: 'rs', k: 3, m: 2 } },
  { sizeBytes: 700_000, policy: { kind: 'replica', copies: 3 } },
  { sizeBytes: 9_000, policy: { kind: 'replica', copies: 3 } },
  { sizeBytes: 300, policy: { kind: 'replica', copies: 4 } },
]

interface RottingNode extends RottingStore {
  node: TestNode
}

interface SharedObject {
  id: ContentId
  bytes: Uint8Array
}

interface World {
  clock: VirtualClock
  random: SeededRandom
  nodes: RottingNode[]
  objects: SharedObject[]
  result: RotHealed
}

/** What came of it. */
export interface RotHealed {
  injected: number
  detected: number
  /** Of those injected: the ones that were kept as copies that count; what was only cached is let go. */
  kept: number
  healed: number
  /** Reads at rotting nodes, and those that gave other bytes than were shared. */
  reads: number
  wrongReads: number
  /** From being found to being whole again, virtual milliseconds. */
  healMs: number[]
  failures: string[]
}

/** Lets chunks rot until there were `injections`, in rounds, each of which must heal whole before the next one. */
export async function rotAndHeal(options: {
  seed: number
  injections: number
  signal?: AbortSignal
  progress?: (line: string) => void
}): Promise<RotHealed> {
  const clock = new VirtualClock()
  const space = new TestSpace({ clock, seed: options.seed })
  space.hub.setAllLinks({ delayMs: 20, bytesPerSecond: 12_500_000 })
  const result: RotHealed = {
    injected: 0,
    detected: 0,
    kept: 0,
    healed: 0,
    reads: 0,
    wrongReads: 0,
    healMs: [],
    failures: [],
  }
  const random = new SeededRandom(options.seed)
  try {
    const nodes = await startNodes(space, clock)
    const world: World = { clock, random, nodes, objects: await share(clock, nodes, options.seed), result }
    for (let round = 0; result.injected < options.injections; round++) {
      options.signal?.throwIfAborted()
      const count = Math.min(CHUNKS_PER_ROUND, options.injections - result.injected)
      await rotOnce(world, count, `seed ${options.seed} round ${round}`)
      if (round % 20 === 19)
        options.progress?.(`${result.injected} injected, ${result.healed} of ${result.kept} healed`)
    }
  } finally {
    await inTime(clock, space.stop())
  }
  return result
}

/** Lets virtual time pass until `work` is done. */
export async function inTime<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  let isDone = false
  const done = () => {
    isDone = true
  }
  work.then(done, done)
  await advanceUntil(clock, () => isDone, ROUND_MS_MAX)
  if (!isDone) throw new Error('not done in time')
  return work
}

/** Lets virtual time pass until `check` holds; false when it did not within `timeoutMs`. */
export async function advanceUntil(
  clock: VirtualClock,
  check: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const end = clock.monotonic() + timeoutMs
  while (!(await check())) {
    if (clock.monotonic() >= end) return false
    await clock.advance(STEP_MS)
  }
  return true
}

async function startNodes(space: TestSpace, clock: VirtualClock): Promise<RottingNode[]> {
  const nodes: RottingNode[] = []
  for (let count = 0; count < NODES; count++) {
    const store = await openRottingStore(clock)
    // Nobody else makes copies anew meanwhile: what is measured is the healing.
    const content = { graceMs: ROUND_MS_MAX, settleMs: ROUND_MS_MAX, repairIntervalMs: 60_000 }
    const adding = space.addNode({
      chunks: store.chunks,
      content: { ...content, holdingsIntervalMs: 30_000 },
    })
    nodes.push({ node: await inTime(clock, adding), ...store })
  }
  return nodes
}

async function share(clock: VirtualClock, nodes: RottingNode[], seed: number): Promise<SharedObject[]> {
  const objects: SharedObject[] = []
  for (const [place, { sizeBytes, policy }] of SHARED.entries()) {
    const bytes = randomContent(sizeBytes, seed * SHARED.length + place)
    const { node } = nodes[place % NODES] as RottingNode
    const { id } = await inTime(clock, node.content.publish(sourceOf(bytes), { policy }))
    objects.push({ id, bytes })
  }
  return objects
}

async function rotOnce(world: World, count: number, name: string): Promise<void> {
  const { nodes, random, result } = world
  const rotting = shuffled(random, nodes).slice(0, ROTTING_AT_ONCE)
  for (let number = 0; number < count; number++) {
    const target = rotting[random.integer(rotting.length)] as RottingNode
    const held = [...(await target.node.stored())]
    const kind = ROT_KINDS[random.integer(ROT_KINDS.length)] ?? 'bit'
    await rotChunk(target, held[random.integer(held.length)] as ContentId, kind, random)
  }
  for (const target of rotting) {
    // Counted by what is wrong, not by what was done: a bit turned over twice is right again.
    const wrong = await wrongChunks(target)
    result.injected += wrong.length
    target.node.logged.length = 0
    // In every other round a reader meets the rot before scrubbing does.
    if (random.integer(2) === 0) await readEverything(world, target)
    await inTime(world.clock, target.node.content.scrubber.checkAll())
    await heal(world, target, wrong, name)
  }
}

async function heal(
  { clock, result }: World,
  target: RottingNode,
  wrong: readonly ContentId[],
  name: string,
): Promise<void> {
  const kept = keptOf(target, wrong)
  const missing = async () => {
    const held = await Promise.all(kept.map((id) => target.chunks.has(id)))
    return held.filter((isHeld) => !isHeld).length
  }
  await advanceUntil(clock, async () => (await missing()) === 0, ROUND_MS_MAX)
  await advanceUntil(clock, () => target.node.content.queues().repair === 0, ROUND_MS_MAX)
  const left = (await missing()) + (await wrongChunks(target)).length
  const { logged } = target.node
  const found = new Set(
    logged.filter(({ event }) => event === 'chunk damaged here').map(({ fields }) => fields.id),
  )
  const missed = wrong.filter((id) => !found.has(id)).length
  if (left > 0) result.failures.push(`${name}: ${left} chunks not healed`)
  if (missed > 0) result.failures.push(`${name}: ${missed} wrong chunks not found`)
  result.detected += wrong.length - missed
  result.kept += kept.length
  result.healed += kept.length - left
  for (const { event, fields } of logged) {
    if (event === 'chunk healed') result.healMs.push(Number(fields.tookMs))
  }
}

function keptOf({ node }: RottingNode, ids: readonly ContentId[]): ContentId[] {
  const database = node.disk.openDatabase('index.db')
  const pinned = database.prepare('SELECT 1 FROM pinned_chunk WHERE digest = ?')
  const kept = ids.filter((id) => pinned.get(digestOf(id)) !== undefined)
  database.close()
  return kept
}

/** Every object, read at a rotting node: right bytes or an error, never others. */
async function readEverything({ clock, objects, result }: World, { node }: RottingNode): Promise<void> {
  for (const { id, bytes } of objects) {
    result.reads++
    const read = inTime(clock, node.content.retrieve(id).then(readAll))
    const isRight = await read.then(
      (got) => got.equals(bytes),
      () => true,
    )
    if (!isRight) result.wrongReads++
  }
}
