import { BranchCoverage } from './fuzzing/branch-coverage.ts'
import { fuzz } from './fuzzing/fuzz.ts'
import { FUZZ_TARGETS } from './fuzzing/fuzz-targets.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'

/** Inputs for each fast parser; slow ones get the share that they name. */
const EXECUTIONS: Record<ReliabilityScale, number> = { gate: 50_000, night: 500_000, release: 10_000_000 }
const PARSERS_MIN = 15

/** Inputs that somebody made who knows the formats: the parsers refuse or read them, and do nothing else. */
export const check: ReliabilityCheck = {
  row: 'R-11',
  title:
    'fuzzing of every parser of bytes or text from outside, structure-aware, at night guided by the branches reached',
  goal: '≥ 15 parsers; 50,000 inputs each per commit (slow ones 10,000 or more), 500,000 a night, 10,000,000 before a release; 0 crashes, 0 hangs > 1 s, 0 allocations > 64 MiB',
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  const isGuided = scale !== 'gate'
  const coverage = isGuided ? new BranchCoverage() : undefined
  await coverage?.start()
  const failures: string[] = []
  let executions = 0
  let least = Number.POSITIVE_INFINITY
  let accepted = 0
  let seconds = 0
  for (const [index, target] of FUZZ_TARGETS.entries()) {
    const wanted = Math.ceil(EXECUTIONS[scale] * (target.share ?? 1))
    const outcome = await fuzz(target, {
      seed: seed * 1_000 + index,
      executions: wanted,
      signal,
      ...(coverage === undefined ? {} : { coverage, keeps: true }),
    })
    executions += outcome.executions
    accepted += outcome.accepted
    seconds += outcome.seconds
    least = Math.min(least, outcome.executions)
    failures.push(...outcome.finds.map((find) => `seed ${seed}, ${find}`))
    if (outcome.finds.length === 0 && outcome.executions < wanted)
      failures.push(`${target.name}: only ${outcome.executions} inputs`)
    const rate = Math.round(outcome.executions / outcome.seconds)
    progress(
      `${target.name}: ${outcome.executions} inputs, ${rate} a second, ${outcome.accepted} read, ${outcome.finds.length} finds`,
    )
  }
  const branches = coverage === undefined ? '' : `; ${coverage.branches} branches reached`
  await coverage?.stop()
  if (FUZZ_TARGETS.length < PARSERS_MIN) failures.push(`only ${FUZZ_TARGETS.length} parsers`)
  return {
    figure: `${FUZZ_TARGETS.length} parsers, ${executions.toLocaleString('en')} inputs (${least.toLocaleString('en')} or more each, ${Math.round(executions / seconds).toLocaleString('en')} a second), ${accepted.toLocaleString('en')} of them read; ${failures.length} crashes, hangs or large allocations${branches}`,
    reached: failures.length === 0,
    failures,
  }
}
