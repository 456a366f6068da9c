import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

/** Old observations lose half their weight in this time. */
const HALF_LIFE_MS = 7 * 24 * 3_600_000
/** A stranger counts as if it had been watched for this long and was up for most of it. */
const PRIOR_OBSERVED_MS = 3_600_000
const PRIOR_UPTIME = 0.9
/** A longer gap means that we were away ourselves and saw nothing. */
const STEP_MS_MAX = 10 * 60_000

const STEPS = [
  `CREATE TABLE member_uptime (
    peer TEXT PRIMARY KEY,
    observed_ms REAL NOT NULL,
    online_ms REAL NOT NULL,
    last_seen_at INTEGER NOT NULL
  ) STRICT`,
]

interface Row {
  peer: string
  observed_ms: number
  online_ms: number
  last_seen_at: number
}

/** How much of the time each member was up, as this node saw it itself; kept across restarts. */
export class UptimeLedger {
  readonly #index: IndexDatabase
  readonly #rows = new Map<PeerId, Row>()

  constructor(index: IndexDatabase) {
    this.#index = index
    index.migrate('node-uptime', STEPS)
    for (const row of index.all<Row>('SELECT * FROM member_uptime'))
      this.#rows.set(row.peer as PeerId, { ...row })
  }

  /** Share of the time a member was up, 0 to 1. */
  uptime(peer: PeerId): number {
    const row = this.#rows.get(peer)
    const observed = (row?.observed_ms ?? 0) + PRIOR_OBSERVED_MS
    return ((row?.online_ms ?? 0) + PRIOR_OBSERVED_MS * PRIOR_UPTIME) / observed
  }

  /** `clock.now()` of its last sign of life; 0 when it never gave one. */
  lastSeenAt(peer: PeerId): number {
    return this.#rows.get(peer)?.last_seen_at ?? 0
  }

  /** A sign of life. */
  seen(peer: PeerId, now: number): void {
    const row = this.#rowOf(peer)
    row.last_seen_at = Math.max(row.last_seen_at, now)
  }

  /** Notes who was up during the last `stepMs`, and saves. Members not named here are forgotten. */
  observe(members: readonly { peer: PeerId; online: boolean }[], stepMs: number): void {
    const step = Math.min(stepMs, STEP_MS_MAX)
    const fade = 2 ** (-step / HALF_LIFE_MS)
    for (const { peer, online } of members) {
      const row = this.#rowOf(peer)
      row.observed_ms = row.observed_ms * fade + step
      row.online_ms = row.online_ms * fade + (online ? step : 0)
    }
    const present = new Set(members.map((member) => member.peer))
    for (const peer of [...this.#rows.keys()]) if (!present.has(peer)) this.#rows.delete(peer)
    this.save()
  }

  /** Writes everything down. */
  save(): void {
    this.#index.transaction(() => {
      this.#index.run('DELETE FROM member_uptime')
      for (const row of this.#rows.values()) {
        this.#index.run(
          'INSERT INTO member_uptime (peer, observed_ms, online_ms, last_seen_at) VALUES (?, ?, ?, ?)',
          row.peer,
          row.observed_ms,
          row.online_ms,
          Math.trunc(row.last_seen_at),
        )
      }
    })
  }

  #rowOf(peer: PeerId): Row {
    let row = this.#rows.get(peer)
    if (row === undefined) {
      row = { peer, observed_ms: 0, online_ms: 0, last_seen_at: 0 }
      this.#rows.set(peer, row)
    }
    return row
  }
}
