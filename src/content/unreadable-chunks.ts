import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'

/** Reads that must fail, while others succeed, before a chunk is taken for damaged. */
const FAILURES_MAX = 3
/** Between the reads of one chunk; doubles. */
const RETRY_MS_MIN = 5_000
const RETRY_MS_MAX = 300_000
/** So many chunks one after the other that cannot be read: it is the disk, and it gets a rest. */
const FAILURES_IN_A_ROW_MAX = 3
/** How long; doubles as long as nothing can be read. */
const PAUSE_MS_MIN = 60_000
const PAUSE_MS_MAX = 30 * 60_000
/** Chunks remembered; further ones are found again by the next cycle. */
const REMEMBERED_MAX = 1_000

interface Entry {
  failures: number
  failedAt: number
  dueAt: number
}

/**
 * Chunks that the disk refused to read. A refusal says nothing about the bytes: each is read again later and later,
 * and only what fails while the disk gives others is taken for damaged. While it gives nothing at all, as with a
 * loose cable, nothing is.
 */
export class UnreadableChunks {
  readonly #clock: Clock
  readonly #entries = new Map<ContentId, Entry>()
  #readAt = -Infinity
  #failuresInARow = 0

  constructor(parts: { clock: Clock }) {
    this.#clock = parts.clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** How long to leave the disk alone now; 0 as long as it gives anything. */
  get pauseMs(): number {
    const excess = this.#failuresInARow - FAILURES_IN_A_ROW_MAX
    return excess < 0 ? 0 : Math.min(PAUSE_MS_MIN * 2 ** Math.min(excess, 10), PAUSE_MS_MAX)
  }

  /** A chunk whose time has come; it is to be read, and noted again. */
  takeDue(): ContentId | undefined {
    const now = this.#clock.monotonic()
    for (const [id, { dueAt }] of this.#entries) if (dueAt <= now) return id
    return undefined
  }

  /** The disk gave this chunk, whole or damaged. */
  noteRead(id: ContentId): void {
    this.#entries.delete(id)
    this.#readAt = this.#clock.monotonic()
    this.#failuresInARow = 0
  }

  /** The disk refused this chunk; true when it must be taken for damaged now, and then it is no longer tried here. */
  noteFailure(id: ContentId): boolean {
    const now = this.#clock.monotonic()
    this.#failuresInARow++
    const entry = this.#entries.get(id) ?? { failures: 0, failedAt: now, dueAt: now }
    // Between two failures the disk must have given something, or the second says no more than the first.
    if (entry.failures === 0 || this.#readAt > entry.failedAt) entry.failures++
    entry.failedAt = now
    entry.dueAt = now + Math.min(RETRY_MS_MIN * 2 ** (entry.failures - 1), RETRY_MS_MAX)
    this.#entries.delete(id)
    if (entry.failures >= FAILURES_MAX) return true
    if (this.#entries.size < REMEMBERED_MAX) this.#entries.set(id, entry)
    return false
  }
}
