import type { Clock } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import type { IndexDatabase } from './index-database.ts'

/** Longest owner name, in characters. */
const OWNER_LENGTH_MAX = 64
/** Ids read from the index at a time; bounds the memory of a listing. */
const PAGE_ROWS = 1_000

const STEPS = [
  `CREATE TABLE pin (
     number INTEGER PRIMARY KEY, root BLOB NOT NULL, owner TEXT NOT NULL, added_at INTEGER NOT NULL,
     expires_at INTEGER, UNIQUE (root, owner)
   ) STRICT;
   CREATE TABLE pinned_chunk (
     digest BLOB NOT NULL, pin INTEGER NOT NULL REFERENCES pin (number) ON DELETE CASCADE,
     PRIMARY KEY (digest, pin)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX pinned_chunk_by_pin ON pinned_chunk (pin, digest);`,
]

/** Somebody's wish that an object's chunks stay here. */
export interface Pin {
  root: ContentId
  /** Who wants it: a name of the caller's choice, such as `self`. */
  owner: string
  /** Milliseconds since 1970. */
  addedAt: number
  /** When it ends by itself; undefined for never. */
  expiresAt: number | undefined
}

/**
 * Which chunks must stay, for which object and whom. A chunk stays as long as any pin names it.
 * An expired pin counts for nothing from its moment on, whether or not it has been removed.
 */
export class Pins {
  readonly #index: IndexDatabase
  readonly #clock: Clock

  constructor(parts: { index: IndexDatabase; clock: Clock }) {
    this.#index = parts.index
    this.#clock = parts.clock
    this.#index.migrate('pins', STEPS)
  }

  /**
   * Pins chunks for an object, all or none. May be called again for the same root and owner: chunks are added,
   * and the newest `expiresAt` (or its absence) holds for all of them.
   * @throws InvalidInputError when the owner's name is empty or longer than 64 characters.
   */
  add(
    pin: { root: ContentId; owner: string; expiresAt?: number | undefined },
    chunkIds: Iterable<ContentId>,
  ): void {
    if (pin.owner === '' || pin.owner.length > OWNER_LENGTH_MAX) {
      throw new InvalidInputError({ what: 'The owner of a pin', reason: 'it has not 1 to 64 characters' })
    }
    this.#index.transaction(() => {
      const row = this.#index.get<{ number: number }>(
        `INSERT INTO pin (root, owner, added_at, expires_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (root, owner) DO UPDATE SET expires_at = excluded.expires_at RETURNING number`,
        digestOf(pin.root),
        pin.owner,
        this.#clock.now(),
        pin.expiresAt ?? null,
      ) as { number: number }
      for (const id of chunkIds) {
        this.#index.run(
          'INSERT OR IGNORE INTO pinned_chunk (digest, pin) VALUES (?, ?)',
          digestOf(id),
          row.number,
        )
      }
    })
  }

  /** Lets go of an object for one owner; false when it was not pinned. */
  remove(root: ContentId, owner: string): boolean {
    return this.#index.run('DELETE FROM pin WHERE root = ? AND owner = ?', digestOf(root), owner).changes > 0
  }

  /** Lets go of some chunks of an object for one owner; the pin itself stays. */
  removeChunks({ root, owner }: { root: ContentId; owner: string }, chunkIds: Iterable<ContentId>): void {
    this.#index.transaction(() => {
      for (const id of chunkIds) {
        this.#index.run(
          `DELETE FROM pinned_chunk WHERE digest = ?
           AND pin = (SELECT number FROM pin WHERE root = ? AND owner = ?)`,
          digestOf(id),
          digestOf(root),
          owner,
        )
      }
    })
  }

  /** Whether any pin that has not expired names the chunk. */
  has(chunkId: ContentId): boolean {
    const row = this.#index.get(
      `SELECT 1 FROM pinned_chunk JOIN pin ON number = pin
       WHERE digest = ? AND (expires_at IS NULL OR expires_at > ?) LIMIT 1`,
      digestOf(chunkId),
      this.#clock.now(),
    )
    return row !== undefined
  }

  /** The objects for which a chunk is pinned. */
  rootsOf(chunkId: ContentId): ContentId[] {
    return this.#index
      .all<{ root: Uint8Array }>(
        `SELECT DISTINCT root FROM pinned_chunk JOIN pin ON number = pin
         WHERE digest = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY number`,
        digestOf(chunkId),
        this.#clock.now(),
      )
      .map(({ root }) => contentIdFromDigest(root))
  }

  /** The chunks of one pin, also of an expired one that is not removed yet; empty when there is none. */
  chunkIdsOf({ root, owner }: { root: ContentId; owner: string }): ContentId[] {
    return this.#index
      .all<{ digest: Uint8Array }>(
        'SELECT digest FROM pin JOIN pinned_chunk ON number = pin WHERE root = ? AND owner = ?',
        digestOf(root),
        owner,
      )
      .map(({ digest }) => contentIdFromDigest(digest))
  }

  /** Every pinned chunk once; pins may come and go while it runs. */
  *chunkIds(): Generator<ContentId> {
    let last: Uint8Array = new Uint8Array(0)
    for (;;) {
      const rows = this.#index.all<{ digest: Uint8Array }>(
        `SELECT DISTINCT digest FROM pinned_chunk JOIN pin ON number = pin
         WHERE digest > ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY digest LIMIT ?`,
        last,
        this.#clock.now(),
        PAGE_ROWS,
      )
      const end = rows.at(-1)
      if (end === undefined) return
      last = end.digest
      for (const { digest } of rows) yield contentIdFromDigest(digest)
    }
  }

  /** Pins that have not expired, oldest first; of one owner or of all. */
  list({ owner }: { owner?: string } = {}): Pin[] {
    return this.#index
      .all<{ root: Uint8Array; owner: string; added_at: number; expires_at: number | null }>(
        `SELECT root, owner, added_at, expires_at FROM pin
         WHERE (?1 IS NULL OR owner = ?1) AND (expires_at IS NULL OR expires_at > ?2) ORDER BY number`,
        owner ?? null,
        this.#clock.now(),
      )
      .map((row) => ({
        root: contentIdFromDigest(row.root),
        owner: row.owner,
        addedAt: row.added_at,
        expiresAt: row.expires_at ?? undefined,
      }))
  }

  /** Forgets pins that have expired; returns how many. */
  removeExpired(): number {
    return this.#index.run('DELETE FROM pin WHERE expires_at <= ?', this.#clock.now()).changes
  }
}
