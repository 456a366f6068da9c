import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { median } from './rounds.ts'

/** How fast something of ours is beside SHA-256 of the same bytes, by processor time, as it was kept. */
export interface KeptRatio {
  name: string
  /** SHA-256's processor time for each byte divided by ours: more is faster. */
  ratio: number
  /** The model: what SHA-256 costs beside copying and storing differs between them. */
  processor: string
  date: string
}

/** What a run says of one kept ratio. */
export interface Verdict {
  name: string
  ratio: number
  kept: number | undefined
  /** Below this part of the kept ratio it is slower. */
  limit: number
  isSlower: boolean
}

/** On the processor that the ratio was kept for, 15 % slower is a regression. */
const SLOWER_FACTOR = 0.85
/** On any other one the ratio itself differs: only half is a regression that one can be sure of. */
const SLOWER_FACTOR_ELSEWHERE = 0.5

const FILE = new URL('kept-ratios.json', import.meta.url)

/** The ratios of the last run that was kept. */
export function keptRatios(): KeptRatio[] {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as KeptRatio[]) : []
}

/** Puts these in the place of those kept before. */
export function keepRatios(ratios: ReadonlyMap<string, number>): void {
  const date = new Date().toISOString().slice(0, 10)
  const kept = [...ratios].map(([name, ratio]) => ({
    name,
    ratio: Number(ratio.toFixed(4)),
    processor: processorName(),
    date,
  }))
  writeFileSync(FILE, `${JSON.stringify(kept, undefined, 2)}\n`)
}

/** The model of this machine's processor. */
export function processorName(): string {
  return cpus()[0]?.model ?? 'unknown'
}

/** Of rounds that took turns: the middle of theirs divided by the middle of ours. */
export function ratioOf(rounds: readonly { ours: number; theirs: number }[]): number {
  return median(rounds.map(({ theirs }) => theirs)) / median(rounds.map(({ ours }) => ours))
}

/** Holds this run's ratios against the kept ones. */
export function judge(
  kept: readonly KeptRatio[],
  ratios: ReadonlyMap<string, number>,
  processor: string,
): Verdict[] {
  return [...ratios].map(([name, ratio]) => {
    const before = kept.find((one) => one.name === name)
    const limit = before?.processor === processor ? SLOWER_FACTOR : SLOWER_FACTOR_ELSEWHERE
    // What is not kept cannot be held: that is as wrong as being slower.
    const isSlower = before === undefined || ratio < before.ratio * limit
    return { name, ratio, kept: before?.ratio, limit, isSlower }
  })
}
