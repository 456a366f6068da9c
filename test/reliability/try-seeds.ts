import { cpuMs } from './cpu-time.ts'

/** What a simulated world shows. */
export interface WorldResult {
  /** Two runs of the same world have the same. */
  stateHash: string
  /** What broke, if anything did. */
  failure?: unknown
}

/** Worlds that are run one after the other, and for how long. */
export interface SeedTrial<World extends { seed: number }, Result extends WorldResult> {
  /** So many at most, … */
  seeds: number
  /** … as long as this much processor time is not used up, … */
  cpuMsMax: number
  /** … but never fewer than these. */
  seedsMin: number
  /** The first of so many is run again, for the same history. */
  twiceOneOf: number
  /** Said after so many. */
  progressEvery: number
  signal: AbortSignal
  progress: (line: string) => void
  worldOf: (index: number) => World
  run: (world: World) => Promise<Result>
  /** One line, with how to see it again. */
  describe: (result: Result, world: World) => string
  onResult: (result: Result, world: World) => void
}

/** Failures after which nothing more is tried. */
const FAILURES_MAX = 20

/** Runs worlds until there were enough, the time is over or too much has failed. */
export async function trySeeds<World extends { seed: number }, Result extends WorldResult>(
  trial: SeedTrial<World, Result>,
): Promise<{ tried: number; twice: number; cpuMs: number; failures: string[] }> {
  const { seeds, seedsMin, cpuMsMax, twiceOneOf, progressEvery, signal, progress } = trial
  const began = cpuMs()
  const failures: string[] = []
  let twice = 0
  let tried = 0
  while (tried < seeds && failures.length < FAILURES_MAX && !signal.aborted && cpuMs() - began < cpuMsMax) {
    const world = trial.worldOf(tried)
    const result = await trial.run(world)
    trial.onResult(result, world)
    if (result.failure !== undefined) {
      failures.push(trial.describe(result, world))
    } else if (tried % twiceOneOf === 0) {
      twice++
      const again = await trial.run(world)
      trial.onResult(again, world)
      if (again.stateHash !== result.stateHash) {
        failures.push(
          `seed ${world.seed}: two runs, two histories: ${result.stateHash} and ${again.stateHash}`,
        )
      }
    }
    tried++
    if (tried % progressEvery === 0) progress(`${tried} of ${seeds} worlds, ${failures.length} failed`)
  }
  if (tried < Math.min(seeds, seedsMin) && failures.length < FAILURES_MAX)
    failures.push(`only ${tried} worlds in ${Math.round(cpuMsMax / 1000)} s of one core`)
  return { tried, twice, cpuMs: cpuMs() - began, failures }
}
