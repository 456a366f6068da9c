import { readFileSync, writeFileSync } from 'node:fs'

/** A world that once failed; it must never fail again. */
export interface KeptSeed {
  seed: number
  minutes: number
  /** @default 5 */
  nodes?: number
  found: string
}

const FILE = new URL('./seeds.json', import.meta.url)
/** Of one run; more of them have one cause, mostly. */
const KEPT_AT_ONCE_MAX = 5

/** Seeds that once failed, with what they found. */
export function keptSeeds(): KeptSeed[] {
  return JSON.parse(readFileSync(FILE, 'utf8')) as KeptSeed[]
}

/** Adds worlds that failed to the kept ones; somebody writes a better sentence about each later. */
export function keepSeeds(failed: readonly KeptSeed[]): void {
  const kept = keptSeeds()
  const fresh = failed
    .filter(({ seed }) => !kept.some((known) => known.seed === seed))
    .slice(0, KEPT_AT_ONCE_MAX)
  if (fresh.length > 0) writeFileSync(FILE, `${JSON.stringify([...kept, ...fresh], undefined, 2)}\n`)
}
