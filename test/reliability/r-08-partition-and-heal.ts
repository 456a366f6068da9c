import { EQUAL_MS_MAX, type PartitionOptions, runPartition } from '../simulation/run-partition.ts'
import { runRealCuts } from './real-cuts.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'
import { trySeeds } from './try-seeds.ts'

/** How much is tried; a night ends when its time does. */
const SCALES: Record<
  ReliabilityScale,
  { seeds: number; largeOneOf: number; longOneOf: number; cpuMsMax: number; realCuts: number }
> = {
  gate: { seeds: 40, largeOneOf: 40, longOneOf: 10, cpuMsMax: 80_000, realCuts: 0 },
  night: { seeds: 10_000, largeOneOf: 100, longOneOf: 3, cpuMsMax: 9 * 60_000, realCuts: 5 },
  release: { seeds: 10_000, largeOneOf: 50, longOneOf: 1, cpuMsMax: 10 * 3_600_000, realCuts: 5 },
}
/** Seeds that a run must get through, whatever its time. */
const SEEDS_MIN = 40
const LARGE_ENTRIES = 10_000
/** The first of so many is run twice, for the same history. */
const TWICE_ONE_OF = 20
const REAL_CUT_MS = 45_000
const SHORT_CUT_MS_MAX = 10 * 60_000
const LARGE_CUT_MS_MIN = 60_000

/** Simulated nodes whose network is cut while people go on on all sides. */
export const check: ReliabilityCheck = {
  row: 'R-08',
  title:
    'partition and heal: cuts in two, three or with a bridge, 1 s to 2 h, while members share, keep, forget, vote, talk and change who is a member',
  goal: '40 seeds per commit, as many as 9 minutes of a core allow a night (10,000 with --release) and 5 cuts between real processes: identical state hash on all nodes ≤ 30 s after the heal, also with 10,000 entries made meanwhile; 0 acknowledged posts, votes or files lost; same history from the same seed',
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  const { largeOneOf, longOneOf, realCuts, ...amount } = SCALES[scale]
  const equalAfter: number[] = []
  let acknowledged = 0
  let cutMs = 0
  let large = 0
  const { tried, failures } = await trySeeds({
    ...amount,
    seedsMin: SEEDS_MIN,
    twiceOneOf: TWICE_ONE_OF,
    progressEvery: 20,
    signal,
    progress,
    worldOf(index): PartitionOptions {
      const isLarge = index % largeOneOf === largeOneOf - 1
      return {
        seed: seed * 1_000_000 + index,
        entries: isLarge ? LARGE_ENTRIES : 0,
        ...(isLarge ? { cutMsMin: LARGE_CUT_MS_MIN } : {}),
        ...(index % longOneOf === 0 ? {} : { cutMsMax: SHORT_CUT_MS_MAX }),
      }
    },
    run: runPartition,
    onResult(result, { entries = 0 }) {
      if (entries > 0) large++
      acknowledged += result.acknowledged + entries
      cutMs += result.cutMs
      equalAfter.push(result.equalAfterMs ?? Number.POSITIVE_INFINITY)
    },
    describe: (result, world) =>
      `seed ${world.seed}, cut ${result.cut} for ${result.cutMs} ms: ${result.failure} — replay: npm run simulate -- --cut ${JSON.stringify(world)}`,
  })
  const real = realCuts === 0 ? undefined : await runRealCuts(realCuts, REAL_CUT_MS, signal)
  failures.push(...(real?.failures ?? []))
  const runs = equalAfter.length
  equalAfter.sort((a, b) => a - b)
  const seconds = (ms: number | undefined) => `${((ms ?? 0) / 1000).toFixed(1)} s`
  return {
    figure: `${tried} cuts of ${Math.round(cutMs / runs / 1000)} s on average (${runs - tried} of them twice, ${large} runs with ${LARGE_ENTRIES.toLocaleString('en')} entries), ${acknowledged.toLocaleString('en')} things acknowledged meanwhile, ${failures.length} failures; equal ${seconds(equalAfter[runs >> 1])} after the heal (median), ${seconds(equalAfter.at(-1))} at most of ${EQUAL_MS_MAX / 1000} s${real === undefined ? '' : `; ${real.figure}`}`,
    reached: failures.length === 0,
    failures,
  }
}
