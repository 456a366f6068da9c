import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Reached } from './goals.ts'
import type { Machine } from './machine.ts'
import type { Standing } from './rounds.ts'
import { pageOf } from './tables.ts'

/** One table, as it is kept. */
export interface Result {
  title: string
  machine: Machine
  setting: string
  standings: Standing[]
  goals: Reached[]
  /** Figures of other kinds. */
  table?: { head: readonly string[]; rows: readonly (readonly string[])[] }
  /** A drawing beside the page. */
  picture?: string
}

/** A ratio of this run beside the kept one. */
export interface Held {
  name: string
  ratio: number
  kept: number
  isSlower: boolean
}

const RESULTS = new URL('results.json', import.meta.url)
const PAGE = new URL('RESULTS.md', import.meta.url)
/** Below this part of the kept ratio something has become slower; half leaves room for a busy machine. */
const SLOWER_FACTOR = 0.5

/** The tables of the last run that was kept. */
export function keptResults(): Result[] {
  return existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Result[]) : []
}

/** Puts new tables in the place of older ones of the same title, as data and as a page. */
export function keepResults(latest: readonly Result[]): void {
  const titles = latest.map(({ title }) => title)
  const all = [...keptResults().filter(({ title }) => !titles.includes(title)), ...latest]
  writeFileSync(RESULTS, `${JSON.stringify(all, undefined, 2)}\n`)
  writeFileSync(PAGE, pageOf(all))
}

/** Ratios are of one run, so they can be held against another day's; what was not kept is left out. */
export function holdAgainst(kept: readonly Result[], latest: readonly Result[]): Held[] {
  return latest.flatMap(({ title, goals }) =>
    goals.flatMap(({ ours, theirs, ratio }) => {
      const before = kept
        .find((result) => result.title === title)
        ?.goals.find((goal) => goal.ours === ours && goal.theirs === theirs)?.ratio
      if (before === undefined) return []
      const name = `${title}: ${ours} against ${theirs}`
      return [{ name, ratio, kept: before, isSlower: ratio < before * SLOWER_FACTOR }]
    }),
  )
}
