import type { Clock, Timer } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { type NodeStatus, putStatus } from '../records/status-record.ts'

/** A change is told at once, but not more often than this. */
const CHANGE_INTERVAL_MS = 2_000

/** Tells the space how this node is: every interval, and soon after a change. */
export class StatusPublisher {
  readonly #parts: { clock: Clock; records: RecordSets; log: Logger; self: PeerId }
  readonly #options: { intervalMs: number; read: () => Promise<NodeStatus> }
  #timer: Timer | undefined
  #publishedAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  #publishedIn: string | undefined
  #last = ''
  #stopped = true
  #changedMeanwhile = false

  constructor(
    parts: { clock: Clock; records: RecordSets; log: Logger; self: PeerId },
    options: { intervalMs: number; read: () => Promise<NodeStatus> },
  ) {
    this.#parts = parts
    this.#options = options
  }

  /** Publishes in the background from now on. */
  start(): void {
    this.#stopped = false
    this.#schedule(0)
  }

  /** Something that others want to know may have changed. */
  changed(): void {
    if (this.#stopped) return
    this.#changedMeanwhile = true
    if (this.#running !== undefined) return
    // Another space knows nothing of us yet, and gives us nothing to store until it does.
    const isNewSpace = this.#parts.records.space !== this.#publishedIn
    const sinceMs = isNewSpace ? CHANGE_INTERVAL_MS : this.#parts.clock.monotonic() - this.#publishedAt
    this.#schedule(Math.max(CHANGE_INTERVAL_MS - sinceMs, 0))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.stop()
    await this.#running
  }

  #schedule(delayMs: number): void {
    this.#timer?.stop()
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#changedMeanwhile = false
      this.#running = this.#publish().finally(() => {
        this.#running = undefined
        if (this.#stopped) return
        if (this.#changedMeanwhile) this.changed()
        else this.#schedule(this.#options.intervalMs)
      })
    })
  }

  async #publish(): Promise<void> {
    const { clock, records, log, self } = this.#parts
    try {
      const status = await this.#options.read()
      // Between the regular times only news is worth a record; to another space everything is.
      const text = `${records.space} ${JSON.stringify({ ...status, loadPercent: 0 })}`
      const isDue = clock.monotonic() - this.#publishedAt >= this.#options.intervalMs / 2
      if (this.#stopped || (text === this.#last && !isDue)) return
      this.#last = text
      this.#publishedAt = clock.monotonic()
      this.#publishedIn = records.space
      await putStatus(records, self, status)
    } catch (error) {
      log.warn('status not published', { error: toKizunaError(error).code })
    }
  }
}
