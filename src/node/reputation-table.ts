import type { PeerId } from '../core/signing-key.ts'
import type { ReputationStore, StoredReputation } from '../network/reputation.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

const STEPS = [
  `CREATE TABLE peer_reputation (
    peer TEXT PRIMARY KEY,
    trust REAL NOT NULL,
    updated_at INTEGER NOT NULL,
    suspended_until INTEGER NOT NULL,
    suspensions INTEGER NOT NULL,
    banned INTEGER NOT NULL
  ) STRICT`,
]
/** As many as the reputation itself keeps in memory; the ones unheard of for longest go first. */
const ROWS_MAX = 10_000

interface Row {
  peer: string
  trust: number
  updated_at: number
  suspended_until: number
  suspensions: number
  banned: number
}

/** Keeps reputations in the index database. */
export function createReputationTable(index: IndexDatabase): ReputationStore {
  index.migrate('node-reputation', STEPS)
  return {
    load: () =>
      index.all<Row>('SELECT * FROM peer_reputation ORDER BY updated_at').map((row) => ({
        peer: row.peer as PeerId,
        trust: row.trust,
        updatedAt: row.updated_at,
        suspendedUntil: row.suspended_until,
        suspensions: row.suspensions,
        banned: row.banned === 1,
      })),
    save: (changed) => index.transaction(() => saveRows(index, changed)),
  }
}

function saveRows(index: IndexDatabase, changed: readonly StoredReputation[]): void {
  for (const each of changed) {
    index.run(
      `INSERT OR REPLACE INTO peer_reputation (peer, trust, updated_at, suspended_until, suspensions, banned)
       VALUES (?, ?, ?, ?, ?, ?)`,
      each.peer,
      each.trust,
      Math.trunc(each.updatedAt),
      Math.trunc(each.suspendedUntil),
      each.suspensions,
      each.banned ? 1 : 0,
    )
  }
  index.run(
    `DELETE FROM peer_reputation WHERE peer IN (
       SELECT peer FROM peer_reputation ORDER BY banned DESC, updated_at DESC LIMIT -1 OFFSET ?)`,
    ROWS_MAX,
  )
}
