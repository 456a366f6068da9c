import type { Clock, Timer } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Network } from '../network/network.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

/** Ids in one call of `Network.provide`; sorted, so that neighbours in the key space share their look-ups. */
const BATCH_MAX = 256
/** A batch ends by then, also with a DHT that does not answer. */
const BATCH_TIMEOUT_MS = 60_000
/** After a batch that failed. */
const RETRY_MS = 30_000
/** Provider records live 48 h (kad-dht); half of it leaves a day for being late. */
const RENEW_MS = 22 * 3_600_000
/** New ids wait this long for others, so that they go out sorted and are written down together. */
const GATHER_MS = 250
/** How often the table is looked at when nothing was queued meanwhile. */
const LOOK_MS = 60_000
/** A peer that has just connected needs a moment until it is known to be on the DHT. */
const CONNECTED_MS = 1_000

/** Manifests are found first, so that a reader can begin. */
export const ANNOUNCE_FIRST = 0
export const ANNOUNCE_LATER = 1

const MIGRATIONS = [
  `CREATE TABLE announcement (
     digest BLOB PRIMARY KEY, urgency INTEGER NOT NULL, due_at INTEGER NOT NULL
   ) WITHOUT ROWID, STRICT;
   CREATE INDEX announcement_due ON announcement (due_at)`,
]

/** What the announcer needs. */
export interface AnnouncerParts {
  index: IndexDatabase
  network: Network
  clock: Clock
  log: Logger
  metrics: Metrics
}

/**
 * Says on the DHT what is kept here: a durable queue, manifests first, in batches of neighbouring keys, each
 * renewed before its provider record expires. A restart goes on where it stopped.
 */
export class Announcer {
  readonly #parts: AnnouncerParts
  readonly #announces: boolean
  readonly #renewMs: number
  readonly #stopping = new AbortController()
  /** Not written down yet. */
  readonly #fresh = new Map<ContentId, number>()
  #silence = () => {}
  #timer: Timer | undefined
  #dueAt = Infinity
  #running: Promise<void> | undefined

  /** @param options.announces false for nodes that only download: they never say that they have anything. */
  constructor(parts: AnnouncerParts, options: { announces: boolean; renewMs?: number }) {
    this.#parts = parts
    this.#announces = options.announces
    this.#renewMs = options.renewMs ?? RENEW_MS
    parts.index.migrate('announcer', MIGRATIONS)
  }

  start(): void {
    this.#schedule(0)
    // Without anybody there an announcement fails; whoever comes first may be the one to take it.
    this.#silence = this.#parts.network.onPeer(({ kind }) => {
      if (kind === 'connected') this.#schedule(CONNECTED_MS)
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#silence()
    this.#timer?.stop()
    await this.#running
    if (this.#fresh.size > 0) this.#writeFresh()
  }

  /** Queues ids; those queued or announced before keep their turn. Written down soon, many at once. */
  announce(ids: Iterable<ContentId>, urgency: number): void {
    if (!this.#announces) return
    for (const id of ids) this.#fresh.set(id, Math.min(this.#fresh.get(id) ?? urgency, urgency))
    this.#schedule(GATHER_MS)
  }

  #writeFresh(): void {
    const { index, clock } = this.#parts
    const fresh = [...this.#fresh]
    this.#fresh.clear()
    index.transaction(() => {
      for (const [id, urgency] of fresh) {
        index.run(
          `INSERT INTO announcement (digest, urgency, due_at) VALUES (?, ?, ?)
           ON CONFLICT (digest) DO UPDATE SET urgency = min(urgency, excluded.urgency)`,
          digestOf(id),
          urgency,
          clock.now(),
        )
      }
    })
  }

  /** Lets ids run out: their provider records are not renewed. */
  withdraw(ids: readonly ContentId[]): void {
    const { index } = this.#parts
    index.transaction(() => {
      for (const id of ids) this.#fresh.delete(id)
      for (const id of ids) index.run('DELETE FROM announcement WHERE digest = ?', digestOf(id))
    })
  }

  /** Ids that are due and not announced yet. */
  get waiting(): number {
    const row = this.#parts.index.get<{ count: number }>(
      'SELECT count(*) AS count FROM announcement WHERE due_at <= ?',
      this.#parts.clock.now(),
    )
    return (row?.count ?? 0) + this.#fresh.size
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted || !this.#announces || this.#running !== undefined) return
    const dueAt = this.#parts.clock.monotonic() + delayMs
    if (dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    this.#timer?.stop()
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#dueAt = Infinity
      this.#running = this.#work().then((nextMs) => {
        this.#running = undefined
        this.#schedule(this.#fresh.size > 0 ? GATHER_MS : nextMs)
      })
    })
  }

  /** Announces everything that is due; resolves to when to look again. */
  async #work(): Promise<number> {
    const { network, clock, log, metrics } = this.#parts
    while (!this.#stopping.signal.aborted) {
      if (this.#fresh.size > 0) this.#writeFresh()
      const batch = this.#nextBatch()
      if (batch.length === 0) return LOOK_MS
      try {
        await network.provide(batch, { signal: this.#stopping.signal, timeoutMs: BATCH_TIMEOUT_MS })
        metrics.count('kizuna_announced_total', {}, batch.length)
        this.#postpone(batch, clock.now() + this.#renewMs)
      } catch (error) {
        log.debug('announcement failed', { ids: batch.length, error })
        return RETRY_MS
      }
    }
    return LOOK_MS
  }

  #nextBatch(): ContentId[] {
    const rows = this.#parts.index.all<{ digest: Uint8Array }>(
      `SELECT digest FROM announcement WHERE due_at <= ?1 AND urgency =
         (SELECT min(urgency) FROM announcement WHERE due_at <= ?1)
       ORDER BY digest LIMIT ${BATCH_MAX}`,
      this.#parts.clock.now(),
    )
    return rows.map(({ digest }) => contentIdFromDigest(digest))
  }

  #postpone(ids: readonly ContentId[], dueAt: number): void {
    const { index } = this.#parts
    index.transaction(() => {
      for (const id of ids) {
        index.run('UPDATE announcement SET due_at = ? WHERE digest = ?', dueAt, digestOf(id))
      }
    })
  }
}
