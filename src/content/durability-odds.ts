/**
 * How likely content is to be lost, and how often it cannot be read: pure arithmetic over what was measured of the
 * members. Copies and shards are one case: n of them, k of which are enough (k = 1 for whole copies).
 *
 * Loss is a birth–death chain over the number of copies that are gone for good, as in Chun et al., “Efficient
 * Replica Maintenance for Distributed Storage Systems” (NSDI 2006, §3) and, for shards, Giroire, Monteiro and
 * Pérennès, “P2P Storage Systems: a Practical Guideline to be Lazy” (GLOBECOM 2010): with i gone, the next goes at
 * (n − i)·λ, and each of the i is made again at a rate of its own, so one of them comes back at i·µ. Fewer than k left
 * is the end. That repair takes a nearly constant time instead of an exponential one does not matter while it is
 * short beside 1/λ (the chain is then an M/G/∞ queue of repairs, which knows only the mean).
 */

const YEAR_MS = 365.25 * 24 * 3_600_000
const DAY_MS = 24 * 3_600_000
/** A step of the chain in which so little happens that what happens twice in it does not count. */
const STEP_EVENTS_MAX = 2 ** -12

/** Copies or shards, and how fast they go and come back. */
export interface LossInput {
  /** Copies or shards when nothing is missing: n. */
  total: number
  /** How many of them are enough: k. */
  needed: number
  /** How many there are now. @default total */
  alive?: number
  /** Members that leave for good, per member and day: λ. */
  leavesPerDay: number
  repairMs: RepairTimes
  /** @default a year */
  horizonMs?: number
}

/** From a member's last sign of life until its copies are made again. */
export interface RepairTimes {
  /** While at least one more may be lost. */
  calm: number
  /** When the next loss would be the end. */
  urgent: number
}

/** The chance, 0 to 1, that fewer than `needed` are left at some moment before the horizon. */
export function lossOdds(input: LossInput): number {
  const { needed, leavesPerDay, repairMs } = input
  const alive = input.alive ?? input.total
  const total = Math.max(input.total, alive)
  if (alive < needed) return 1
  if (leavesPerDay <= 0) return 0
  // States: so many are gone; the last one is the end and keeps what comes into it.
  const end = total - needed + 1
  const leaving = (gone: number) => ((total - gone) * leavesPerDay) / DAY_MS
  const coming = (gone: number) => {
    const isUrgent = total - gone - needed < 1
    return gone / Math.max(isUrgent ? repairMs.urgent : repairMs.calm, 1)
  }
  let fastest = 0
  for (let gone = 0; gone < end; gone++) fastest = Math.max(fastest, leaving(gone) + coming(gone))
  const horizonMs = input.horizonMs ?? YEAR_MS
  const doublings = Math.max(0, Math.ceil(Math.log2((horizonMs * fastest) / STEP_EVENTS_MAX)))
  const stepMs = horizonMs / 2 ** doublings
  let step = Array.from({ length: end + 1 }, (_, from) => {
    const row = new Float64Array(end + 1)
    if (from === end) row[end] = 1
    else {
      row[from + 1] = leaving(from) * stepMs
      if (from > 0) row[from - 1] = coming(from) * stepMs
      row[from] = 1 - (leaving(from) + coming(from)) * stepMs
    }
    return row
  })
  // Nothing is ever subtracted here, so that also the smallest odds keep their digits.
  for (let time = 0; time < doublings; time++) step = squareOf(step)
  return Math.min(step[total - alive]?.[end] ?? 0, 1)
}

/** How often fewer than `needed` of these are up, each up for its own share of the time, and by itself. */
export function unreadableShare(uptimes: readonly number[], needed: number): number {
  // chances[n]: exactly n of those looked at so far are up; more than `needed` are not told apart.
  const chances = new Float64Array(needed + 1)
  chances[0] = 1
  for (const uptime of uptimes) {
    for (let up = needed; up >= 0; up--) {
      const stays = up === needed ? 1 : 1 - uptime
      chances[up] = (chances[up] ?? 0) * stays + (up > 0 ? (chances[up - 1] ?? 0) * uptime : 0)
    }
  }
  return chances.subarray(0, needed).reduce((sum, chance) => sum + chance, 0)
}

/** The chance that at least one of several things happens that know nothing of each other. */
export function anyOf(odds: readonly number[]): number {
  // The plain product would round the smallest odds away.
  return Math.max(0, -Math.expm1(odds.reduce((sum, chance) => sum + Math.log1p(-Math.min(chance, 1)), 0)))
}

function squareOf(matrix: readonly Float64Array[]): Float64Array<ArrayBuffer>[] {
  const size = matrix.length
  return matrix.map((row) => {
    const product = new Float64Array(size)
    for (let through = 0; through < size; through++) {
      const factor = row[through] ?? 0
      if (factor === 0) continue
      const other = matrix[through] ?? row
      for (let to = 0; to < size; to++) product[to] = (product[to] ?? 0) + factor * (other[to] ?? 0)
    }
    return product
  })
}
