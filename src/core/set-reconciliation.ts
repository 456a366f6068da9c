/**
 * Range-based set reconciliation: two peers find out which keys each of them lacks, sending far less than their keys.
 * Meyer, "Range-Based Set Reconciliation" (2023), in a two-role form: both sides run {@link answerReconciliation} and
 * both learn everything. Wire format and vectors: `docs/protocol/set-reconciliation.md`.
 */
import { InvalidInputError } from './errors.ts'
import {
  decodeReconciliation,
  encodeReconciliation,
  HEADER_BYTES,
  type OpenRange,
  type Range,
  RECONCILIATION_BYTES_MAX,
  RECONCILIATION_BYTES_MIN,
  type ReconciliationMessage,
  rangeBytesMax,
} from './reconciliation-message.ts'
import { compareKeys, FINGERPRINT_BYTES, SortedKeys } from './sorted-keys.ts'

/** A range that differs is cut into this many of about equal size. */
const FAN_OUT = 16
/** A range that differs and holds no more keys than this is sent as keys. */
const LEAF_KEYS_MAX = 48
/** Ranges are not split when more would be open than fit in this share of a message, so that there is room for answers. */
const OPEN_SHARE = 1 / 3
/** Runs of neighbouring ranges that a reply keeps apart; what lies behind is asked for as one. */
const RUNS_SHARE = 1 / 2
const KEY_BYTES_MAX = 64

/**
 * A caller gives up after this many messages: enough to move two million keys, while a peer that
 * never comes to an end is left behind.
 */
export const RECONCILIATION_MESSAGES_MAX = 4096

/** A set of keys of one length, such as record ids or digests of chunks, that can be reconciled. */
export class ReconciliationSet {
  /** @internal The ordered keys; changed only through this class. */
  readonly sorted: SortedKeys
  #fingerprint = ''
  #fingerprintVersion = -1

  /** @param keyBytes from 1 to 64. Keys should be hashes or contain one: fingerprints add them up. */
  constructor(keyBytes: number) {
    if (!Number.isInteger(keyBytes) || keyBytes < 1 || keyBytes > KEY_BYTES_MAX) {
      throw new InvalidInputError({
        what: 'A key length',
        reason: `${keyBytes} is not from 1 to ${KEY_BYTES_MAX}`,
      })
    }
    this.sorted = new SortedKeys(keyBytes)
  }

  get size(): number {
    return this.sorted.size
  }

  /** Adds a copy of `key`; false when it was there. @throws InvalidInputError when its length is wrong. */
  add(key: Uint8Array): boolean {
    return this.sorted.add(this.#checked(key))
  }

  /** False when it was not there. @throws InvalidInputError when its length is wrong. */
  delete(key: Uint8Array): boolean {
    return this.sorted.delete(this.#checked(key))
  }

  /** @throws InvalidInputError when its length is wrong. */
  has(key: Uint8Array): boolean {
    return this.sorted.has(this.#checked(key))
  }

  /** 32 hex digits; two sets with the same one are the same but for a crafted collision. */
  fingerprint(): string {
    if (this.#fingerprintVersion !== this.sorted.version) {
      this.#fingerprint = Buffer.from(this.sorted.fingerprint(0, this.size)).toString('hex')
      this.#fingerprintVersion = this.sorted.version
    }
    return this.#fingerprint
  }

  /** Copies of the keys in ascending order. The set may change meanwhile: no key that stays is left out or given twice. */
  *keys(): Generator<Uint8Array> {
    let rank = 0
    let version = this.sorted.version
    while (rank < this.size) {
      const key = this.sorted.keyAt(rank)
      yield key
      rank += 1
      if (version !== this.sorted.version) {
        version = this.sorted.version
        rank = this.sorted.rankOf(key) + (this.sorted.has(key) ? 1 : 0)
      }
    }
  }

  #checked(key: Uint8Array): Uint8Array {
    if (key.byteLength === this.sorted.keyBytes) return key
    throw new InvalidInputError({
      what: 'A key',
      reason: `it has ${key.byteLength} bytes, not ${this.sorted.keyBytes}`,
    })
  }
}

/** What one message taught, and the message to send back. */
export interface ReconciliationAnswer {
  /** Undefined when nothing is left to say; tell the other side with zero bytes if it waits. */
  reply: Uint8Array | undefined
  /** Keys that the other has and we lack. */
  need: Uint8Array[]
  /** Keys that we have and the other lacks. */
  have: Uint8Array[]
}

/** The first message of the side that begins; less than 1 KiB, or all keys of a set of no more than 48. */
export function startReconciliation(set: ReconciliationSet): Uint8Array {
  const reply = new Reply(set.sorted, RECONCILIATION_BYTES_MAX)
  reply.describe({ lower: new Uint8Array(0), upper: undefined }, 0)
  return reply.encode()
}

/**
 * Answers a message of the other side; both sides use it until one has no reply. Over the whole exchange
 * `need` and `have` are complete on both sides, whatever the sizes; nothing has to be remembered in between, and the
 * set may change (what changes during an exchange may or may not be seen by it).
 *
 * @param message zero bytes mean that the other side has nothing left to say.
 * @param options.bytesMax the longest reply, from 8 KiB to 48 KiB. @default 48 KiB
 * @throws InvalidInputError when the message breaks a rule of the format.
 */
export function answerReconciliation(
  set: ReconciliationSet,
  message: Uint8Array,
  options: { bytesMax?: number } = {},
): ReconciliationAnswer {
  if (message.byteLength === 0) return { reply: undefined, need: [], have: [] }
  const { sorted } = set
  const { wanted, offered, open } = decodeReconciliation(sorted.keyBytes, message)
  const differing = open.filter((range) => differs(sorted, range))
  const bytesMax = Math.min(options.bytesMax ?? RECONCILIATION_BYTES_MAX, RECONCILIATION_BYTES_MAX)
  const reply = new Reply(sorted, Math.max(bytesMax, RECONCILIATION_BYTES_MIN))
  reply.answer(differing)
  return {
    reply: reply.isEmpty ? undefined : reply.encode(),
    need: [...offered.filter((key) => !sorted.has(key)), ...reply.message.wanted],
    have: [...wanted.filter((key) => sorted.has(key)), ...reply.message.offered],
  }
}

/** A reply in the making that never passes its length. */
class Reply {
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

function differs(sorted: SortedKeys, range: OpenRange): boolean {
  if (range.mode !== 'fingerprint') return true
  const [from, to] = ranksOf(sorted, range)
  return compareKeys(sorted.fingerprint(from, to), range.fingerprint) !== 0
}

function ranksOf(sorted: SortedKeys, range: Range): [from: number, to: number] {
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
