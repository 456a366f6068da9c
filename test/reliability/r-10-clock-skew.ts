import { runClocks } from '../simulation/run-clocks.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'
import { trySeeds } from './try-seeds.ts'

/** How many worlds of 40 minutes are tried; a night ends when its time does. */
const SCALES: Record<ReliabilityScale, { seeds: number; cpuMsMax: number }> = {
  gate: { seeds: 8, cpuMsMax: 60_000 },
  night: { seeds: 400, cpuMsMax: 5 * 60_000 },
  release: { seeds: 10_000, cpuMsMax: 8 * 3_600_000 },
}
const SEEDS_MIN = 8
const TWICE_ONE_OF = 8
const WORLDS_WITH_BUG = 4

/** Simulated nodes of which two of five have clocks that are a day ahead or behind, jump, stand still or are stepped. */
export const check: ReliabilityCheck = {
  row: 'R-10',
  title:
    'clock skew: two of five nodes at ±24 h, jumping, frozen or stepped in the middle of a vote, with restarts',
  goal: '0 acknowledged records, votes or files lost, 0 gone before their time, no date more than 5 minutes wrong; timers on the monotonic clock only; without the agreement on dates the same worlds fail',
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  let acknowledged = 0
  let virtualMs = 0
  let datedWrongMsMax = 0
  const { tried, failures } = await trySeeds({
    ...SCALES[scale],
    seedsMin: SEEDS_MIN,
    twiceOneOf: TWICE_ONE_OF,
    progressEvery: 1,
    signal,
    progress,
    worldOf: (index) => ({ seed: seed * 1_000_000 + index }),
    run: runClocks,
    onResult(result) {
      acknowledged += result.acknowledged
      virtualMs += result.virtualMs
      datedWrongMsMax = Math.max(datedWrongMsMax, result.datedWrongMsMax)
    },
    describe: (result, world) =>
      `seed ${world.seed} (${result.wrong}): ${result.failure} — replay: npm run simulate -- --clocks ${world.seed}`,
  })
  let isFound = false
  for (let world = 0; world < WORLDS_WITH_BUG && !isFound; world++) {
    isFound = (await runClocks({ seed: seed * 1_000_000 + world, clocksAlone: true })).failure !== undefined
  }
  if (!isFound) failures.push(`the planted bug was not found in ${WORLDS_WITH_BUG} worlds`)
  return {
    figure: `${tried} worlds, ${(virtualMs / 3_600_000).toFixed(1)} simulated hours, ${acknowledged.toLocaleString('en')} things acknowledged, ${failures.length} lost or gone early; dates wrong by ${(datedWrongMsMax / 1000).toFixed(0)} s at most; planted bug ${isFound ? 'found' : 'not found'}`,
    reached: failures.length === 0,
    failures,
  }
}
