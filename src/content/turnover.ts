import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { MemberView } from './community.ts'

const DAY_MS = 24 * 3_600_000
/** Away for longer, and a member counts as gone for good until it comes back. */
const GONE_AFTER_MS = 7 * DAY_MS
/** Observations lose half their weight in this time: a community changes its habits slowly. */
const HALF_LIFE_MS = 90 * DAY_MS
/** Before anything is known: one departure in so many days of one member. */
const PRIOR_DAYS = 180
/** A longer gap means that we were away ourselves and saw nothing. */
const STEP_MS_MAX = 10 * 60_000
/** Written down no more often than this; a crash loses minutes out of months. */
const SAVE_EVERY_MS = 10 * 60_000

const MIGRATIONS = [
  `CREATE TABLE turnover (number INTEGER PRIMARY KEY, watched_ms REAL NOT NULL, departures REAL NOT NULL) STRICT;
   CREATE TABLE turnover_member (peer TEXT PRIMARY KEY, gone INTEGER NOT NULL) WITHOUT ROWID, STRICT`,
]

/** How often members leave for good, as this node saw it; kept across restarts. */
export class Turnover {
  readonly #index: IndexDatabase
  readonly #gone = new Map<PeerId, boolean>()
  #watchedMs = 0
  #departures = 0
  #unsavedMs = 0

  constructor(parts: { index: IndexDatabase }) {
    this.#index = parts.index
    this.#index.migrate('turnover', MIGRATIONS)
    const row = this.#index.get<{ watched_ms: number; departures: number }>('SELECT * FROM turnover')
    this.#watchedMs = row?.watched_ms ?? 0
    this.#departures = row?.departures ?? 0
    for (const { peer, gone } of this.#index.all<{ peer: string; gone: number }>(
      'SELECT peer, gone FROM turnover_member',
    ))
      this.#gone.set(peer as PeerId, gone === 1)
  }

  /** Departures per member and day. */
  get leavesPerDay(): number {
    return (this.#departures + 1) / (this.#watchedMs / DAY_MS + PRIOR_DAYS)
  }

  /** Notes who is there after `stepMs` more. @param now on the scale of `lastSeenAt`. */
  observe(members: readonly MemberView[], now: number, stepMs: number): void {
    const step = Math.min(stepMs, STEP_MS_MAX)
    const fade = 2 ** (-step / HALF_LIFE_MS)
    this.#watchedMs *= fade
    this.#departures *= fade
    const present = new Map(members.map((member) => [member.peer, member]))
    let changed = false
    for (const [peer, wasGone] of this.#gone) {
      const member = present.get(peer)
      const isGone =
        member === undefined ||
        member.leaving === true ||
        (!member.online && now - member.lastSeenAt > GONE_AFTER_MS)
      if (!wasGone) this.#watchedMs += step
      if (isGone === wasGone) continue
      changed = true
      this.#departures = Math.max(this.#departures + (isGone ? 1 : -1), 0)
      // While it was only thought to be away it was no longer there to be watched.
      const unwatchedMs = isGone && member !== undefined ? now - member.lastSeenAt : 0
      this.#watchedMs = Math.max(this.#watchedMs - Math.min(unwatchedMs, GONE_AFTER_MS), 0)
      this.#gone.set(peer, isGone)
    }
    for (const [peer, isGone] of this.#gone) {
      if (!isGone || present.has(peer)) continue
      this.#gone.delete(peer)
      this.#index.run('DELETE FROM turnover_member WHERE peer = ?', peer)
    }
    for (const { peer, online } of members) {
      if (!online || this.#gone.has(peer)) continue
      changed = true
      this.#gone.set(peer, false)
    }
    this.#unsavedMs += step
    if (changed || this.#unsavedMs >= SAVE_EVERY_MS) this.save()
  }

  /** Writes everything down. */
  save(): void {
    this.#unsavedMs = 0
    this.#index.transaction(() => {
      this.#index.run(
        'INSERT OR REPLACE INTO turnover (number, watched_ms, departures) VALUES (1, ?, ?)',
        this.#watchedMs,
        this.#departures,
      )
      for (const [peer, gone] of this.#gone)
        this.#index.run(
          'INSERT OR REPLACE INTO turnover_member (peer, gone) VALUES (?, ?)',
          peer,
          gone ? 1 : 0,
        )
    })
  }
}
