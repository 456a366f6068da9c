import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { PROGRESS_BYTES_MIN } from './chunk-fetch.ts'
import type { Attempt, ChunkWish } from './chunk-wish.ts'
import type { Source, SourcePool } from './source-pool.ts'

/** A peer whose chunks take longer than this many times those of the fastest gets nothing that others have. */
const SLOW_FACTOR = 4
/** Another peer is asked after twice its usual time, or one and a half round trips; but not before this. */
const SECOND_ASK_MS_MIN = 50
/** Attempts at one chunk at once that move, and in all: those that do not move must not keep others away. */
const ATTEMPTS_MAX = 2
const ATTEMPTS_IN_ALL_MAX = 16
const OTHERS_AT_ONCE_MAX = 4
/** An attempt that brought less than this many bytes in this time, or in twice what is usual, does not move. */
const QUIET_FACTOR = 2
const QUIET_MS_MIN = 250
/** Before its first byte an attempt counts as active for this long, or twice a round trip. */
const SILENT_MS_MIN = 100
const QUIET_MS_MAX = 60_000
export const MOVED_BYTES = PROGRESS_BYTES_MIN / 2

/** What every question asked in one turn shares: looking at the time and at all peers anew for each would cost more than deciding. */
export interface Moment {
  /** `clock.monotonic()` */
  now: number
  /** The pool's `fastestMs`. */
  fastestMs: number
}

/**
 * Which peer to ask for a chunk, and when to ask another one besides: fast peers more, slow ones less, doubtful ones
 * only for what nobody else has, and nobody can keep a chunk from us by accepting the request and sitting on it.
 */
export class SourceChoice {
  readonly #clock: Clock
  readonly #pool: SourcePool
  readonly #peersMax: number
  /** Filled anew by each question. */
  readonly #active = new Set<Source>()
  readonly #holders: Source[] = []

  constructor(parts: { clock: Clock; pool: SourcePool }, options: { peersMax: number }) {
    this.#clock = parts.clock
    this.#pool = parts.pool
    this.#peersMax = options.peersMax
  }

  moment(): Moment {
    return { now: this.#clock.monotonic(), fastestMs: this.#pool.fastestMs }
  }

  /** Peers that send something now; one that only holds a place takes it from nobody. */
  activePeers(wishes: Iterable<ChunkWish>, moment: Moment): number {
    for (const { attempts } of wishes) {
      for (const attempt of attempts) if (!this.#isSilent(attempt, moment)) this.#active.add(attempt.source)
    }
    const count = this.#active.size
    this.#active.clear()
    return count
  }

  /** Whether anybody at all may be asked for one more chunk; false spares looking at each chunk. */
  someFree({ now }: Moment): boolean {
    for (const source of this.#pool.all()) {
      if (source.excluded === undefined && !source.down && isFree(source, now)) return true
    }
    return false
  }

  /** How many peers may have it, are up, and did not fail us. @param max looks for no more. */
  countSources({ id }: ChunkWish, max = Infinity): number {
    let count = 0
    for (const source of this.#pool.all()) {
      if (this.#pool.canServe(source, id) && ++count >= max) break
    }
    return count
  }

  /**
   * Nobody is sending it: nobody was asked, or whoever was does not move while a peer that has proven itself could
   * send it. A slow line of our own makes everybody slow alike, and then the usual time is long, too.
   */
  needsAnother({ attempts, id }: ChunkWish, moment: Moment): boolean {
    if (attempts.length === 0) return true
    if (attempts.length >= ATTEMPTS_IN_ALL_MAX) return false
    for (const attempt of attempts) if (!this.isQuiet(attempt, moment)) return false
    for (const source of this.#pool.all()) {
      if (this.#pool.isProven(source) && this.#holds(source, id)) return true
    }
    return false
  }

  /** Whether nothing to speak of comes of an attempt any more. */
  isQuiet(attempt: Attempt, moment: Moment): boolean {
    return this.#quietAt(attempt, moment) <= moment.now
  }

  /** When the next attempt counts as silent or as not moving, if nothing comes until then; on the monotonic scale. */
  nextQuietAt(wishes: Iterable<ChunkWish>, moment: Moment): number {
    const { now } = moment
    let next = Infinity
    for (const { attempts } of wishes) {
      for (const attempt of attempts) {
        const silentAt = this.#silentAt(attempt, moment)
        if (silentAt > now && silentAt < next) next = silentAt
        const quietAt = this.#quietAt(attempt, moment)
        if (quietAt > now && quietAt < next) next = quietAt
      }
    }
    return next
  }

  /** The peer that would be done first, among those with a free place. @param wishes all, for how many peers are active. */
  best(wish: ChunkWish, wishes: Iterable<ChunkWish>, moment: Moment): Source | undefined {
    const holders = this.#holdersOf(wish)
    let fastest = Infinity
    for (const { chunkMs = Infinity } of holders) if (chunkMs < fastest) fastest = chunkMs
    let activePeers: number | undefined
    let best: Source | undefined
    for (const source of holders) {
      if (!isFree(source, moment.now) || (source.chunkMs ?? 0) > fastest * SLOW_FACTOR) continue
      if (wish.attempts.some((attempt) => attempt.source === source)) continue
      if (source.inFlight === 0) {
        activePeers ??= this.activePeers(wishes, moment)
        if (activePeers >= this.#peersMax) continue
      }
      if (best === undefined || this.#compare(source, best) < 0) best = source
    }
    return best
  }

  /** Who is known to have it; those that are set aside only when there is nobody else. */
  #holdersOf({ id }: ChunkWish): Source[] {
    const holders = this.#holders
    holders.length = 0
    let areReliable = false
    for (const source of this.#pool.all()) {
      if (!this.#holds(source, id)) continue
      const isReliable = !this.#pool.isSetAside(source)
      if (areReliable && !isReliable) continue
      if (isReliable && !areReliable) holders.length = 0
      areReliable ||= isReliable
      holders.push(source)
    }
    return holders
  }

  #holds(source: Source, id: ContentId): boolean {
    return source.excluded === undefined && !source.down && this.#pool.has(source, id) === 'yes'
  }

  #compare(one: Source, other: Source): number {
    return (
      this.#pool.doubtsOf(one) - this.#pool.doubtsOf(other) ||
      Number(this.#pool.isProven(other)) - Number(this.#pool.isProven(one)) ||
      waitOf(one) - waitOf(other)
    )
  }

  /**
   * Whether another peer may be asked for a chunk that is on its way already.
   * @param isUrgent everything waits for it; other chunks get a second attempt at most, and only when none is unasked.
   */
  mayAskAnother({ attempts, failures }: ChunkWish, isUrgent: boolean, moment: Moment): boolean {
    if (attempts.length === 0 || attempts.length >= (isUrgent ? ATTEMPTS_IN_ALL_MAX : ATTEMPTS_MAX))
      return false
    let moving = 0
    for (const attempt of attempts) {
      // Before anything has come, nobody's silence tells whether it is the line or the peer.
      if (attempt.movedAt > attempt.startedAt && !this.isQuiet(attempt, moment)) moving++
    }
    return moving < ATTEMPTS_MAX + failures
  }

  /** How many to ask for what nobody sends: more when some have failed, and only for what everything waits for. */
  firstAtOnce({ failures, order, attempts }: ChunkWish, head: number): number {
    return order === head && attempts.length === 0 ? Math.min(1 + failures, OTHERS_AT_ONCE_MAX) : 1
  }

  /**
   * How many others to ask when it is time: as many as were asked in vain, so that a crowd of silent peers costs a
   * few round trips and not one for each of them; one as soon as anything has come.
   */
  othersAtOnce({ attempts, failures }: ChunkWish): number {
    const silent = attempts.every(({ movedAt, startedAt }) => movedAt === startedAt)
    const wanted = silent ? attempts.length + failures : 1 + failures - attempts.length
    return Math.min(Math.max(wanted, 1), OTHERS_AT_ONCE_MAX)
  }

  /** When `source` may be asked besides: after it would usually be done itself, and at once in the place of one that failed. */
  askAnotherAt({ attempts, failures }: ChunkWish, source: Source): number {
    if (attempts.length <= failures) return 0
    const usualMs = Math.max(2 * (source.chunkMs ?? 0), 1.5 * (source.answerMs ?? 0))
    return (attempts.at(-1)?.startedAt ?? 0) + Math.max(usualMs, SECOND_ASK_MS_MIN)
  }

  /** Not a byte for longer than asking what it has took: whatever it does, it does not send. */
  #isSilent(attempt: Attempt, moment: Moment): boolean {
    return this.#silentAt(attempt, moment) <= moment.now
  }

  #silentAt(attempt: Attempt, moment: Moment): number {
    const { movedAt, startedAt, source } = attempt
    if (movedAt > startedAt) return this.#quietAt(attempt, moment)
    return startedAt + Math.max(SILENT_MS_MIN, 2 * (source.answerMs ?? 0))
  }

  #quietAt({ movedAt, source }: Attempt, { fastestMs }: Moment): number {
    if (this.#pool.isSetAside(source)) return 0
    const usualMs = Number.isFinite(fastestMs) ? Math.min(fastestMs * QUIET_FACTOR, QUIET_MS_MAX) : 0
    // Requests queue up at a peer: while it sends one chunk, the others have to wait.
    return Math.max(movedAt, source.movedAt) + Math.max(QUIET_MS_MIN, usualMs)
  }
}

function isFree({ retryAt, inFlight, limit }: Source, now: number): boolean {
  return retryAt <= now && inFlight < limit
}

function waitOf({ inFlight, chunkMs }: Source): number {
  return (inFlight + 1) * (chunkMs ?? 1)
}
