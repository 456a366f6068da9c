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

const RESULTS = new URL('results.json', import.meta.url)
const PAGE = new URL('RESULTS.md', import.meta.url)

/** The tables of the last run that was kept. */
function keptResults(): Result[] {
  return existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Result[]) : []
}

/** Puts new tables in the place of older ones of the same title, as data and as a page. */
export function keepResults(latest: readonly Result[]): void {
  const titles = latest.map(({ title }) => title)
  const all = [...keptResults().filter(({ title }) => !titles.includes(title)), ...latest]
  writeFileSync(RESULTS, `${JSON.stringify(all, undefined, 2)}\n`)
  writeFileSync(PAGE, pageOf(all))
}
