import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { ReliabilityScale } from '../../test/reliability/reliability-check.ts'

/** Committed, so that a run can say how long it will take: row → scale → seconds on the machine that ran it last. */
export const DURATIONS_FILE = 'test/reliability/durations.json'
/** A row of which nothing is known. */
const UNKNOWN_SECONDS = 60

/** How long rows took. */
export type Durations = Record<string, Partial<Record<ReliabilityScale, number>>>

/** What has been noted so far. */
export function readDurations(): Durations {
  return existsSync(DURATIONS_FILE) ? (JSON.parse(readFileSync(DURATIONS_FILE, 'utf8')) as Durations) : {}
}

/** Notes how long a row took. */
export function noteDuration(row: string, scale: ReliabilityScale, seconds: number): void {
  const all = readDurations()
  const noted = { ...all, [row]: { ...all[row], [scale]: Math.round(seconds) } }
  const sorted = Object.fromEntries(Object.entries(noted).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(DURATIONS_FILE, `${JSON.stringify(sorted, undefined, 2)}\n`)
}

/** How long one row takes at a scale, as far as is known. */
export function secondsOf(durations: Durations, row: string, scale: ReliabilityScale): number {
  return durations[row]?.[scale] ?? UNKNOWN_SECONDS
}

/**
 * How long a run takes: rows that may share the machine are begun longest first, `atOnce` of them side by side; those
 * that need it to themselves come afterwards.
 */
export function estimateSeconds(
  checks: readonly { row: string; alone: boolean }[],
  scale: ReliabilityScale,
  { durations, atOnce }: { durations: Durations; atOnce: number },
): number {
  const lanes = Array.from({ length: atOnce }, () => 0)
  const shared = checks.filter(({ alone }) => !alone).map(({ row }) => secondsOf(durations, row, scale))
  for (const seconds of shared.sort((a, b) => b - a)) {
    const next = lanes.indexOf(Math.min(...lanes))
    lanes[next] = (lanes[next] ?? 0) + seconds
  }
  const alone = checks.filter((check) => check.alone).map(({ row }) => secondsOf(durations, row, scale))
  return Math.max(...lanes) + alone.reduce((sum, seconds) => sum + seconds, 0)
}
