import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { InviteRefusal } from './errors.ts'
import type { InviteTerms } from './invite.ts'
import type { SpaceId } from './record.ts'

const STEPS = [
  `CREATE TABLE invite (
     id TEXT PRIMARY KEY, space TEXT NOT NULL, uses TEXT NOT NULL, expires_at INTEGER NOT NULL,
     revoked INTEGER NOT NULL DEFAULT 0, used_by TEXT, used_at INTEGER
   ) STRICT;`,
]
/** Invites of ours that have not expired. */
export const INVITES_MAX = 1_000

interface Row {
  expiresAt: number
  revoked: number
  usedBy: string | null
}

/** An invite of ours as it stands. */
export interface LedgerEntry {
  id: string
  uses: 'single' | 'many'
  /** Milliseconds since 1970. */
  expiresAt: number
  revoked: boolean
  /** Who came in with it, when it was for one use. */
  usedBy: PeerId | undefined
}

/** Our own invites and who used them; written durably before anybody is let in. */
export class InviteLedger {
  readonly #index: IndexDatabase

  constructor(index: IndexDatabase) {
    this.#index = index
    index.migrate('invites', STEPS)
  }

  /** Notes a new invite; false when there are too many already. */
  add(terms: InviteTerms, now: number): boolean {
    this.#index.run('DELETE FROM invite WHERE expires_at <= ?', now)
    const count = this.#index.get<{ count: number }>('SELECT count(*) AS count FROM invite')?.count ?? 0
    if (count >= INVITES_MAX) return false
    this.#index.run(
      'INSERT INTO invite (id, space, uses, expires_at) VALUES (?, ?, ?, ?)',
      terms.id,
      terms.space,
      terms.uses,
      terms.expiresAt,
    )
    return true
  }

  /** Invites of a space that have not expired, the soonest to expire first. */
  list(space: SpaceId, now: number): LedgerEntry[] {
    return this.#index
      .all<{
        id: string
        uses: 'single' | 'many'
        expiresAt: number
        revoked: number
        usedBy: PeerId | null
      }>(
        `SELECT id, uses, expires_at AS expiresAt, revoked, used_by AS usedBy FROM invite
         WHERE space = ? AND expires_at > ? ORDER BY expires_at, id`,
        space,
        now,
      )
      .map((row) => ({ ...row, revoked: row.revoked === 1, usedBy: row.usedBy ?? undefined }))
  }

  /** Marks an invite void; false when it is not ours or was void already. */
  revoke(id: string): boolean {
    return this.#index.run('UPDATE invite SET revoked = 1 WHERE id = ? AND revoked = 0', id).changes > 0
  }

  /**
   * Takes a single-use invite for one peer, durably and for ever: when this returns undefined, nobody else
   * can use it, whatever crashes afterwards. The same peer may come again, because it may never have heard our answer.
   * @returns why not, or undefined when it is taken.
   */
  takeFor(peer: PeerId, id: string, now: number): InviteRefusal | undefined {
    return this.#index.transaction(() => {
      const row = this.#index.get<Row>(
        'SELECT expires_at AS expiresAt, revoked, used_by AS usedBy FROM invite WHERE id = ?',
        id,
      )
      if (row === undefined) return 'unknown'
      if (row.revoked !== 0) return 'revoked'
      if (row.expiresAt <= now) return 'expired'
      if (row.usedBy !== null) return row.usedBy === peer ? undefined : 'used'
      this.#index.run('UPDATE invite SET used_by = ?, used_at = ? WHERE id = ?', peer, now, id)
      return undefined
    })
  }

  /** Whether we have revoked it. */
  isRevoked(id: string): boolean {
    return this.#index.get<Row>('SELECT revoked FROM invite WHERE id = ?', id)?.revoked === 1
  }
}
