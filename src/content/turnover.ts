import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { MemberView } from './community.ts'

const DAY_MS = 24 * 3_600_000
/** Away for longer, and a member counts as gone for good until it comes back. */
const GONE_AFTER_MS = 7 * DAY_MS
/** Observations lose half their weight in this time: a community changes its habits slowly. */
const HALF_LIFE_MS = 90 * DAY_MS
/** Before anything is known: one departure in so many days of one member, … */
const PRIOR_DAYS = 180
/** … which weighs as much as so many seen departures. */
const PRIOR_DEPARTURES = 0.5
/** A longer gap means that we were away ourselves and saw nothing. */
const STEP_MS_MAX = 10 * 60_000
/** The last week's, today, and some for a clock that was set. */
const OPEN_DAYS_MAX = 12
/** Written down no more often than this; a crash loses minutes out of months. */
const SAVE_EVERY_MS = 10 * 60_000

const MIGRATIONS = [
  `CREATE TABLE turnover (number INTEGER PRIMARY KEY, watched_ms REAL NOT NULL, departures REAL NOT NULL) STRICT;
   CREATE TABLE turnover_member (peer TEXT PRIMARY KEY, gone INTEGER NOT NULL) WITHOUT ROWID, STRICT`,
  'CREATE TABLE turnover_day (day INTEGER PRIMARY KEY, watched_ms REAL NOT NULL, departures REAL NOT NULL) STRICT',
]

/** What was seen in a while: for how long members were there, added up, and how many of them left. */
interface Watch {
  watchedMs: number
  departures: number
}

/**
 * How often members leave for good, as this node saw it; kept across restarts. Who left in the last week is not known
 * yet, so what was seen in it does not count yet either: else the rate would always come out too low.
 */
export class Turnover {
  readonly #index: IndexDatabase
  readonly #gone = new Map<PeerId, boolean>()
  /** For how long members that are away have been so: they were there if they return. */
  readonly #awayMs = new Map<PeerId, number>()
  /** Days of which it is not known yet who left in them. */
  readonly #days = new Map<number, Watch>()
  readonly #known: Watch
  #unsavedMs = 0

  constructor(parts: { index: IndexDatabase }) {
    this.#index = parts.index
    this.#index.migrate('turnover', MIGRATIONS)
    const row = this.#index.get<WatchRow>('SELECT * FROM turnover')
    this.#known = { watchedMs: row?.watched_ms ?? 0, departures: row?.departures ?? 0 }
    for (const { day, ...watch } of this.#index.all<WatchRow & { day: number }>('SELECT * FROM turnover_day'))
      this.#days.set(day, { watchedMs: watch.watched_ms, departures: watch.departures })
    for (const { peer, gone } of this.#index.all<{ peer: string; gone: number }>(
      'SELECT peer, gone FROM turnover_member',
    ))
      this.#gone.set(peer as PeerId, gone === 1)
  }

  /** Departures per member and day. */
  get leavesPerDay(): number {
    const { watchedMs, departures } = this.#known
    return (departures + PRIOR_DEPARTURES) / (watchedMs / DAY_MS + PRIOR_DEPARTURES * PRIOR_DAYS)
  }

  /** Notes who is there after `stepMs` more. @param now on the scale of `lastSeenAt`. */
  observe(members: readonly MemberView[], now: number, stepMs: number): void {
    const step = Math.min(stepMs, STEP_MS_MAX)
    const fade = 2 ** (-step / HALF_LIFE_MS)
    this.#known.watchedMs *= fade
    this.#known.departures *= fade
    this.#close(now)
    const present = new Map(members.map((member) => [member.peer, member]))
    const today = this.#dayAt(now)
    let changed = false
    for (const [peer, wasGone] of this.#gone) {
      const member = present.get(peer)
      const isGone =
        member === undefined ||
        member.leaving === true ||
        (!member.online && now - member.lastSeenAt > GONE_AFTER_MS)
      if (!isGone) {
        const wasThereMs = wasGone ? 0 : step + (this.#awayMs.get(peer) ?? 0)
        if (member.online) today.watchedMs += wasThereMs
        if (member.online || wasGone) this.#awayMs.delete(peer)
        else this.#awayMs.set(peer, wasThereMs)
      }
      if (isGone === wasGone) continue
      changed = true
      this.#awayMs.delete(peer)
      this.#gone.set(peer, isGone)
      if (isGone) this.#dayAt(member?.online === false ? member.lastSeenAt : now).departures++
      else this.#takeBack()
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
    const { watchedMs, departures } = this.#known
    this.#index.transaction(() => {
      this.#index.run('INSERT OR REPLACE INTO turnover VALUES (1, ?, ?)', watchedMs, departures)
      this.#index.run('DELETE FROM turnover_day')
      for (const [day, watch] of this.#days)
        this.#index.run('INSERT INTO turnover_day VALUES (?, ?, ?)', day, watch.watchedMs, watch.departures)
      for (const [peer, gone] of this.#gone)
        this.#index.run(
          'INSERT OR REPLACE INTO turnover_member (peer, gone) VALUES (?, ?)',
          peer,
          gone ? 1 : 0,
        )
    })
  }

  /** What is seen on a day, while who left on it is not known yet; else what is known already. */
  #dayAt(time: number): Watch {
    const day = Math.floor(time / DAY_MS)
    const watch = this.#days.get(day)
    if (watch !== undefined) return watch
    if (this.#days.size >= OPEN_DAYS_MAX) return this.#known
    const begun = { watchedMs: 0, departures: 0 }
    this.#days.set(day, begun)
    return begun
  }

  /** Somebody who had left is back. */
  #takeBack(): void {
    const seen = [this.#known, ...this.#days.values()].find(({ departures }) => departures >= 1)
    const watch = seen ?? this.#known
    watch.departures = Math.max(watch.departures - 1, 0)
  }

  /** Days after which everybody who left on them has been found out count from now on. */
  #close(now: number): void {
    const firstOpen = Math.floor((now - GONE_AFTER_MS) / DAY_MS)
    for (const [day, { watchedMs, departures }] of this.#days) {
      if (day >= firstOpen) continue
      this.#days.delete(day)
      this.#known.watchedMs += watchedMs
      this.#known.departures += departures
    }
  }
}

interface WatchRow {
  watched_ms: number
  departures: number
}
