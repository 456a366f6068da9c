import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import { type ContentId, digestOf } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { ChunkLeases } from './chunk-leases.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { IndexDatabase } from './index-database.ts'
import type { Pins } from './pins.ts'
import { stopIfAborted } from './stop-if-aborted.ts'

/** Chunks looked at in one go; between slices other work gets its turn. */
const SLICE_CHUNKS = 256

const STEPS = [
  `CREATE TABLE garbage_mark (digest BLOB PRIMARY KEY, since INTEGER NOT NULL, pass INTEGER NOT NULL)
   STRICT, WITHOUT ROWID;`,
]

/** What the collector needs. `cache` keeps chunks too, as long as it wants them. */
export interface GarbageCollectorParts {
  chunks: ChunkStore
  pins: Pins
  leases: ChunkLeases
  cache?: { has(id: ContentId): boolean }
  index: IndexDatabase
  clock: Clock
  log: Logger
  metrics: Metrics
}

/** What a collection found and did; counts of chunks. */
export interface GarbageReport {
  dryRun: boolean
  examined: number
  pinned: number
  leased: number
  cached: number
  /** Unreferenced, but not for long enough. */
  waiting: number
  /** Deleted; in a dry run, those that would have been. */
  collected: number
  freedBytes: number
}

/**
 * Deletes chunks that nothing refers to and that were found so for the whole grace. A chunk is first marked,
 * and deleted in a later collection; storing it again takes the mark away. Referenced means pinned, leased or
 * cached; this is looked at once more right before each deletion, in the same turn.
 */
export class GarbageCollector {
  readonly #parts: GarbageCollectorParts
  readonly #graceMs: number
  #running: Promise<GarbageReport> | undefined

  /** @param options `graceMs` is how long a chunk must have been unreferenced, in milliseconds of the wall clock. */
  constructor(parts: GarbageCollectorParts, options: { graceMs: number }) {
    this.#parts = parts
    this.#graceMs = options.graceMs
    parts.index.migrate('garbage-collector', STEPS)
  }

  /**
   * Looks at every chunk once. One collection runs at a time; a second call waits for the first and then runs.
   * @throws AbortedError between slices; what was done until then stands.
   */
  async collect(options: { dryRun?: boolean; signal?: AbortSignal } = {}): Promise<GarbageReport> {
    while (this.#running !== undefined) await this.#running.catch(() => {})
    const run = this.#collect(options.dryRun ?? false, options.signal)
    this.#running = run
    try {
      return await run
    } finally {
      this.#running = undefined
    }
  }

  /** The chunk was stored or asked to be stored just now: its grace begins anew. */
  noteStored(id: ContentId): void {
    const digest = digestOf(id)
    // Asked first: a deletion of nothing would still be a transaction on the disk.
    if (this.#parts.index.get('SELECT 1 FROM garbage_mark WHERE digest = ?', digest) === undefined) return
    this.#parts.index.run('DELETE FROM garbage_mark WHERE digest = ?', digest)
  }

  async #collect(dryRun: boolean, signal: AbortSignal | undefined): Promise<GarbageReport> {
    const { chunks, index, log, metrics, pins } = this.#parts
    const report: GarbageReport = {
      dryRun,
      examined: 0,
      pinned: 0,
      leased: 0,
      cached: 0,
      waiting: 0,
      collected: 0,
      freedBytes: 0,
    }
    if (!dryRun) pins.removeExpired()
    const { pass } = index.get('SELECT coalesce(max(pass), 0) + 1 AS pass FROM garbage_mark') as {
      pass: number
    }
    let slice: ContentId[] = []
    const endSlice = async () => {
      await this.#collectSlice(slice, pass, report)
      slice = []
      await setImmediate()
      stopIfAborted(signal, 'The garbage collection')
    }
    stopIfAborted(signal, 'The garbage collection')
    for await (const id of chunks.ids()) {
      slice.push(id)
      if (slice.length === SLICE_CHUNKS) await endSlice()
    }
    await endSlice()
    // Marks of chunks that went another way.
    if (!dryRun) index.run('DELETE FROM garbage_mark WHERE pass < ?', pass)
    metrics.count('kizuna_garbage_collected_total', {}, dryRun ? 0 : report.collected)
    log.info('garbage collected', { ...report })
    return report
  }

  async #collectSlice(ids: readonly ContentId[], pass: number, report: GarbageReport): Promise<void> {
    const due: ContentId[] = []
    this.#parts.index.transaction(() => {
      for (const id of ids) {
        report.examined++
        const keeper = this.#keeperOf(id)
        if (keeper !== undefined) report[keeper]++
        else if (this.#isDue(id, pass, report.dryRun)) due.push(id)
        else report.waiting++
      }
    })
    await Promise.all(due.map((id) => this.#deleteUnlessKept(id, report)))
  }

  async #deleteUnlessKept(id: ContentId, report: GarbageReport): Promise<void> {
    const { chunks, index } = this.#parts
    const freedBytes = (await chunks.sizeOf(id)) ?? 0
    // From here to the call of `delete` nothing can come in between; a `put` after it stores the chunk anew.
    const keeper = this.#keeperOf(id)
    const digest = digestOf(id)
    const isMarked = index.get('SELECT 1 FROM garbage_mark WHERE digest = ?', digest) !== undefined
    if (keeper !== undefined) {
      report[keeper]++
    } else if (!isMarked) {
      report.waiting++
    } else if (report.dryRun || (await chunks.delete(id))) {
      if (!report.dryRun) index.run('DELETE FROM garbage_mark WHERE digest = ?', digest)
      report.collected++
      report.freedBytes += freedBytes
    }
  }

  #keeperOf(id: ContentId): 'pinned' | 'leased' | 'cached' | undefined {
    const { pins, leases, cache } = this.#parts
    if (leases.has(id)) return 'leased'
    if (pins.has(id)) return 'pinned'
    return cache?.has(id) === true ? 'cached' : undefined
  }

  /** Whether the chunk was marked at least the grace ago; marks it otherwise. */
  #isDue(id: ContentId, pass: number, dryRun: boolean): boolean {
    const { index, clock } = this.#parts
    const digest = digestOf(id)
    const now = clock.now()
    const row = index.get<{ since: number }>('SELECT since FROM garbage_mark WHERE digest = ?', digest)
    // A mark from the future was made before the clock was set back; nobody knows how long ago that was.
    const since = row === undefined || row.since > now ? now : row.since
    if (!dryRun) {
      index.run(
        'INSERT OR REPLACE INTO garbage_mark (digest, since, pass) VALUES (?, ?, ?)',
        digest,
        since,
        pass,
      )
    }
    return row !== undefined && now - since >= this.#graceMs
  }
}

/** A store that tells the collector of each chunk before and after it is stored, so that its grace begins anew. */
export function createCollectedChunkStore(
  inner: ChunkStore,
  collector: Pick<GarbageCollector, 'noteStored'>,
): ChunkStore {
  return {
    async put(id, bytes, options) {
      collector.noteStored(id)
      const outcome = await inner.put(id, bytes, options)
      collector.noteStored(id)
      return outcome
    },
    get: (id, options) => inner.get(id, options),
    has: (id) => inner.has(id),
    sizeOf: (id) => inner.sizeOf(id),
    delete: (id) => inner.delete(id),
    ids: () => inner.ids(),
    usage: () => inner.usage(),
    close: () => inner.close(),
  }
}
