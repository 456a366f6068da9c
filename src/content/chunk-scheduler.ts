import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { chunkOf } from '../storage/chunk.ts'
import { openChunk } from './dds-client.ts'
import { reasonOf, type Source, type SourcePool } from './source-pool.ts'

/** Chunks asked of one peer at once, however fast it is. */
const IN_FLIGHT_PER_PEER_MAX = 8
/** A peer whose chunks take longer than this many times those of the fastest gets nothing that others have. */
const SLOW_FACTOR = 4
/** A chunk longer than this many times the peer's best means that requests queue up there. */
const QUEUE_FACTOR = 3
/** The last chunks are asked of a second peer after twice its usual time, but not before this. */
const SECOND_ASK_MS_MIN = 50
/** Attempts at one chunk at once. */
const ATTEMPTS_MAX = 2
/** One request for a chunk ends by then however slowly it moves; what came is kept and the rest asked again. */
const REQUEST_TIMEOUT_MS = 60_000

export type PeerReport = 'good-chunk' | 'bad-chunk' | 'slow' | 'timeout' | 'refused' | 'forged'

/** What a scheduler needs. */
export interface ChunkSchedulerParts {
  network: Network
  clock: Clock
  metrics: Metrics
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
  onProgress: () => void
  onVerified: (id: ContentId, bytes: Uint8Array, peer: PeerId) => void
}

interface Attempt {
  source: Source
  controller: AbortController
  startedAt: number
}

interface Wanted {
  id: ContentId
  /** Place in the stream: lower is needed sooner. */
  order: number
  attempts: Attempt[]
  /** What came of it so far, and from whom. */
  prefix: { bytes: Uint8Array; filled: number; from: Set<PeerId> } | undefined
  stuck: boolean
  users: number
  promise: Promise<Uint8Array>
  resolve: (bytes: Uint8Array) => void
  reject: (error: unknown) => void
}

/**
 * Fetches the chunks that are wanted now from many peers at once: rarest first, fast peers more, slow ones less,
 * the last ones twice; what a broken connection left is kept and only the rest is asked again, of anybody.
 * Nothing is handed out that does not match its id.
 */
export class ChunkScheduler {
  readonly #parts: ChunkSchedulerParts
  readonly #options: ChunkSchedulerOptions
  readonly #wanted = new Map<ContentId, Wanted>()
  #timer: Timer | undefined
  #pumpQueued = false

  constructor(parts: ChunkSchedulerParts, options: ChunkSchedulerOptions) {
    this.#parts = parts
    this.#options = options
    options.signal.addEventListener('abort', () => this.#close(), { once: true })
  }

  /** A chunk's verified bytes, when they come. `signal` gives up this wish; others for the same chunk stay. */
  want(id: ContentId, options: { order: number; signal?: AbortSignal }): Promise<Uint8Array> {
    let wanted = this.#wanted.get(id)
    if (wanted === undefined) {
      wanted = { ...newWish(id), order: options.order }
      this.#wanted.set(id, wanted)
    }
    wanted.users++
    wanted.order = Math.min(wanted.order, options.order)
    const item = wanted
    options.signal?.addEventListener('abort', () => this.#release(item, options.signal?.reason), {
      once: true,
    })
    this.pump()
    return wanted.promise
  }

  /** Bytes that were had another way, such as rebuilt from parity; the caller has verified them. */
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
    let count = 0
    for (const source of this.#parts.pool.all()) if (source.inFlight > 0) count++
    return count
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
    const idle = [...this.#wanted.values()]
      .filter(({ attempts }) => attempts.length === 0)
      .map((wanted) => ({ wanted, sources: this.#sourcesOf(wanted) }))
    const head = Math.min(...[...this.#wanted.values()].map(({ order }) => order))
    idle.sort(
      (a, b) =>
        Number(b.wanted.order === head) - Number(a.wanted.order === head) ||
        a.sources.length - b.sources.length ||
        a.wanted.order - b.wanted.order,
    )
    let unassigned = 0
    for (const { wanted, sources } of idle) {
      this.#noteStuck(wanted, sources)
      const source = this.#bestOf(sources, wanted)
      if (source === undefined) unassigned++
      else this.#start(wanted, source)
    }
    const secondAt = this.#askTwice(unassigned, head)
    const next = Math.min(secondAt ?? Infinity, pool.nextRetryAt() ?? Infinity)
    this.#timer?.stop()
    this.#timer = undefined
    if (next === Infinity) return
    this.#timer = clock.after(Math.max(next - clock.monotonic(), 1), () => this.pump())
  }

  /** Peers that may have it, are up, and did not fail us. */
  #sourcesOf(wanted: Wanted): Source[] {
    const found: Source[] = []
    for (const source of this.#parts.pool.all()) {
      if (this.#parts.pool.canServe(source, wanted.id)) found.push(source)
    }
    return found
  }

  #noteStuck(wanted: Wanted, sources: readonly Source[]): void {
    const stuck = sources.length === 0
    if (stuck && !wanted.stuck) this.#options.onStuck(wanted.id)
    wanted.stuck = stuck
  }

  /** The peer that would be done first, among those with a free place. */
  #bestOf(sources: readonly Source[], wanted: Wanted): Source | undefined {
    const { pool, clock } = this.#parts
    const now = clock.monotonic()
    const holders = sources.filter((source) => pool.has(source, wanted.id) === 'yes')
    const fastest = Math.min(...holders.map((source) => source.chunkMs ?? Infinity))
    const free = holders.filter(
      (source) =>
        source.retryAt <= now &&
        source.inFlight < source.limit &&
        (source.inFlight > 0 || this.activePeers < this.#options.peersMax) &&
        !((source.chunkMs ?? 0) > fastest * SLOW_FACTOR) &&
        !wanted.attempts.some((attempt) => attempt.source === source),
    )
    const waitOf = (source: Source) => (source.inFlight + 1) * (source.chunkMs ?? 1)
    return free.reduce<Source | undefined>(
      (best, source) => (best === undefined || waitOf(source) < waitOf(best) ? source : best),
      undefined,
    )
  }

  /** Asks a second peer for what holds everything up; returns when the next such chunk comes due. */
  #askTwice(unassigned: number, head: number): number | undefined {
    const now = this.#parts.clock.monotonic()
    let next: number | undefined
    for (const wanted of this.#wanted.values()) {
      if (wanted.attempts.length === 0 || wanted.attempts.length >= ATTEMPTS_MAX) continue
      if (unassigned > 0 && wanted.order !== head) continue
      const source = this.#bestOf(this.#sourcesOf(wanted), wanted)
      const first = wanted.attempts[0]
      if (source === undefined || first === undefined) continue
      const dueAt = first.startedAt + Math.max(2 * (source.chunkMs ?? 0), SECOND_ASK_MS_MIN)
      if (dueAt <= now) this.#start(wanted, source)
      else next = Math.min(next ?? dueAt, dueAt)
    }
    return next
  }

  #start(wanted: Wanted, source: Source): void {
    const attempt: Attempt = {
      source,
      controller: new AbortController(),
      startedAt: this.#parts.clock.monotonic(),
    }
    wanted.attempts.push(attempt)
    source.inFlight++
    void this.#run(wanted, attempt).finally(() => {
      source.inFlight--
      wanted.attempts = wanted.attempts.filter((other) => other !== attempt)
      this.pump()
    })
  }

  async #run(wanted: Wanted, attempt: Attempt): Promise<void> {
    const { source, controller } = attempt
    const { pool } = this.#parts
    const from = new Set(wanted.prefix?.from).add(source.peer)
    let filled = wanted.prefix?.filled ?? 0
    let bytes = wanted.prefix?.bytes.slice()
    let stalled = false
    let stall = this.#parts.clock.after(this.#options.stallMs, () => {})
    const watch = () => {
      stall.stop()
      stall = this.#parts.clock.after(this.#options.stallMs, () => {
        stalled = true
        controller.abort()
      })
    }
    try {
      watch()
      const incoming = await openChunk(
        this.#parts.network,
        source.peer,
        { id: wanted.id, offset: filled },
        { signal: controller.signal, timeoutMs: REQUEST_TIMEOUT_MS },
      )
      if (incoming.code !== 'RETRIEVE_OK') {
        this.#noteCode(wanted, source, incoming.code, incoming.retryAfterMs)
        await incoming.frames.return?.()
        return
      }
      if (incoming.totalSizeBytes > CHUNK_BYTES_MAX || incoming.totalSizeBytes < filled) {
        await incoming.frames.return?.()
        this.#blame(wanted, source, from)
        return
      }
      if (bytes?.byteLength !== incoming.totalSizeBytes) {
        const longer = new Uint8Array(incoming.totalSizeBytes)
        longer.set(bytes?.subarray(0, filled) ?? [])
        bytes = longer
      }
      for await (const frame of incoming.frames) {
        if (filled + frame.byteLength > bytes.byteLength) break
        bytes.set(frame, filled)
        filled += frame.byteLength
        watch()
        this.#options.onProgress()
      }
      if (filled < bytes.byteLength) {
        this.#keepPrefix(wanted, bytes, filled, from)
        pool.noteFailure(source, 'connection-lost')
        return
      }
      if (this.#wanted.get(wanted.id) !== wanted) return
      // The store takes over this hash and does not compute it again.
      if (chunkOf(bytes).id !== wanted.id) {
        this.#blame(wanted, source, from)
        return
      }
      this.#noteGood(attempt, bytes.byteLength)
      this.#options.onVerified(wanted.id, bytes, source.peer)
      this.#settle(wanted, bytes)
    } catch (error) {
      if (bytes !== undefined && filled > 0) this.#keepPrefix(wanted, bytes, filled, from)
      if (controller.signal.aborted && !stalled) return
      this.#noteError(source, error, stalled)
    } finally {
      stall.stop()
    }
  }

  #noteCode(wanted: Wanted, source: Source, code: string, retryAfterMs: number): void {
    const { pool } = this.#parts
    if (code === 'RETRIEVE_BUSY') pool.noteBusy(source, retryAfterMs)
    else if (code === 'RETRIEVE_UNAUTHORISED') {
      source.excluded = 'refused'
      source.knownHolder = true
      source.reason = 'refused'
    } else if (code === 'RETRIEVE_INVALID_RANGE' && wanted.prefix !== undefined) {
      wanted.prefix = undefined
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
      source.excluded = reason === 'refused' ? 'refused' : 'corrupt'
      source.reason = reason
    } else this.#parts.pool.noteFailure(source, reason)
  }

  /** Wrong bytes: a single sender is to blame; of several nobody knows who, so the chunk starts anew. */
  #blame(wanted: Wanted, source: Source, from: ReadonlySet<PeerId>): void {
    wanted.prefix = undefined
    this.#parts.metrics.count('kizuna_chunk_fetch_failures_total', { reason: 'corrupt' })
    if (from.size > 1) return
    source.excluded = 'corrupt'
    source.reason = 'corrupt'
    this.#parts.report(source.peer, 'bad-chunk')
    this.#parts.onBadChunk(wanted.id, source.peer)
  }

  #noteGood(attempt: Attempt, sizeBytes: number): void {
    const { source } = attempt
    const tookMs = Math.max(this.#parts.clock.monotonic() - attempt.startedAt, 0.1)
    source.chunks++
    source.failures = 0
    source.reason = 'served'
    source.chunkMs = source.chunkMs === undefined ? tookMs : source.chunkMs * 0.7 + tookMs * 0.3
    source.chunkMsBest = Math.min(source.chunkMsBest ?? tookMs, tookMs)
    const queued = tookMs > source.chunkMsBest * QUEUE_FACTOR
    source.limit = Math.min(Math.max(source.limit + (queued ? -1 : 1), 1), IN_FLIGHT_PER_PEER_MAX)
    this.#parts.report(source.peer, 'good-chunk')
    this.#parts.metrics.count('kizuna_chunks_fetched_total')
    this.#parts.metrics.count('kizuna_chunk_bytes_fetched_total', {}, sizeBytes)
  }

  #keepPrefix(wanted: Wanted, bytes: Uint8Array, filled: number, from: Set<PeerId>): void {
    if (filled > (wanted.prefix?.filled ?? 0)) wanted.prefix = { bytes, filled, from }
  }

  #settle(wanted: Wanted, bytes: Uint8Array): void {
    if (this.#wanted.get(wanted.id) !== wanted) return
    this.#wanted.delete(wanted.id)
    for (const attempt of wanted.attempts) attempt.controller.abort()
    wanted.resolve(bytes)
    this.pump()
  }

  #release(wanted: Wanted, reason: unknown): void {
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

function newWish(id: ContentId): Wanted {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  // Somebody may have stopped waiting for it; that is no unhandled error.
  promise.catch(() => {})
  return { id, order: 0, attempts: [], prefix: undefined, stuck: false, users: 0, promise, resolve, reject }
}
