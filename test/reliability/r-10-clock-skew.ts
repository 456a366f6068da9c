import { runClocks } from '../simulation/run-clocks.ts'
import { cpuMs } from './cpu-time.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'

/** How many worlds of 40 minutes are tried; a night ends when its time does. */
const SCALES: Record<ReliabilityScale, { seeds: number; cpuMsMax: number }> = {
  gate: { seeds: 8, cpuMsMax: 60_000 },
  night: { seeds: 400, cpuMsMax: 5 * 60_000 },
  release: { seeds: 10_000, cpuMsMax: 8 * 3_600_000 },
}
const SEEDS_MIN = 8
const TWICE_ONE_OF = 8
const WORLDS_WITH_BUG = 4
const FAILURES_SHOWN = 10

/** Simulated nodes of which two of five have clocks that are a day ahead or behind, jump, stand still or are stepped. */
export const check: ReliabilityCheck = {
  row: 'R-10',
  title:
    'clock skew: two of five nodes at ±24 h, jumping, frozen or stepped in the middle of a vote, with restarts',
  goal: '0 acknowledged records, votes or files lost, 0 gone before their time, no date more than 5 minutes wrong; timers on the monotonic clock only; without the agreement on dates the same worlds fail',
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  const { seeds, cpuMsMax } = SCALES[scale]
  const began = cpuMs()
  const failures: string[] = []
  let acknowledged = 0
  let virtualMs = 0
  let datedWrongMsMax = 0
  let tried = 0
  for (; tried < seeds && !signal.aborted && cpuMs() - began < cpuMsMax; tried++) {
    const world = { seed: seed * 1_000_000 + tried }
    const result = await runClocks(world)
    acknowledged += result.acknowledged
    virtualMs += result.virtualMs
    datedWrongMsMax = Math.max(datedWrongMsMax, result.datedWrongMsMax)
    if (result.failure !== undefined) {
      failures.push(
        `seed ${world.seed} (${result.wrong}): ${result.failure} — replay: npm run simulate -- --clocks ${world.seed}`,
      )
    } else if (tried % TWICE_ONE_OF === 0 && (await runClocks(world)).stateHash !== result.stateHash) {
      failures.push(`seed ${world.seed}: two runs, two histories`)
    }
    if (failures.length >= FAILURES_SHOWN) break
    progress(`${tried + 1} of ${seeds} worlds, ${failures.length} failed`)
  }
  if (tried < Math.min(seeds, SEEDS_MIN) && failures.length < FAILURES_SHOWN)
    failures.push(`only ${tried} worlds`)
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
