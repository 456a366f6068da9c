import { hash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { type ContentId, digestOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { loadScrubState, type ScrubState, saveScrubState } from './scrub-state.ts'
import { UnreadableChunks } from './unreadable-chunks.ts'

/** A cycle aims to end in this share of its time: a machine is off now and then, and chunks are added. */
const TIME_SHARE = 0.8
/** A small store need not be drawn out over a week. */
const GAP_MS_MAX = 60_000
/** Nor begun anew all the time. */
const CYCLE_MS_MIN = 24 * 3_600_000
/** Shorter rests are gathered to one of at least this. */
const REST_MS_MIN = 50
/** Progress is written down this often, and when the node stops. */
const SAVE_EVERY_MS = 60_000
/** Ids passed over at once, on the way to where the last run ended. */
const SKIPPED_AT_ONCE_MAX = 1_000
/** What a chunk costs the processor besides hashing: opening, reading, looking up, waking up. Measured, busy machine. */
const CHUNK_CPU_MS = 1.2
const HASH_FACTOR = 1.5
const SAMPLE_BYTES = 2 ** 19
const SAMPLES = 8

/** What a scrubber needs. */
export interface ScrubberParts {
  chunks: ChunkStore
  index: IndexDatabase
  clock: Clock
  log: Logger
  metrics: Metrics
  /** A chunk was read and is damaged; the store holds it no more. Heals it, if it is kept. */
  onDamaged: (id: ContentId) => void
  /** Looks for chunks that are kept by our books and that the store lost without a trace. */
  findLost: () => Promise<void>
}

/** How fast it reads. */
export interface ScrubberOptions {
  /** Every chunk is read at least once in this time. @default 7 days */
  cycleMs: number
  /** Share of one core that it may take, above 0 up to 1; it goes before the cycle's time. @default 0.05 */
  cpuShare: number
}

/** What the owner is told. */
export interface ScrubReport extends Omit<ScrubState, 'position'> {
  /** Share of the running cycle that is done, 0 to 1. */
  progress: number
  /** Chunks that the disk could not read and that are tried again. */
  unreadable: number
  /** The share of a core is too small for so many bytes: the cycle takes longer than it should. */
  isBehind: boolean
}

/**
 * Reads every chunk on this machine again and again, whether data, parity, manifest or cache, in a file or in a
 * pack; the store compares each with its id. Slowly and evenly, so that nobody notices; remembers where it was.
 */
export class Scrubber {
  readonly #parts: ScrubberParts
  readonly #options: ScrubberOptions
  readonly #stopping = new AbortController()
  readonly #state: ScrubState
  readonly #unreadable: UnreadableChunks
  #ids: AsyncIterator<ContentId> | undefined
  /** Chunks in the store when last counted. */
  #total = 0
  #owedMs = 0
  #savedAt = -Infinity
  #bytesPerMs = Infinity
  #running: Promise<void> | undefined

  constructor(parts: ScrubberParts, options: ScrubberOptions) {
    this.#parts = parts
    this.#options = options
    this.#state = loadScrubState(parts.index)
    this.#unreadable = new UnreadableChunks(parts)
    const { metrics } = parts
    metrics.gauge('kizuna_scrub_progress', 'share of the scrub cycle that is done', () => this.#progress())
    metrics.gauge(
      'kizuna_scrub_finished_seconds',
      'when the last scrub cycle ended, seconds since 1970',
      () => Math.round((this.#state.finishedAt ?? 0) / 1000),
    )
  }

  start(): void {
    this.#running = this.#run().catch((error) => {
      if (!this.#stopping.signal.aborted) this.#parts.log.error('scrubbing ended', { error })
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    if (this.#running !== undefined) saveScrubState(this.#parts.index, this.#state)
  }

  /** Reads every chunk once, at once, whatever it costs; for owners who want to know now. */
  async checkAll(signal?: AbortSignal): Promise<ScrubReport> {
    for await (const id of this.#parts.chunks.ids()) {
      signal?.throwIfAborted()
      await this.#check(id)
    }
    await this.#parts.findLost()
    return this.report()
  }

  report(): ScrubReport {
    const { position: _, ...state } = this.#state
    return {
      ...state,
      progress: this.#progress(),
      unreadable: this.#unreadable.size,
      isBehind: this.#timeLeftMs() < 0,
    }
  }

  /** Whoever finds and heals damage says so here; the owner sees one sum. */
  readonly noteDamage = ({ kind }: { kind: 'damaged' | 'healed' }): void => {
    if (kind === 'damaged') this.#state.found++
    else this.#state.healed++
    this.#savedAt = -Infinity
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts
    const { signal } = this.#stopping
    let isRetry = false
    while (!signal.aborted) {
      const startedAt = clock.monotonic()
      // By turns: only when others can be read does another failure say something about the chunk.
      isRetry = !isRetry
      const retried = isRetry ? this.#unreadable.takeDue() : undefined
      const id = retried ?? (await this.#next())
      const sizeBytes = id === undefined ? 0 : await this.#check(id)
      if (id !== undefined && retried === undefined) this.#count(id, sizeBytes)
      const tookMs = clock.monotonic() - startedAt
      this.#saveSometimes()
      // Waiting for the disk is no work of the processor's.
      const cpuMs = Math.min(tookMs, CHUNK_CPU_MS + (sizeBytes * HASH_FACTOR) / this.#bytesPerMs)
      const restMs =
        id === undefined ? (this.#total === 0 ? GAP_MS_MAX : this.#pauseMs()) : this.#gapMs(cpuMs)
      await this.#rest(Math.max(restMs, this.#unreadable.pauseMs))
    }
  }

  /** The next chunk of the cycle; undefined when a cycle has ended and before the next one begins. */
  async #next(): Promise<ContentId | undefined> {
    const { chunks, clock } = this.#parts
    const state = this.#state
    if (this.#ids === undefined) {
      if (this.#pauseMs() > 0) return undefined
      this.#bytesPerMs = hashingSpeed(clock)
      this.#total = (await chunks.usage()).chunks
      this.#ids = this.#remaining()
      state.cycleStartedAt ??= clock.now()
    }
    const next = await this.#ids.next()
    if (next.done !== true) return next.value
    this.#ids = undefined
    await this.#finishCycle()
    return undefined
  }

  async *#remaining(): AsyncGenerator<ContentId> {
    const { chunks, clock } = this.#parts
    const from = this.#state.position
    const last = from === undefined ? undefined : digestOf(from)
    let skipped = 0
    for await (const id of chunks.ids()) {
      if (last === undefined || Buffer.compare(digestOf(id), last) > 0) yield id
      else if (++skipped % SKIPPED_AT_ONCE_MAX === 0) await clock.sleep(0, this.#stopping.signal)
    }
  }

  async #finishCycle(): Promise<void> {
    const { clock, log, metrics, findLost, index } = this.#parts
    const state = this.#state
    await findLost()
    if (this.#total === 0) {
      state.cycleStartedAt = undefined
      return
    }
    const now = clock.now()
    state.finishedAt = now
    state.finishedCycleMs = now - (state.cycleStartedAt ?? now)
    metrics.count('kizuna_scrub_cycles_total')
    log.info('scrub cycle finished', {
      chunks: state.checked,
      sizeBytes: state.checkedBytes,
      found: state.found,
      healed: state.healed,
      durationMs: state.finishedCycleMs,
    })
    state.position = undefined
    state.cycleStartedAt = undefined
    state.checked = 0
    state.checkedBytes = 0
    saveScrubState(index, state)
  }

  /** Reads one chunk; returns its length. */
  async #check(id: ContentId): Promise<number> {
    const { chunks, metrics, onDamaged, log } = this.#parts
    const sizeBytes = (await chunks.sizeOf(id)) ?? 0
    try {
      // No bytes are wanted: the store checks the whole chunk all the same, and it does not count as a use.
      await chunks.get(id, { length: 0 })
      this.#unreadable.noteRead(id)
    } catch (error) {
      if (isKizunaError(error, 'STORE_CLOSED')) throw error
      if (isKizunaError(error, 'DISK_ERROR')) {
        metrics.count('kizuna_scrub_unreadable_total')
        if (this.#unreadable.noteFailure(id)) onDamaged(id)
      } else if (isKizunaError(error, 'CHUNK_CORRUPT')) {
        metrics.count('kizuna_scrub_damaged_total')
        log.warn('scrubbing found a damaged chunk', { id })
        this.#unreadable.noteRead(id)
        onDamaged(id)
      } else if (!isKizunaError(error, 'CHUNK_NOT_FOUND')) throw error
    }
    metrics.count('kizuna_scrub_chunks_total')
    metrics.count('kizuna_scrub_bytes_total', {}, sizeBytes)
    return sizeBytes
  }

  #count(id: ContentId, sizeBytes: number): void {
    this.#state.position = id
    this.#state.checked++
    this.#state.checkedBytes += sizeBytes
  }

  /** Until the next cycle may begin; 0 while one runs. */
  #pauseMs(): number {
    const { cycleStartedAt, finishedAt, finishedCycleMs } = this.#state
    if (cycleStartedAt !== undefined || finishedAt === undefined) return 0
    const shortest = Math.min(this.#options.cycleMs * TIME_SHARE, CYCLE_MS_MIN)
    const leftMs = finishedAt - (finishedCycleMs ?? 0) + shortest - this.#parts.clock.now()
    // A clock that was set back must not stop it.
    return leftMs > shortest ? 0 : Math.min(Math.max(leftMs, 0), GAP_MS_MAX)
  }

  /** How long to rest after a chunk that cost `cpuMs`: spread over the cycle's time, within the share of a core. */
  #gapMs(cpuMs: number): number {
    const left = Math.max(this.#total - this.#state.checked, 1)
    const even = Math.max(this.#timeLeftMs(), 0) / left
    const allowed = cpuMs * (1 / this.#options.cpuShare - 1)
    return Math.max(Math.min(even, GAP_MS_MAX), allowed)
  }

  async #rest(durationMs: number): Promise<void> {
    this.#owedMs += durationMs
    if (this.#owedMs < REST_MS_MIN) return
    const owedMs = this.#owedMs
    this.#owedMs = 0
    await this.#parts.clock.sleep(owedMs, this.#stopping.signal).catch(() => {})
  }

  #timeLeftMs(): number {
    const { cycleStartedAt } = this.#state
    const passedMs = cycleStartedAt === undefined ? 0 : this.#parts.clock.now() - cycleStartedAt
    return this.#options.cycleMs * TIME_SHARE - Math.max(passedMs, 0)
  }

  #progress(): number {
    return this.#total === 0 ? 0 : Math.min(this.#state.checked / this.#total, 1)
  }

  #saveSometimes(): void {
    const now = this.#parts.clock.monotonic()
    if (now - this.#savedAt < SAVE_EVERY_MS) return
    this.#savedAt = now
    saveScrubState(this.#parts.index, this.#state)
  }
}

/** Bytes hashed per millisecond on this machine; `Infinity` on a clock that stands still. */
function hashingSpeed(clock: Clock): number {
  const sample = new Uint8Array(SAMPLE_BYTES)
  let bestMs = Infinity
  for (let round = 0; round < SAMPLES; round++) {
    const startedAt = clock.monotonic()
    hash('sha256', sample, 'buffer')
    // The fastest: the others waited for the processor, which others were using.
    bestMs = Math.min(bestMs, clock.monotonic() - startedAt)
  }
  return bestMs > 0 ? SAMPLE_BYTES / bestMs : Infinity
}
