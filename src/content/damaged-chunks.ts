import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObjects } from './kept-objects.ts'

/** Damaged chunks waiting to be healed; a disk with more is lost, and repair elsewhere takes over. */
const WAITING_MAX = 10_000
/** Between attempts at a chunk that nobody could give; doubles up to the maximum. */
const RETRY_MS_MIN = 5_000
const RETRY_MS_MAX = 600_000
/**
 * A chunk that the disk could not read at so many attempts (over twenty minutes), while it reads others, lies
 * on a bad place of the medium: it is given up and fetched again.
 */
const UNREADABLE_ATTEMPTS_MAX = 8
/** Other chunks read to see whether the disk works at all. */
const PROBES_MAX = 8

/** What healing needs. */
export interface DamagedChunksParts {
  chunks: ChunkStore
  kept: KeptObjects
  holdings: Holdings
  clock: Clock
  log: Logger
  metrics: Metrics
}

/** What happened to a chunk of ours. */
export type DamageEvent =
  | { kind: 'damaged'; id: ContentId }
  | { kind: 'healed'; id: ContentId; tookMs: number }

/**
 * Heals what is damaged here. A damaged chunk stops counting as kept at once, is fetched again or rebuilt from
 * parity, and counts again when it is whole. What the disk cannot read for a while is left as it is, because it may
 * be the last copy, and counts again when it can be read.
 */
export class DamagedChunks {
  readonly #parts: DamagedChunksParts
  readonly #heal: (id: ContentId, signal: AbortSignal) => Promise<void>
  readonly #waiting = new Map<ContentId, { attempts: number; dueAt: number; since: number }>()
  readonly #listeners = new Set<(event: DamageEvent) => void>()
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #working = false

  /** @param options.heal fetches a chunk kept here from anybody and stores it. */
  constructor(
    parts: DamagedChunksParts,
    options: { heal: (id: ContentId, signal: AbortSignal) => Promise<void> },
  ) {
    this.#parts = parts
    this.#heal = options.heal
  }

  stop(): void {
    this.#timer?.stop()
    this.#stopping.abort()
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Calls `listener` when a chunk is found damaged and when it is whole again; returns how to stop. */
  onEvent(listener: (event: DamageEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Finds chunks that are kept by our books and that the store lost, as a power cut on a bad disk can leave it. */
  async findLost(): Promise<void> {
    const { chunks, holdings } = this.#parts
    for (const id of [...holdings.ownIds()]) {
      if (this.#stopping.signal.aborted) return
      if (!(await chunks.has(id))) this.note(id)
    }
  }

  /** A chunk of ours was read and found damaged or missing. */
  note(id: ContentId): void {
    if (this.#stopping.signal.aborted || this.#waiting.has(id) || this.#waiting.size >= WAITING_MAX) return
    this.#parts.metrics.count('kizuna_chunks_damaged_total')
    this.#parts.log.warn('chunk damaged here', { id })
    this.#parts.holdings.forgetOwn([id])
    const now = this.#parts.clock.monotonic()
    this.#waiting.set(id, { attempts: 0, dueAt: now, since: now })
    this.#say({ kind: 'damaged', id })
    this.#workIn(0)
  }

  #workIn(delayMs: number): void {
    if (this.#working || this.#stopping.signal.aborted) return
    this.#timer?.stop()
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#working = true
      void this.#work().finally(() => {
        this.#working = false
        const dueAt = Math.min(...[...this.#waiting.values()].map((entry) => entry.dueAt))
        if (dueAt !== Infinity) this.#workIn(Math.max(dueAt - this.#parts.clock.monotonic(), 0))
      })
    })
  }

  /** One after the other: healing must not take the line from readers. */
  async #work(): Promise<void> {
    const { clock, chunks, kept, holdings, log, metrics } = this.#parts
    for (const [id, entry] of [...this.#waiting]) {
      if (this.#stopping.signal.aborted) return
      if (entry.dueAt > clock.monotonic()) continue
      try {
        await this.#removeDamaged(id, entry.attempts)
        if (kept.isKept(id)) {
          // It may be whole again: read by others meanwhile, or given by a disk that had refused.
          if (!(await chunks.has(id))) await this.#heal(id, this.#stopping.signal)
          if (!(await chunks.has(id))) throw new Error('not healed')
          holdings.noteOwn([id])
          const tookMs = clock.monotonic() - entry.since
          log.info('chunk healed', { id, tookMs })
          metrics.count('kizuna_chunks_healed_total')
          metrics.observeSeconds('kizuna_chunk_heal_seconds', tookMs / 1000)
          this.#say({ kind: 'healed', id, tookMs })
        }
        this.#waiting.delete(id)
      } catch (error) {
        entry.attempts++
        entry.dueAt = clock.monotonic() + Math.min(RETRY_MS_MIN * 2 ** (entry.attempts - 1), RETRY_MS_MAX)
        log.debug('chunk not healed yet', { id, error })
      }
    }
  }

  /** Takes the bytes away only when they are wrong now: the store may have been repaired meanwhile. */
  async #removeDamaged(id: ContentId, attempts: number): Promise<void> {
    const { chunks } = this.#parts
    if (!(await chunks.has(id))) return
    try {
      await chunks.get(id, { length: 0 })
    } catch (error) {
      if (isKizunaError(error, 'DISK_ERROR')) {
        if (attempts < UNREADABLE_ATTEMPTS_MAX || !(await this.#diskReads())) throw error
      } else if (!isKizunaError(error, 'CHUNK_CORRUPT') && !isKizunaError(error, 'CHUNK_NOT_FOUND'))
        throw error
      await chunks.delete(id)
    }
  }

  /** Whether the disk gives other chunks; when it gives none, it is not the one chunk's place that is bad. */
  async #diskReads(): Promise<boolean> {
    const { chunks, holdings } = this.#parts
    let probes = 0
    for (const id of holdings.ownIds()) {
      if (this.#waiting.has(id)) continue
      if (++probes > PROBES_MAX) return false
      try {
        await chunks.get(id, { length: 0 })
        return true
      } catch {
        // The next one may be readable.
      }
    }
    return false
  }

  #say(event: DamageEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}
