import type { Clock, Timer } from '../../core/clock.ts'
import { toKizunaError } from '../../core/kizuna-error.ts'
import type { Logger } from '../../core/log.ts'
import type { HistoryEntry } from './command-history.ts'

/** A command need not wait for its entry; a crash loses at most the entries of this time. */
const DELAY_MS = 500
/** When the store does not take them, newer entries than this many are dropped. */
const WAITING_MAX = 5_000

/** Entries on their way into a store, written together. */
export class EntryQueue {
  readonly #parts: { clock: Clock; log: Logger; write: (entries: HistoryEntry[]) => Promise<void> | void }
  #waiting: HistoryEntry[] = []
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: {
    clock: Clock
    log: Logger
    write: (entries: HistoryEntry[]) => Promise<void> | void
  }) {
    this.#parts = parts
  }

  add(entry: HistoryEntry): void {
    if (this.#waiting.length >= WAITING_MAX) return
    this.#waiting.push(entry)
    this.#timer ??= this.#parts.clock.after(DELAY_MS, () => void this.flush())
  }

  /** Writes what waits; a failure is logged and costs those entries. */
  flush(): Promise<void> {
    this.#timer?.stop()
    this.#timer = undefined
    const entries = this.#waiting
    this.#waiting = []
    if (entries.length > 0) this.#writing = this.#writing.then(() => this.#write(entries))
    return this.#writing
  }

  async #write(entries: HistoryEntry[]): Promise<void> {
    try {
      await this.#parts.write(entries)
    } catch (error) {
      this.#parts.log.warn('history not written', {
        entries: entries.length,
        code: toKizunaError(error).code,
      })
    }
  }
}
