import type { PeerId } from '../core/signing-key.ts'
import type { TaskFacts, TaskOutcome } from './task.ts'
import { resultDigest } from './task-record.ts'

/** Workers asked beyond the wanted number when results differ. */
const TIE_BREAKERS_MAX = 2

/** What the results so far say. */
export type Judgement =
  | { verdict: 'wait' }
  /** Results differ, and one more may decide. */
  | { verdict: 'ask another' }
  | { verdict: 'rejected' }
  | { verdict: 'verified'; result: TaskFacts; agreeing: number; liars: PeerId[] }

/**
 * Compares what distinct workers made. More than half of the workers wanted must have made the same; whoever made
 * something else then lied, because only kinds with one right answer are done by several.
 *
 * @param wanted how many workers the task asked for.
 * @param parts how many have been asked so far, tie-breakers included.
 */
export function judgeResults(outcomes: readonly TaskOutcome[], wanted: number, parts: number): Judgement {
  const needed = Math.floor(wanted / 2) + 1
  const groups = Map.groupBy(outcomes, ({ result }) => resultDigest(result))
  const largest = [...groups.values()].sort((a, b) => b.length - a.length)[0]
  const first = largest?.[0]
  if (largest !== undefined && first !== undefined && largest.length >= needed) {
    const liars = outcomes.filter((each) => !largest.includes(each)).map(({ worker }) => worker)
    return { verdict: 'verified', result: first.result, agreeing: largest.length, liars }
  }
  if (outcomes.length < parts) return { verdict: 'wait' }
  return parts < wanted + TIE_BREAKERS_MAX ? { verdict: 'ask another' } : { verdict: 'rejected' }
}
