import {
  encodeReconciliation,
  HEADER_BYTES,
  type OpenRange,
  type Range,
  type ReconciliationMessage,
  rangeBytesMax,
} from './reconciliation-message.ts'
import { compareKeys, FINGERPRINT_BYTES, type SortedKeys } from './sorted-keys.ts'

/** A range that differs is cut into this many of about equal size. */
const FAN_OUT = 16
/** A range that differs and holds no more keys than this is sent as keys. */
const LEAF_KEYS_MAX = 48
/** Ranges are not split when more would be open than fit in this share of a message, so that there is room for answers. */
const OPEN_SHARE = 1 / 3
/** Runs of neighbouring ranges that a reply keeps apart; what lies behind is asked for as one. */
const RUNS_SHARE = 1 / 2
/** A reply in the making that never passes its length. */
export class ReconciliationReply {
  readonly message: ReconciliationMessage = { wanted: [], offered: [], open: [] }
  readonly #sorted: SortedKeys
  /** The most bytes one more range without content can take. */
  readonly #rangeBytes: number
  readonly #openMax: number
  readonly #runsMax: number
  #bytesLeft: number

  constructor(sorted: SortedKeys, bytesMax: number) {
    this.#sorted = sorted
    this.#rangeBytes = rangeBytesMax(sorted.keyBytes)
    this.#bytesLeft = bytesMax - HEADER_BYTES
    this.#openMax = Math.floor((bytesMax * OPEN_SHARE) / this.#rangeBytes)
    this.#runsMax = Math.floor((bytesMax * RUNS_SHARE) / this.#rangeBytes)
  }

  get isEmpty(): boolean {
    const { wanted, offered, open } = this.message
    return wanted.length + offered.length + open.length === 0
  }

  encode(): Uint8Array {
    return encodeReconciliation(this.#sorted.keyBytes, this.message)
  }

  /**
   * Answers the ranges in order as far as there is room, and asks for the rest again. Neighbours asked again
   * become one range, so the space to keep free is one range for each run of neighbours. The first range is always
   * answered in part at least, which is why an exchange comes to an end.
   */
  answer(differing: readonly OpenRange[]): void {
    const ranges = limitRuns(differing, this.#runsMax)
    const runsAfter = countRunsAfter(ranges)
    for (const [index, range] of ranges.entries()) {
      if (range.mode === 'keys') this.#compare(range, runsAfter[index] as number)
      else this.describe(range, runsAfter[index] as number)
    }
  }

  /** Says what we have in a range that differs: keys when they are few, or else fingerprints of its parts. */
  describe(range: Range, runsAfter: number): void {
    const [from, to] = ranksOf(this.#sorted, range)
    const room = this.#bytesLeft - runsAfter * this.#rangeBytes
    if (to - from <= LEAF_KEYS_MAX) this.#listKeys(range, from, to, room)
    else this.#split(range, from, to, { room, runsAfter })
  }

  #listKeys(range: Range, from: number, to: number, room: number): void {
    // Room for the range itself, and for the range of what does not fit.
    const fitting = Math.floor((room - 2 * this.#rangeBytes) / this.#sorted.keyBytes)
    const count = Math.min(to - from, fitting)
    if (count < to - from && count < 1) {
      this.#askAgain(range)
      return
    }
    const keys = [...this.#sorted.slice(from, from + count)]
    const end = count === to - from ? range.upper : this.#boundAt(from + count)
    this.#open({ lower: range.lower, upper: end, mode: 'keys', keys }, count * this.#sorted.keyBytes)
    if (count < to - from) this.#askAgain({ lower: end as Uint8Array, upper: range.upper })
  }

  #split(range: Range, from: number, to: number, limits: { room: number; runsAfter: number }): void {
    const fitting = Math.floor(limits.room / (this.#rangeBytes + FINGERPRINT_BYTES))
    const opened = this.message.open.length
    const allowed = this.#openMax - opened - limits.runsAfter
    const parts = Math.min(FAN_OUT, fitting, opened === 0 ? Math.max(allowed, 2) : allowed)
    if (parts < 2) {
      this.#askAgain(range)
      return
    }
    let { lower } = range
    for (let part = 1, start = from; part <= parts; part++) {
      const end = from + Math.floor(((to - from) * part) / parts)
      const upper = part === parts ? range.upper : this.#boundAt(end)
      const fingerprint = this.#sorted.fingerprint(start, end)
      this.#open({ lower, upper, mode: 'fingerprint', fingerprint }, FINGERPRINT_BYTES)
      start = end
      if (upper !== undefined) lower = upper
    }
  }

  /** Compares the other side's keys of a range with ours; where the room ends, the rest is asked for again. */
  #compare(range: Range & { keys: readonly Uint8Array[] }, runsAfter: number): void {
    const { keyBytes } = this.#sorted
    // Room for the range of what does not fit.
    let room = this.#bytesLeft - (runsAfter + 1) * this.#rangeBytes
    // Without it, what is asked for again has to join what was before, from its beginning on.
    if (room < 0) {
      this.#askAgain(range)
      return
    }
    let [rank, to] = ranksOf(this.#sorted, range)
    let index = 0
    let previous: Uint8Array | undefined
    while (rank < to || index < range.keys.length) {
      const ours = rank < to ? this.#sorted.keyAt(rank) : undefined
      const theirs = range.keys[index]
      const order = ours === undefined ? 1 : theirs === undefined ? -1 : compareKeys(ours, theirs)
      const key = (order <= 0 ? ours : theirs) as Uint8Array
      if (order !== 0) {
        if (room < keyBytes) {
          const lower = previous === undefined ? range.lower : shortestBound(previous, key)
          this.#askAgain({ lower, upper: range.upper })
          return
        }
        room -= keyBytes
        this.#bytesLeft -= keyBytes
        if (order < 0) this.message.offered.push(key)
        else this.message.wanted.push(key)
      }
      if (order <= 0) rank += 1
      if (order >= 0) index += 1
      previous = key
    }
  }

  #askAgain(range: Range): void {
    const last = this.message.open.at(-1)
    if (last?.mode === 'again' && areNeighbours(last, range)) {
      last.upper = range.upper
      return
    }
    this.#open({ lower: range.lower, upper: range.upper, mode: 'again' }, 0)
  }

  #open(range: OpenRange, contentBytes: number): void {
    this.message.open.push(range)
    this.#bytesLeft -= this.#rangeBytes + contentBytes
  }

  /** A bound between the key at `rank` and the one below it. */
  #boundAt(rank: number): Uint8Array {
    return shortestBound(this.#sorted.keyAt(rank - 1), this.#sorted.keyAt(rank))
  }
}

/** The ranks of the first key in the range and of the first behind it. */
export function ranksOf(sorted: SortedKeys, range: Range): [from: number, to: number] {
  return [sorted.rankOf(range.lower), range.upper === undefined ? sorted.size : sorted.rankOf(range.upper)]
}

/**
 * The same ranges when they form no more than `runsMax` runs. Otherwise the last runs become one range with all that
 * lies between them, settled parts too, whose keys may then be named twice; this happens only when
 * the other side keeps more ranges open than fit in our limit.
 */
function limitRuns(ranges: readonly OpenRange[], runsMax: number): readonly OpenRange[] {
  let runs = 0
  for (const [index, range] of ranges.entries()) {
    const before = ranges[index - 1]
    if (before === undefined || !areNeighbours(before, range)) runs += 1
    if (runs === runsMax) {
      return [...ranges.slice(0, index), { lower: range.lower, upper: ranges.at(-1)?.upper, mode: 'again' }]
    }
  }
  return ranges
}

/** For each range, how many runs of neighbours the ranges behind it form. */
function countRunsAfter(ranges: readonly Range[]): number[] {
  const runs = new Array<number>(ranges.length).fill(0)
  for (let index = ranges.length - 2; index >= 0; index--) {
    const next = ranges[index + 1] as Range
    const afterNext = ranges[index + 2]
    const isSameRun = afterNext !== undefined && areNeighbours(next, afterNext)
    runs[index] = (runs[index + 1] as number) + (isSameRun ? 0 : 1)
  }
  return runs
}

function areNeighbours(range: Range, next: Range): boolean {
  return range.upper !== undefined && compareKeys(range.upper, next.lower) === 0
}

/** The shortest beginning of `key` that is above `below`; its last byte is never zero. */
function shortestBound(below: Uint8Array, key: Uint8Array): Uint8Array {
  let length = 0
  while (below[length] === key[length]) length += 1
  return key.slice(0, length + 1)
}
