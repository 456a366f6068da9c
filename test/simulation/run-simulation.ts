import { shuffled } from '../../src/core/random.ts'
import { checkEverythingReads, checkPosts, checkQueues, checkTargetsWhenQuiet } from './checkers.ts'
import { chooseFault, endFaults } from './faults.ts'
import { Ledger } from './ledger.ts'
import { NO_BUGS, type PlantedBugs, SimulatedWorld } from './simulated-world.ts'

export interface SimulationOptions {
  seed: number
  /** Virtual minutes of trouble, before the quiet at the end. */
  minutes: number
  /** @default 5 */
  nodes?: number
  /** Virtual minutes of quiet in which the targets must come back. @default 60 */
  quietMinutes?: number
  bugs?: Partial<PlantedBugs>
  /** Told about every step. */
  onStep?: (line: string) => void
}

export interface SimulationResult {
  seed: number
  /** Equal for equal seeds, or something in the world depends on more than its seed. */
  stateHash: string
  steps: number
  /** Virtual milliseconds from the start to the end of the last check. */
  virtualMs: number
  acknowledged: number
  /** How often each action ended in which way. */
  outcomes: ReadonlyMap<string, number>
  /** How often each fault struck. */
  faults: ReadonlyMap<string, number>
  failure: { step: number; reason: string } | undefined
}

/** Between two steps at most (virtual milliseconds). */
const STEP_MS_MAX = 4_000

/** The rest of a hundred steps are faults. */
const USES_OF_100 = 70

/** One world's history: trouble for a while, then quiet, and the checks of what was promised. */
export async function runSimulation(options: SimulationOptions): Promise<SimulationResult> {
  const world = new SimulatedWorld({
    seed: options.seed,
    nodes: options.nodes ?? 5,
    bugs: { ...NO_BUGS, ...options.bugs },
  })
  const ledger = new Ledger(world)
  const faults = new Map<string, number>()
  const tell = (line: string) =>
    options.onStep?.(`${String(steps).padStart(5)} ${world.clock.monotonic()} ms: ${line}`)
  let steps = 0
  let failure: SimulationResult['failure']
  try {
    await world.start()
    const endAt = world.clock.monotonic() + options.minutes * 60_000
    while (world.clock.monotonic() < endAt) {
      steps++
      tell(takeStep(world, ledger, faults))
      await world.advance(1 + world.random.integer(STEP_MS_MAX))
      checkQueues(world)
    }
    const quietMs = (options.quietMinutes ?? 60) * 60_000
    await checkAfterwards(world, ledger, quietMs, (line) => {
      steps++
      tell(line)
    })
  } catch (error) {
    failure = { step: steps, reason: error instanceof Error ? error.message : String(error) }
    tell(`FAILED ${error instanceof Error ? error.stack : error}`)
  }
  for (const node of world.nodes) world.trace.note(node.name, ...node.disk.paths())
  for (const node of world.nodes) node.crash(world.random)
  return {
    seed: options.seed,
    stateHash: world.trace.stateHash,
    steps,
    virtualMs: world.clock.monotonic(),
    acknowledged: ledger.acknowledged.length,
    outcomes: ledger.outcomes,
    faults,
    failure,
  }
}

/** One line that says all: what failed and how to see it again. */
export function failureLine(result: SimulationResult, options: { minutes: number; nodes?: number }): string {
  const { seed, failure } = result
  const reason = (failure?.reason ?? 'nothing').split('\n')[0]
  const nodes = options.nodes === undefined ? '' : ` --nodes ${options.nodes}`
  return `seed ${seed} failed at step ${failure?.step}: ${reason} — replay: npm run simulate -- --seed ${seed} --minutes ${options.minutes}${nodes} --verbose`
}

function takeStep(world: SimulatedWorld, ledger: Ledger, faults: Map<string, number>): string {
  const { random, trace } = world
  const drawn = random.integer(100)
  let line: string
  if (drawn < USES_OF_100) {
    const users = world.nodes.filter((node) => node.isUp)
    const publishers = users.filter((node) => node !== world.unlucky)
    const isPublish = drawn < 25 && publishers.length > 0
    const nodes = isPublish ? publishers : users
    const node = nodes[random.integer(nodes.length)]
    if (node === undefined) line = 'nobody is up'
    else if (isPublish) line = `publish ${ledger.beginPublish(node, random)}`
    else if (drawn < 35) line = `post ${ledger.beginPost(node)}`
    else if (drawn < 40) line = ledger.beginKeepOrForget(node, random) ?? 'keep nothing yet'
    else line = `read ${ledger.beginRead(node, random) ?? 'nothing yet'}`
  } else {
    const fault = chooseFault(random)
    const what = fault.strike(world)
    if (what !== undefined) faults.set(fault.name, (faults.get(fault.name) ?? 0) + 1)
    line = `${fault.name} ${what ?? 'not possible now'}`
  }
  trace.note('step', world.clock.monotonic(), line)
  return line
}

async function checkAfterwards(
  world: SimulatedWorld,
  ledger: Ledger,
  quietMs: number,
  onStep: (line: string) => void,
): Promise<void> {
  onStep('quiet: every fault ends')
  endFaults(world)
  await checkTargetsWhenQuiet(world, ledger, quietMs)
  onStep('at target')

  // Everybody goes dark and comes back in any order: nothing is lost.
  for (const node of world.nodes) node.crash(world.random)
  await world.advance(60_000)
  for (const node of shuffled(world.random, world.nodes)) {
    world.launch(node)
    await world.advance(world.random.integer(30_000))
  }
  await world.advance(30_000)
  await checkEverythingReads(world, ledger, () => shuffled(world.random, world.nodes).slice(0, 2))
  onStep('readable after a black-out')
  await checkTargetsWhenQuiet(world, ledger, quietMs)
  checkPosts(world.nodes, ledger.posts)
  onStep('at target again')

  // Whatever was confirmed on more than one peer outlives any one of them. (Asked only now: before the black-out,
  // those to whom the unlucky node lied would have been without its copies besides.)
  const lost = world.nodes[world.random.integer(world.nodes.length)]
  lost?.crash(world.random)
  const rest = world.nodes.filter((node) => node !== lost)
  await checkEverythingReads(world, ledger, () => shuffled(world.random, rest).slice(0, 1))
  onStep(`readable without ${lost?.name}`)
}
