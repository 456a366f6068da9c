import { readFileSync } from 'node:fs'

/** What Linux counts processor time in (ms). */
const TICK_MS = 10

/** The figure that `share` (0 to 1) of all are not above; NaN of none. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** As the tables show it. */
export function milliseconds(figure: number): string {
  return Number.isNaN(figure) ? '–' : `${figure.toFixed(figure < 10 ? 1 : 0)} ms`
}

/** Processor time of a process so far (ms); NaN where the system does not tell in this way. */
export function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return Number.NaN
  }
}
