import type { BufferPool } from '../core/buffer-pool.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { fetchChunk } from './chunk-fetch.ts'
import { type Attempt, type ChunkWish, keepPartial, liarsAbout, newWish, suspect } from './chunk-wish.ts'
import type { PartialChunk } from './partial-chunk.ts'
import { MOVED_BYTES, SourceChoice } from './source-choice.ts'
import { reasonOf, type Source, type SourcePool } from './source-pool.ts'

export type PeerReport = 'good-chunk' | 'bad-chunk' | 'misbehaved' | 'slow' | 'timeout' | 'refused' | 'forged'

/** What a scheduler needs. */
export interface ChunkSchedulerParts {
  network: Network
  clock: Clock
  metrics: Metrics
  digester: Digester
  buffers: BufferPool
  pool: SourcePool
  /** Tells the reputation. */
  report: (peer: PeerId, what: PeerReport) => void
  /** A peer alone sent wrong bytes for this chunk. */
  onBadChunk: (id: ContentId, peer: PeerId) => void
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
  readonly #wanted = new Map<ContentId, ChunkWish>()
  #timer: Timer | undefined
  #pumpQueued = false

  constructor(parts: ChunkSchedulerParts, options: ChunkSchedulerOptions) {
    this.#parts = parts
    this.#options = options
    this.#choice = new SourceChoice(parts, options)
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
    return this.#choice.activePeers(this.#wanted.values())
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
    const { pool, clock } = this.#parts
    if (this.#wanted.size === 0) return
    pool.probe([...this.#wanted.keys()])
    for (const { attempts } of this.#wanted.values()) for (const attempt of attempts) this.#noteQuiet(attempt)
    const idle = [...this.#wanted.values()]
      .filter((wanted) => this.#choice.needsAnother(wanted))
      .map((wanted) => ({ wanted, sources: this.#choice.sourcesOf(wanted) }))
    const head = Math.min(...[...this.#wanted.values()].map(({ order }) => order))
    idle.sort(
      (a, b) =>
        Number(b.wanted.order === head) - Number(a.wanted.order === head) ||
        a.sources.length - b.sources.length ||
        a.wanted.order - b.wanted.order,
    )
    let unassigned = 0
    for (const { wanted, sources } of idle) {
      if (wanted.attempts.length === 0) this.#noteStuck(wanted, sources)
      const atOnce = this.#choice.firstAtOnce(wanted, head)
      let asked = 0
      for (; asked < atOnce; asked++) {
        const source = this.#choice.best(wanted, sources, this.activePeers)
        if (source === undefined) break
        this.#start(wanted, source)
      }
      if (asked === 0 && wanted.attempts.length === 0) unassigned++
    }
    const next = Math.min(
      this.#askTwice(unassigned, head),
      this.#choice.nextQuietAt(this.#wanted.values()),
      pool.nextRetryAt() ?? Infinity,
    )
    this.#timer?.stop()
    this.#timer = undefined
    if (next === Infinity) return
    this.#timer = clock.after(Math.max(next - clock.monotonic(), 1), () => this.pump())
  }

  #noteStuck(wanted: ChunkWish, sources: readonly Source[]): void {
    const stuck = sources.length === 0
    if (stuck && !wanted.stuck) this.#options.onStuck(wanted.id)
    wanted.stuck = stuck
  }

  /** Asks another peer for what holds everything up; returns when the next such chunk comes due. */
  #askTwice(unassigned: number, head: number): number {
    const now = this.#parts.clock.monotonic()
    let next = Infinity
    for (const wanted of this.#wanted.values()) {
      const isUrgent = wanted.order === head
      if ((unassigned > 0 && !isUrgent) || !this.#choice.mayAskAnother(wanted, isUrgent)) continue
      const sources = this.#choice.sourcesOf(wanted)
      const ramp = this.#choice.othersAtOnce(wanted)
      for (let asked = 0; asked < ramp; asked++) {
        const source = this.#choice.best(wanted, sources, this.activePeers)
        if (source === undefined) break
        const dueAt = asked === 0 ? this.#choice.askAnotherAt(wanted, source) : now
        if (dueAt <= now) this.#start(wanted, source)
        else {
          next = Math.min(next, dueAt)
          break
        }
      }
    }
    return next
  }

  #noteQuiet(attempt: Attempt): void {
    // While nobody has sent anything, it may be our own line that is quiet.
    if (attempt.doubted || !Number.isFinite(this.#parts.pool.fastestMs) || !this.#choice.isQuiet(attempt))
      return
    attempt.doubted = true
    this.#parts.pool.doubt(attempt.source)
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
      wanted.attempts = wanted.attempts.filter((other) => other !== attempt)
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
    if (outcome.kind === 'code') this.#noteCode(wanted, source, outcome.code, outcome.retryAfterMs)
    else if (outcome.kind === 'wrong') this.#noteWrong(wanted, source, outcome.partial)
    else if (outcome.kind === 'right') {
      if (this.#wanted.get(wanted.id) !== wanted) return
      this.#noteGood(attempt, outcome)
      this.#accuse(wanted, outcome.bytes)
      this.#options.onVerified(wanted.id, outcome.bytes, source.peer)
      this.#settle(wanted, outcome.bytes, attempt)
    } else {
      if (!isKizunaError(outcome.kind === 'broken' ? outcome.error : undefined, 'PEER_MISBEHAVED'))
        keepPartial(wanted, outcome.partial)
      if (outcome.kind === 'stopped') return
      if (outcome.error === undefined) pool.noteFailure(source, 'connection-lost')
      else this.#noteError(source, outcome.error, outcome.stalled)
    }
  }

  #noteCode(wanted: ChunkWish, source: Source, code: string, retryAfterMs: number): void {
    const { pool } = this.#parts
    if (code === 'RETRIEVE_BUSY') pool.noteBusy(source, retryAfterMs)
    else if (code === 'RETRIEVE_UNAUTHORISED') {
      source.excluded = 'refused'
      source.knownHolder = true
      source.reason = 'refused'
    } else if (code === 'RETRIEVE_INVALID_RANGE' && wanted.partial !== undefined) {
      suspect(wanted, wanted.partial)
    } else {
      pool.noteMissing(source, wanted.id)
      source.damaged ||= code === 'RETRIEVE_DAMAGED'
      if (source.damaged) source.reason = 'damaged'
    }
  }

  #noteError(source: Source, error: unknown, stalled: boolean): void {
    const reason = stalled ? 'timeout' : reasonOf(error)
    if (reason === 'timeout') this.#parts.report(source.peer, 'timeout')
    this.#parts.metrics.count('kizuna_chunk_fetch_failures_total', { reason })
    if (isKizunaError(error) && error.kind === 'busy') this.#parts.pool.noteBusy(source, 500)
    else if (reason === 'refused' || reason === 'misbehaved') {
      source.excluded = 'refused'
      source.reason = reason
      if (reason === 'misbehaved') {
        this.#parts.pool.condemn(source, reason)
        this.#parts.report(source.peer, 'misbehaved')
      }
    } else this.#parts.pool.noteFailure(source, reason)
  }

  /** Wrong bytes: a single sender is to blame; of several nobody knows who yet, so the chunk starts anew. */
  #noteWrong(wanted: ChunkWish, source: Source, partial: PartialChunk): void {
    this.#parts.metrics.count('kizuna_chunk_fetch_failures_total', { reason: 'corrupt' })
    const { senders } = partial
    if (senders.size === 0 || (senders.size === 1 && senders.has(source.peer))) {
      wanted.partial = undefined
      this.#blame(wanted.id, source.peer)
    } else {
      suspect(wanted, partial)
      // Going on from what a liar sent happens to the best.
      if (!this.#parts.pool.isProven(source)) this.#parts.pool.doubt(source)
    }
  }

  #accuse(wanted: ChunkWish, right: Uint8Array): void {
    for (const peer of liarsAbout(wanted, right)) this.#blame(wanted.id, peer)
  }

  #blame(id: ContentId, peer: PeerId): void {
    const source = this.#parts.pool.get(peer)
    if (source !== undefined) this.#parts.pool.condemn(source, 'corrupt')
    this.#parts.report(peer, 'bad-chunk')
    this.#parts.onBadChunk(id, peer)
  }

  #noteGood(attempt: Attempt, { bytes, sentBytes }: { bytes: Uint8Array; sentBytes: number }): void {
    const { source, startedAt } = attempt
    source.chunks++
    // Whoever adds the last bytes to what others sent has shown nothing yet.
    if (sentBytes * 2 > bytes.byteLength) {
      this.#parts.pool.noteGood(source, this.#parts.clock.monotonic() - startedAt)
      this.#parts.report(source.peer, 'good-chunk')
    }
    this.#parts.metrics.count('kizuna_chunks_fetched_total')
    this.#parts.metrics.count('kizuna_chunk_bytes_fetched_total', {}, bytes.byteLength)
  }

  /** @param winner asked later than others, who then have something to make up for. */
  #settle(wanted: ChunkWish, bytes: Uint8Array, winner?: Attempt): void {
    if (this.#wanted.get(wanted.id) !== wanted) return
    this.#wanted.delete(wanted.id)
    for (const attempt of wanted.attempts) {
      if (winner !== undefined && attempt.startedAt <= winner.startedAt && attempt !== winner) {
        this.#noteQuiet(attempt)
      }
      if (attempt !== winner) attempt.controller.abort()
    }
    for (let others = wanted.readers; others > 1; others--) this.#parts.buffers.share(bytes)
    wanted.resolve(bytes)
    this.pump()
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
