import type { Clock } from '../core/clock.ts'
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

/**
 * Which peer to ask for a chunk, and when to ask another one besides: fast peers more, slow ones less, doubtful ones
 * only for what nobody else has, and nobody can keep a chunk from us by accepting the request and sitting on it.
 */
export class SourceChoice {
  readonly #clock: Clock
  readonly #pool: SourcePool
  readonly #peersMax: number

  constructor(parts: { clock: Clock; pool: SourcePool }, options: { peersMax: number }) {
    this.#clock = parts.clock
    this.#pool = parts.pool
    this.#peersMax = options.peersMax
  }

  /** Peers that send something now; one that only holds a place takes it from nobody. */
  activePeers(wishes: Iterable<ChunkWish>): number {
    const active = new Set<Source>()
    for (const { attempts } of wishes) {
      for (const attempt of attempts) if (!this.#isSilent(attempt)) active.add(attempt.source)
    }
    return active.size
  }

  /** Peers that may have it, are up, and did not fail us. */
  sourcesOf(wish: ChunkWish): Source[] {
    return [...this.#pool.all()].filter((source) => this.#pool.canServe(source, wish.id))
  }

  /**
   * Nobody is sending it: nobody was asked, or whoever was does not move while a peer that has proven itself could
   * send it. A slow line of our own makes everybody slow alike, and then the usual time is long, too.
   */
  needsAnother({ attempts, id }: ChunkWish): boolean {
    if (attempts.length === 0) return true
    if (attempts.length >= ATTEMPTS_IN_ALL_MAX) return false
    if (!attempts.every((attempt) => this.isQuiet(attempt))) return false
    return [...this.#pool.all()].some(
      (source) =>
        this.#pool.isProven(source) &&
        this.#pool.canServe(source, id) &&
        this.#pool.has(source, id) === 'yes',
    )
  }

  /** Whether nothing to speak of comes of an attempt any more. */
  isQuiet(attempt: Attempt): boolean {
    return this.#quietAt(attempt) <= this.#clock.monotonic()
  }

  /** When the next attempt counts as silent or as not moving, if nothing comes until then; on the monotonic scale. */
  nextQuietAt(wishes: Iterable<ChunkWish>): number {
    const now = this.#clock.monotonic()
    let next = Infinity
    for (const { attempts } of wishes) {
      for (const attempt of attempts) {
        for (const at of [this.#silentAt(attempt), this.#quietAt(attempt)]) {
          if (at > now) next = Math.min(next, at)
        }
      }
    }
    return next
  }

  /** The peer that would be done first, among those with a free place. */
  best(wish: ChunkWish, sources: readonly Source[], activePeers: number): Source | undefined {
    const now = this.#clock.monotonic()
    const all = sources.filter((source) => this.#pool.has(source, wish.id) === 'yes')
    const reliable = all.filter((source) => !this.#pool.isSetAside(source))
    const holders = reliable.length > 0 ? reliable : all
    const fastest = Math.min(...holders.map((source) => source.chunkMs ?? Infinity))
    const free = holders.filter(
      (source) =>
        source.retryAt <= now &&
        source.inFlight < source.limit &&
        (source.inFlight > 0 || activePeers < this.#peersMax) &&
        !((source.chunkMs ?? 0) > fastest * SLOW_FACTOR) &&
        !wish.attempts.some((attempt) => attempt.source === source),
    )
    const waitOf = (source: Source) => (source.inFlight + 1) * (source.chunkMs ?? 1)
    const compare = (a: Source, b: Source) =>
      this.#pool.doubtsOf(a) - this.#pool.doubtsOf(b) ||
      Number(this.#pool.isProven(b)) - Number(this.#pool.isProven(a)) ||
      waitOf(a) - waitOf(b)
    return free.reduce<Source | undefined>(
      (best, source) => (best === undefined || compare(source, best) < 0 ? source : best),
      undefined,
    )
  }

  /**
   * Whether another peer may be asked for a chunk that is on its way already.
   * @param isUrgent everything waits for it; other chunks get a second attempt at most, and only when none is unasked.
   */
  mayAskAnother({ attempts, failures }: ChunkWish, isUrgent: boolean): boolean {
    if (attempts.length === 0 || attempts.length >= (isUrgent ? ATTEMPTS_IN_ALL_MAX : ATTEMPTS_MAX))
      return false
    // Before anything has come, nobody's silence tells whether it is the line or the peer.
    const moving = attempts.filter((attempt) => attempt.movedAt > attempt.startedAt && !this.isQuiet(attempt))
    return moving.length < ATTEMPTS_MAX + failures
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
  #isSilent(attempt: Attempt): boolean {
    return this.#silentAt(attempt) <= this.#clock.monotonic()
  }

  #silentAt(attempt: Attempt): number {
    const { movedAt, startedAt, source } = attempt
    if (movedAt > startedAt) return this.#quietAt(attempt)
    return startedAt + Math.max(SILENT_MS_MIN, 2 * (source.answerMs ?? 0))
  }

  #quietAt({ movedAt, source }: Attempt): number {
    if (this.#pool.isSetAside(source)) return 0
    const { fastestMs } = this.#pool
    const usualMs = Number.isFinite(fastestMs) ? Math.min(fastestMs * QUIET_FACTOR, QUIET_MS_MAX) : 0
    // Requests queue up at a peer: while it sends one chunk, the others have to wait.
    return Math.max(movedAt, source.movedAt) + Math.max(QUIET_MS_MIN, usualMs)
  }
}
