/**
 * The odds of loss that people are shown, against what comes: spaces whose members leave so often that things
 * are lost, repaired by the production rules (durability-world.ts). At the begin of each month every object's odds are
 * worked out as `describe` does, from departures and repair times as they were measured; at its end the lost are
 * counted.
 */
import type { DurabilityPolicy } from '../../src/content/content.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { type Calibration, DurabilityWorld, type WorldRates } from './durability-world.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'

const HOUR_MS = 3_600_000
const OBJECT_MONTHS = { gate: 240, night: 10_000, release: 100_000 }
const OBJECTS = { gate: 40, night: 60, release: 200 }
/** So many worlds are enough to tell their spread: then the ratio itself is held to the goal. */
const WORLDS_MIN = 30
/** A departure is known after a week, and a few of them tell little: measurements need this long. */
const SETTLING_MONTHS = 6
/** Worlds are many rather than long, because the objects of one share their members' fate. */
const COUNTED_MONTHS = { gate: 2, night: 5, release: 5 }
const FACTOR_MAX = 2

const POLICIES: readonly { policy: DurabilityPolicy; name: string; stayDays: number }[] = [
  { name: 'replica:2', policy: { kind: 'replica', copies: 2 }, stayDays: 20 },
  { name: 'replica:3', policy: { kind: 'replica', copies: 3 }, stayDays: 8 },
  { name: 'rs:4+2', policy: { kind: 'rs', k: 4, m: 2 }, stayDays: 16 },
  { name: 'rs:6+3', policy: { kind: 'rs', k: 6, m: 3 }, stayDays: 12 },
]

/** Absences that the grace covers: what is measured describes the space. */
const WITHIN = { graceMs: 4 * HOUR_MS, awayMsMax: 3.5 * HOUR_MS }
/** Absences that it does not: extra copies are made, and the odds shown should err to the safe side. */
const BEYOND = { graceMs: 2 * HOUR_MS, awayMsMax: 6 * HOUR_MS }

export const check: ReliabilityCheck = {
  row: 'R-20',
  title: 'odds of loss shown against losses seen, per policy',
  goal: `observed within × ${FACTOR_MAX} of predicted over ≥ 100,000 object-months, per policy`,
  run,
}

async function run(options: ReliabilityOptions) {
  const random = new SeededRandom(options.seed)
  const lines: string[] = []
  const failures: string[] = []
  let months = 0
  let isDecided = true
  for (const { name, policy, stayDays } of POLICIES) {
    for (const absences of [WITHIN, BEYOND]) {
      const isWithin = absences === WITHIN
      if (!isWithin && options.scale === 'gate') continue
      const rates: WorldRates = {
        members: 30,
        policy,
        objects: OBJECTS[options.scale],
        stayDays,
        copyMs: 3 * HOUR_MS,
        upMs: 12 * HOUR_MS,
        ...absences,
      }
      const wanted = OBJECT_MONTHS[options.scale] / (isWithin ? 1 : 5)
      const worlds = Math.ceil(wanted / OBJECTS[options.scale] / COUNTED_MONTHS[options.scale])
      const found: Calibration[] = []
      for (let each = 0; each < worlds; each++) {
        options.signal.throwIfAborted()
        const world = new DurabilityWorld(rates, new SeededRandom(random.integer(2 ** 31)))
        found.push(world.play({ settling: SETTLING_MONTHS, counted: COUNTED_MONTHS[options.scale] }))
        if (each % 10 === 9) await new Promise((resolve) => setImmediate(resolve))
      }
      const { objectMonths, observed, predicted } = sumOf(found)
      const { low, high } = intervalOf(found)
      const line = `${name}, absences ${isWithin ? 'within' : 'beyond'} the grace: ${observed} lost, ${predicted.toFixed(1)} predicted, ratio ${(observed / predicted).toFixed(2)} (95 %: ${low.toFixed(2)}–${high.toFixed(2)}) over ${objectMonths} object-months`
      options.progress(line)
      if (isWithin) {
        months += objectMonths
        lines.push(`${name} ${(observed / predicted).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`)
      }
      // From few worlds little is known: then the interval must not exclude the goal.
      const isKnown = worlds >= WORLDS_MIN
      if (isWithin) isDecided &&= isKnown
      const isTooMany = isKnown ? observed / predicted > FACTOR_MAX : low > FACTOR_MAX
      const isTooFew = isKnown ? observed / predicted < 1 / FACTOR_MAX : high < 1 / FACTOR_MAX
      if (isTooMany || (isWithin && isTooFew)) failures.push(`${line}, seed ${options.seed}`)
    }
  }
  return {
    figure: `observed / predicted: ${lines.join(', ')}; ${months} object-months`,
    reached: failures.length === 0,
    undecided: !isDecided,
    failures,
  }
}

function sumOf(found: readonly Calibration[]): Calibration {
  const sum = { objectMonths: 0, predicted: 0, observed: 0 }
  for (const each of found) {
    sum.objectMonths += each.objectMonths
    sum.predicted += each.predicted
    sum.observed += each.observed
  }
  return sum
}

/** 95 % interval of the ratio, from how the worlds differ: the objects of one world are not independent. */
function intervalOf(found: readonly Calibration[]): { low: number; high: number } {
  const { observed, predicted } = sumOf(found)
  const ratio = observed / predicted
  const count = found.length
  const squares = found.reduce((sum, each) => sum + (each.observed - ratio * each.predicted) ** 2, 0)
  // At least the noise of counting.
  const variance = Math.max((squares * count) / Math.max(count - 1, 1), observed, 1)
  // About Student's factor, which is larger for few worlds.
  const factor = 1.96 * (1 + 2.4 / Math.max(count - 1, 1))
  const error = (factor * Math.sqrt(variance)) / predicted
  return { low: Math.max(ratio - error, 0), high: ratio + error }
}
