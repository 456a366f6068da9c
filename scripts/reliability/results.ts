import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { ReliabilityScale } from '../../test/reliability/reliability-check.ts'

/** The committed figures: what the longest runs reached, row by row. */
export const RESULTS_FILE = 'test/reliability/results.json'

/** From the smallest to the largest. */
const SCALES: readonly ReliabilityScale[] = ['gate', 'night', 'release']

/** What one run of one row's program said. */
export interface RowResult {
  row: string
  title: string
  goal: string
  figure: string
  /** False also when the program broke off or took too long. */
  reached: boolean
  /** Too little was tried to tell. */
  undecided?: boolean
  scale: ReliabilityScale
  /** Day of the run, `2026-11-21`. */
  date: string
  /** Commit it ran on; with a `+` when the tree had changes that were not committed. */
  commit: string
  seconds: number
  /** Processor time, with that of the processes it started; says more than `seconds` on a machine that was busy. */
  cpuSeconds?: number
  /** It ended without a figure, and a run that goes on tries it again. */
  brokeOff?: true
  seed: number
  /** What failed, with the seed that shows it again; empty when the goal was reached. */
  failures: readonly string[]
}

/** Whether this run has that row already: same scale, same seed, and it came to its end. */
export function isDone(
  results: readonly RowResult[],
  run: Pick<RowResult, 'row' | 'scale' | 'seed'>,
): boolean {
  return results.some(
    ({ row, scale, seed, brokeOff }) =>
      row === run.row && scale === run.scale && seed === run.seed && brokeOff !== true,
  )
}

/** The results of a file, in the order of their rows; none when the file is not there yet. */
export function readResults(file: string): RowResult[] {
  if (!existsSync(file)) return []
  return JSON.parse(readFileSync(file, 'utf8')) as RowResult[]
}

/**
 * Puts results into a file; a row's newer result takes the place of its older one, but a smaller run that reached its
 * goal not that of a larger one.
 */
export function mergeResults(file: string, results: readonly RowResult[]): RowResult[] {
  const byRow = new Map(readResults(file).map((result) => [result.row, result]))
  for (const result of results) {
    const stored = byRow.get(result.row)
    const isSmaller = stored !== undefined && SCALES.indexOf(result.scale) < SCALES.indexOf(stored.scale)
    if (!isSmaller || !result.reached) byRow.set(result.row, result)
  }
  const merged = [...byRow.values()].sort((a, b) => (a.row < b.row ? -1 : 1))
  writeFileSync(file, `${JSON.stringify(merged, undefined, 2)}\n`)
  return merged
}
