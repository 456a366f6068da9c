import { type KeptSeed, keepSeeds } from '../simulation/kept-seeds.ts'
import { failureLine, runSimulation, type SimulationOptions } from '../simulation/run-simulation.ts'
import type { PlantedBugs } from '../simulation/simulated-world.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'
import { trySeeds } from './try-seeds.ts'

/** How much is tried at each scale; a night ends when its time does. */
const SCALES: Record<
  ReliabilityScale,
  { seeds: number; twiceOneOf: number; minutes: number; nodes: number; cpuMsMax: number }
> = {
  gate: { seeds: 500, twiceOneOf: 20, minutes: 0.4, nodes: 4, cpuMsMax: 200_000 },
  night: { seeds: 20_000, twiceOneOf: 10, minutes: 1, nodes: 5, cpuMsMax: 13 * 60_000 },
  release: { seeds: 1_000_000, twiceOneOf: 1, minutes: 1, nodes: 5, cpuMsMax: 29 * 3_600_000 },
}
const HOURS_PER_CPU_HOUR_MIN = 500
/** Seeds that a run must get through, whatever its time. */
const SEEDS_MIN = 500
/** A planted bug needs its chance: so many worlds are tried for each. */
const WORLDS_PER_BUG = 6
const BUGS: readonly (keyof PlantedBugs)[] = ['syncLies', 'readsLie', 'copiesLie', 'postsLie']

/** One process, one thread, seeded time, network, disk and chance: whole nodes of the modules that run in life. */
export const check: ReliabilityCheck = {
  row: 'R-17',
  title:
    'deterministic simulation of whole nodes under crashes, partitions, bad disks, links, clocks and a liar',
  goal: '500 seeds per commit, as many as 13 minutes of a core allow a night (20,000 and 1,000,000 with --release): 0 violations; ≥ 500 simulated hours per CPU-hour; each of a sample of seeds twice with the same state hash; every planted bug found',
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  const { minutes, nodes, ...amount } = SCALES[scale]
  const failed: KeptSeed[] = []
  let virtualMs = 0
  let acknowledged = 0
  const trial = await trySeeds({
    ...amount,
    seedsMin: SEEDS_MIN,
    progressEvery: 50,
    signal,
    progress,
    worldOf: (index): SimulationOptions => ({ seed: seed * 1_000_000 + index, minutes, nodes }),
    run: runSimulation,
    onResult(result, world) {
      virtualMs += result.virtualMs
      acknowledged += result.acknowledged
      if (result.failure !== undefined)
        failed.push({ seed: world.seed, minutes, nodes, found: result.failure.reason.slice(0, 200) })
    },
    describe: (result) => failureLine(result, { minutes, nodes }),
  })
  const { tried, twice, failures } = trial
  // The tree of a gate is not changed.
  if (scale !== 'gate') keepSeeds(failed)
  const hoursPerHour = virtualMs / trial.cpuMs
  const found = await findPlanted(seed)
  failures.push(
    ...found.missed.map(
      (bug) => `seed ${seed}: the planted bug ${bug} was not found in ${WORLDS_PER_BUG} worlds`,
    ),
  )
  if (hoursPerHour < HOURS_PER_CPU_HOUR_MIN)
    failures.push(`${Math.round(hoursPerHour)} simulated hours per CPU-hour`)
  return {
    figure: `${tried} seeds (${twice} of them twice, same state hash), ${acknowledged} objects acknowledged, ${failures.length} violations; ${Math.round(hoursPerHour)} simulated hours per CPU-hour; ${found.caught} of ${BUGS.length} planted bugs found`,
    reached: failures.length === 0,
    failures,
  }
}

async function findPlanted(seed: number): Promise<{ caught: number; missed: string[] }> {
  const missed: string[] = []
  for (const bug of BUGS) {
    let isFound = false
    for (let world = 0; world < WORLDS_PER_BUG && !isFound; world++) {
      const options = { seed: seed * 1_000 + world, minutes: 1.5, quietMinutes: 6, bugs: { [bug]: true } }
      isFound = (await runSimulation(options)).failure !== undefined
    }
    if (!isFound) missed.push(bug)
  }
  return { caught: BUGS.length - missed.length, missed }
}
