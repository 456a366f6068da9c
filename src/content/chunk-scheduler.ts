import type { BufferPool } from '../core/buffer-pool.ts'
import type { Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { fetchChunk } from './chunk-fetch.ts'
import { type Attempt, type ChunkWish, keepPartial, newWish } from './chunk-wish.ts'
import { MOVED_BYTES, type Moment, SourceChoice } from './source-choice.ts'
import { SourceJudge, type SourceJudgeParts } from './source-judge.ts'
import type { Source } from './source-pool.ts'

/** What a scheduler needs. */
export interface ChunkSchedulerParts extends SourceJudgeParts {
  network: Network
  digester: Digester
  buffers: BufferPool
}

/** How one scheduler works, and whom it tells. */
export interface ChunkSchedulerOptions {
  /** Peers asked at once. */
  peersMax: number
  /** A peer that sends nothing for this long is dropped. */
  stallMs: number
  signal: AbortSignal
  /** A chunk that nobody can give now: the caller looks for other peers or rebuilds it. Called once per change. */
  onStuck: (id: ContentId) => void
  /** Bytes came, from anybody. */
  onProgress: (bytes: number) => void
  onVerified: (id: ContentId, bytes: Uint8Array, peer: PeerId) => void
}

/**
 * Fetches the chunks that are wanted now from many peers at once: rarest first, fast peers more, slow ones less,
 * the last ones twice; what a broken connection left is kept and only the rest is asked again, of anybody.
 * Nothing is handed out that does not match its id.
 */
export class ChunkScheduler {
  readonly #parts: ChunkSchedulerParts
  readonly #options: ChunkSchedulerOptions
  readonly #choice: SourceChoice
  readonly #judge: SourceJudge
  readonly #wanted = new Map<ContentId, ChunkWish>()
  #timer: Timer | undefined
  #timerAt = Infinity
  #pumpQueued = false

  constructor(parts: ChunkSchedulerParts, options: ChunkSchedulerOptions) {
    this.#parts = parts
    this.#options = options
    this.#choice = new SourceChoice(parts, options)
    this.#judge = new SourceJudge(parts)
    options.signal.addEventListener('abort', () => this.#close(), { once: true })
  }

  /**
   * A chunk's verified bytes, when they come; each who asked is a user of them and may release them. `signal` gives up
   * this wish; others for the same chunk stay.
   */
  want(id: ContentId, options: { order: number; signal?: AbortSignal }): Promise<Uint8Array> {
    let wanted = this.#wanted.get(id)
    if (wanted === undefined) {
      wanted = newWish(id, options.order)
      this.#wanted.set(id, wanted)
    }
    wanted.users++
    wanted.readers++
    wanted.order = Math.min(wanted.order, options.order)
    const item = wanted
    options.signal?.addEventListener('abort', () => this.#release(item, options.signal?.reason), {
      once: true,
    })
    this.pump()
    return wanted.promise
  }

  /** Bytes that were had another way, such as rebuilt from parity; the caller has verified and still uses them. */
  fulfil(id: ContentId, bytes: Uint8Array): void {
    const wanted = this.#wanted.get(id)
    if (wanted !== undefined) this.#settle(wanted, bytes)
  }

  /** Chunks wanted and not there yet. */
  get waiting(): number {
    return this.#wanted.size
  }

  /** Whether every chunk wanted has nobody who could give it now. */
  get allStuck(): boolean {
    for (const wanted of this.#wanted.values()) if (!wanted.stuck) return false
    return this.#wanted.size > 0
  }

  /** Peers that send something now. */
  get activePeers(): number {
    return this.#choice.activePeers(this.#wanted.values(), this.#choice.moment())
  }

  /** Looks what can be asked of whom; called whenever something changed. Many calls in one turn run it once. */
  pump(): void {
    if (this.#pumpQueued || this.#options.signal.aborted) return
    this.#pumpQueued = true
    queueMicrotask(() => {
      this.#pumpQueued = false
      if (!this.#options.signal.aborted) this.#assign()
    })
  }

  #assign(): void {
    const { pool } = this.#parts
    if (this.#wanted.size === 0) return
    pool.probe(this.#wanted)
    const moment = this.#noteAllQuiet()
    const head = this.#head()
    let someFree = this.#choice.someFree(moment)
    let unassigned = 0
    for (const wanted of this.#inTurn(moment, head, someFree)) {
      if (wanted.attempts.length === 0) this.#noteStuck(wanted)
      const atOnce = someFree ? this.#choice.firstAtOnce(wanted, head) : 0
      let asked = 0
      for (; asked < atOnce; asked++) {
        const source = this.#choice.best(wanted, this.#wanted.values(), moment)
        if (source === undefined) break
        this.#start(wanted, source)
      }
      if (asked > 0) someFree = this.#choice.someFree(moment)
      else if (wanted.attempts.length === 0) unassigned++
    }
    const next = Math.min(
      someFree ? this.#askTwice(unassigned, head, moment) : Infinity,
      this.#choice.nextQuietAt(this.#wanted.values(), moment),
      pool.nextRetryAt() ?? Infinity,
    )
    this.#lookAgainAt(next, moment)
  }

  /** Chunks that nobody sends: what everything waits for, then the rarest; their order is of no matter while nobody is free. */
  #inTurn(moment: Moment, head: number, someFree: boolean): ChunkWish[] {
    const idle: ChunkWish[] = []
    for (const wanted of this.#wanted.values())
      if (this.#choice.needsAnother(wanted, moment)) idle.push(wanted)
    if (!someFree || idle.length < 2) return idle
    for (const wanted of idle) wanted.sources = this.#choice.countSources(wanted)
    return idle.sort(
      (a, b) =>
        Number(b.order === head) - Number(a.order === head) || a.sources - b.sources || a.order - b.order,
    )
  }

  /** The place in the stream that everything waits for. */
  #head(): number {
    let head = Infinity
    for (const { order } of this.#wanted.values()) if (order < head) head = order
    return head
  }

  /** A timer that comes early only makes us look once more; setting it anew each time would cost more. */
  #lookAgainAt(at: number, { now }: Moment): void {
    if (at >= this.#timerAt) return
    this.#timer?.stop()
    this.#timerAt = at
    this.#timer = this.#parts.clock.after(Math.max(at - now, 1), () => {
      this.#timerAt = Infinity
      this.pump()
    })
  }

  #noteStuck(wanted: ChunkWish): void {
    const stuck = this.#choice.countSources(wanted, 1) === 0
    if (stuck && !wanted.stuck) this.#options.onStuck(wanted.id)
    wanted.stuck = stuck
  }

  /** Asks another peer for what holds everything up; returns when the next such chunk comes due. */
  #askTwice(unassigned: number, head: number, moment: Moment): number {
    let next = Infinity
    for (const wanted of this.#wanted.values()) {
      const isUrgent = wanted.order === head
      if ((unassigned > 0 && !isUrgent) || !this.#choice.mayAskAnother(wanted, isUrgent, moment)) continue
      const ramp = this.#choice.othersAtOnce(wanted)
      for (let asked = 0; asked < ramp; asked++) {
        const source = this.#choice.best(wanted, this.#wanted.values(), moment)
        if (source === undefined) break
        const dueAt = asked === 0 ? this.#choice.askAnotherAt(wanted, source) : moment.now
        if (dueAt <= moment.now) this.#start(wanted, source)
        else {
          next = Math.min(next, dueAt)
          break
        }
      }
    }
    return next
  }

  /** Doubts who does not move; the moment in which everything else is decided. */
  #noteAllQuiet(): Moment {
    let moment = this.#choice.moment()
    for (const { attempts } of this.#wanted.values()) {
      for (const attempt of attempts) if (this.#noteQuiet(attempt, moment)) moment = this.#choice.moment()
    }
    return moment
  }

  /** True when it was doubted now, after which others may be the fastest. */
  #noteQuiet(attempt: Attempt, moment: Moment): boolean {
    // While nobody has sent anything, it may be our own line that is quiet.
    if (attempt.doubted || !Number.isFinite(moment.fastestMs) || !this.#choice.isQuiet(attempt, moment))
      return false
    attempt.doubted = true
    this.#parts.pool.doubt(attempt.source)
    return true
  }

  #start(wanted: ChunkWish, source: Source): void {
    const now = this.#parts.clock.monotonic()
    const attempt: Attempt = {
      source,
      controller: new AbortController(),
      startedAt: now,
      movedAt: now,
      unmarked: 0,
      doubted: false,
    }
    wanted.attempts.push(attempt)
    source.inFlight++
    void this.#run(wanted, attempt).finally(() => {
      source.inFlight--
      wanted.attempts.splice(wanted.attempts.indexOf(attempt), 1)
      this.pump()
    })
  }

  async #run(wanted: ChunkWish, attempt: Attempt): Promise<void> {
    const { source, controller } = attempt
    const { pool, clock } = this.#parts
    const outcome = await fetchChunk(
      this.#parts,
      { peer: source.peer, id: wanted.id, partial: wanted.partial },
      {
        stallMs: this.#options.stallMs,
        signal: controller.signal,
        onBytes: (count) => {
          attempt.unmarked += count
          if (attempt.unmarked >= MOVED_BYTES) {
            attempt.unmarked = 0
            attempt.movedAt = clock.monotonic()
            source.movedAt = attempt.movedAt
          }
          this.#options.onProgress(count)
        },
      },
    )
    if (outcome.kind !== 'right' && outcome.kind !== 'stopped') wanted.failures++
    if (outcome.kind === 'code') this.#judge.code(wanted, source, outcome)
    else if (outcome.kind === 'wrong') this.#judge.wrong(wanted, source, outcome.partial)
    else if (outcome.kind === 'right') {
      if (this.#wanted.get(wanted.id) !== wanted) return
      this.#judge.good(wanted, attempt, outcome)
      this.#options.onVerified(wanted.id, outcome.bytes, source.peer)
      this.#settle(wanted, outcome.bytes, attempt)
    } else {
      if (!isKizunaError(outcome.kind === 'broken' ? outcome.error : undefined, 'PEER_MISBEHAVED'))
        keepPartial(wanted, outcome.partial)
      if (outcome.kind === 'stopped') return
      if (outcome.error === undefined) pool.noteFailure(source, 'connection-lost')
      else this.#judge.failure(source, outcome.error, outcome.stalled)
    }
  }

  /** @param winner asked later than others, who then have something to make up for. */
  #settle(wanted: ChunkWish, bytes: Uint8Array, winner?: Attempt): void {
    if (this.#wanted.get(wanted.id) !== wanted) return
    this.#wanted.delete(wanted.id)
    for (const attempt of wanted.attempts) {
      if (winner !== undefined && attempt.startedAt <= winner.startedAt && attempt !== winner) {
        this.#noteQuiet(attempt, this.#choice.moment())
      }
      if (attempt !== winner) attempt.controller.abort()
    }
    for (let others = wanted.readers; others > 1; others--) this.#parts.buffers.share(bytes)
    wanted.resolve(bytes)
    // The winner's place is free in a moment, and then everything is looked at anyway.
    if (winner === undefined) this.pump()
  }

  #release(wanted: ChunkWish, reason: unknown): void {
    wanted.users--
    if (wanted.users > 0 || this.#wanted.get(wanted.id) !== wanted) return
    this.#wanted.delete(wanted.id)
    for (const attempt of wanted.attempts) attempt.controller.abort()
    wanted.reject(reason)
  }

  #close(): void {
    this.#timer?.stop()
    for (const wanted of this.#wanted.values()) {
      for (const attempt of wanted.attempts) attempt.controller.abort()
      wanted.reject(this.#options.signal.reason)
    }
    this.#wanted.clear()
  }
}
