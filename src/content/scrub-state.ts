import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

const MIGRATIONS = [
  `CREATE TABLE scrub_state (
     one INTEGER PRIMARY KEY CHECK (one = 1), position BLOB, cycle_started_at INTEGER, checked INTEGER NOT NULL,
     checked_bytes INTEGER NOT NULL, found INTEGER NOT NULL, healed INTEGER NOT NULL, finished_at INTEGER,
     finished_cycle_ms INTEGER
   ) STRICT`,
]

/** How far scrubbing has come; times are `clock.now()`. */
export interface ScrubState {
  /** The last chunk read in this cycle; undefined at its beginning. */
  position: ContentId | undefined
  cycleStartedAt: number | undefined
  /** Chunks and bytes read in this cycle. */
  checked: number
  checkedBytes: number
  /** Damaged chunks found, and those that are whole again, since the node's first start. */
  found: number
  healed: number
  /** When the last whole cycle ended, and how long it took. */
  finishedAt: number | undefined
  finishedCycleMs: number | undefined
}

interface Row {
  position: Uint8Array | null
  cycle_started_at: number | null
  checked: number
  checked_bytes: number
  found: number
  healed: number
  finished_at: number | null
  finished_cycle_ms: number | null
}

/** Where scrubbing goes on after a restart; all zero at the first start. */
export function loadScrubState(index: IndexDatabase): ScrubState {
  index.migrate('scrub', MIGRATIONS)
  const row = index.get<Row>('SELECT * FROM scrub_state')
  const position = row?.position ?? undefined
  return {
    position: position === undefined ? undefined : contentIdFromDigest(position),
    cycleStartedAt: row?.cycle_started_at ?? undefined,
    checked: row?.checked ?? 0,
    checkedBytes: row?.checked_bytes ?? 0,
    found: row?.found ?? 0,
    healed: row?.healed ?? 0,
    finishedAt: row?.finished_at ?? undefined,
    finishedCycleMs: row?.finished_cycle_ms ?? undefined,
  }
}

/** A crash loses what was read since the last call: those chunks are read twice. */
export function saveScrubState(index: IndexDatabase, state: ScrubState): void {
  index.run(
    `INSERT OR REPLACE INTO scrub_state (one, position, cycle_started_at, checked, checked_bytes, found, healed,
       finished_at, finished_cycle_ms) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)`,
    state.position === undefined ? null : digestOf(state.position),
    state.cycleStartedAt ?? null,
    state.checked,
    state.checkedBytes,
    state.found,
    state.healed,
    state.finishedAt ?? null,
    state.finishedCycleMs ?? null,
  )
}
