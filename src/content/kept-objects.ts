import type { Clock } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { Pins } from '../storage/pins.ts'
import type { DurabilityPolicy } from './content.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { Holdings } from './holdings.ts'

/** Why an object's chunks are kept here: we want it, or the space placed them with us. */
export const KEEPERS = ['self', 'space'] as const
export type Keeper = (typeof KEEPERS)[number]

/** Objects the user let go of are not taken from the space again for this long. */
const DECLINE_MS = 7 * 24 * 3_600_000

/** Chunks that arrive one by one from many peers are written down together, up to this many at once. */
const WISHES_AT_ONCE_MAX = 256

const MIGRATIONS = [
  `CREATE TABLE kept_object (
     root BLOB PRIMARY KEY, publisher TEXT NOT NULL, copies INTEGER NOT NULL, k INTEGER NOT NULL,
     m INTEGER NOT NULL, size_bytes INTEGER NOT NULL, added_at INTEGER NOT NULL
   ) WITHOUT ROWID, STRICT;
   CREATE TABLE declined_object (root BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID, STRICT`,
  'ALTER TABLE kept_object ADD COLUMN guessed INTEGER NOT NULL DEFAULT 0',
]

interface Row {
  root: Uint8Array
  publisher: string
  copies: number
  k: number
  m: number
  size_bytes: number
  added_at: number
}

/** An object of which something is kept here. */
export interface KeptObject extends ObjectFacts {
  /** `clock.now()` when it came. */
  addedAt: number
}

/** What remembering what is kept needs. */
export interface KeptObjectsParts {
  index: IndexDatabase
  pins: Pins
  holdings: Holdings
  clock: Clock
  /** Says on the DHT what is kept here. */
  announce: (root: ContentId, ids: readonly ContentId[]) => void
}

/** How something is kept. */
export interface KeepOptions {
  expiresAt?: number
  /** Nobody told us the policy and the publisher: the facts are a guess until somebody does. @default false */
  guessed?: boolean
}

interface KeepWish {
  facts: ObjectFacts
  keeper: Keeper
  ids: readonly ContentId[]
  options: KeepOptions
}

/**
 * What is kept here and why, durable: the facts of each object (policy, publisher), the pins on its chunks, and,
 * in step with them, our set of kept keys. Whoever holds one chunk knows enough to repair the object.
 */
export class KeptObjects {
  readonly #parts: KeptObjectsParts
  readonly #commits: GroupCommit<KeepWish>
  /** Pins with an end, when last looked. */
  #expiring = 0
  /** Chunks that we are about to let go of: still here, counted no more. */
  readonly #yielding = new Set<ContentId>()

  constructor(parts: KeptObjectsParts) {
    this.#parts = parts
    parts.index.migrate('kept-objects', MIGRATIONS)
    this.#commits = new GroupCommit(
      async (wishes) =>
        parts.index.transaction(() => {
          for (const wish of wishes) this.#write(wish)
        }),
      { itemsMax: WISHES_AT_ONCE_MAX },
    )
  }

  /** Loads our set of kept keys from the pins. */
  load(): void {
    this.#parts.holdings.noteOwn(this.#parts.pins.chunkIds())
    this.followExpiry()
  }

  /**
   * Keeps these chunks, which are stored already, for an object; may be called again and adds. Durable when it
   * resolves; calls at the same time share a transaction.
   */
  async keep(
    facts: ObjectFacts,
    keeper: Keeper,
    ids: readonly ContentId[],
    options: KeepOptions = {},
  ): Promise<void> {
    await this.#commits.add({ facts, keeper, ids, options })
    // It may have been let go of meanwhile.
    this.#parts.holdings.noteOwn(ids.filter((id) => this.isPromised(id)))
    this.#parts.announce(facts.root, ids)
  }

  #write({ facts, keeper, ids, options }: KeepWish): void {
    const { index, pins, clock } = this.#parts
    const { policy } = facts
    index.run(
      `INSERT INTO kept_object (root, publisher, copies, k, m, size_bytes, added_at, guessed)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (root) DO UPDATE SET publisher = excluded.publisher,
         copies = excluded.copies, k = excluded.k, m = excluded.m, size_bytes = excluded.size_bytes, guessed = 0
       WHERE guessed = 1 AND excluded.guessed = 0`,
      digestOf(facts.root),
      facts.publisher,
      policy.kind === 'replica' ? policy.copies : 0,
      policy.kind === 'rs' ? policy.k : 0,
      policy.kind === 'rs' ? policy.m : 0,
      facts.sizeBytes,
      clock.now(),
      options.guessed === true ? 1 : 0,
    )
    if (keeper === 'self') index.run('DELETE FROM declined_object WHERE root = ?', digestOf(facts.root))
    pins.add({ root: facts.root, owner: keeper, expiresAt: options.expiresAt }, ids)
  }

  /**
   * Lets our set of kept keys follow pins that have ended; to be called now and then. Looks at every key, but
   * only when a pin has ended since the last time.
   */
  followExpiry(): void {
    const { pins, holdings } = this.#parts
    const expiring = pins.list().filter(({ expiresAt }) => expiresAt !== undefined).length
    const someEnded = expiring < this.#expiring
    this.#expiring = expiring
    if (!someEnded) return
    holdings.forgetOwn([...holdings.ownIds()].filter((id) => !pins.has(id)))
    const pinned = new Set(pins.list().map(({ root }) => root))
    for (const { root } of this.list()) {
      if (pinned.has(root)) continue
      this.#parts.index.run('DELETE FROM kept_object WHERE root = ?', digestOf(root))
    }
  }

  /** Lets go of what a keeper keeps; the chunks themselves go with the garbage. False when there was nothing. */
  release(root: ContentId, keeper: Keeper): boolean {
    const ids = this.#parts.pins.chunkIdsOf({ root, owner: keeper })
    const removed = this.#parts.index.transaction(() => {
      const had = this.#parts.pins.remove(root, keeper)
      const left = KEEPERS.some((other) => this.#parts.pins.chunkIdsOf({ root, owner: other }).length > 0)
      if (!left) this.#parts.index.run('DELETE FROM kept_object WHERE root = ?', digestOf(root))
      return had
    })
    this.#parts.holdings.forgetOwn(ids.filter((id) => !this.#parts.pins.has(id)))
    return removed
  }

  /** From now on one copy of it is enough: what is no longer shared is kept by whoever wants it, and brought to nobody. */
  keepAlone(root: ContentId): void {
    this.#parts.index.run('UPDATE kept_object SET copies = 1, k = 0, m = 0 WHERE root = ?', digestOf(root))
  }

  /** Which of these chunks the space, and nobody of this machine, keeps here for the object. */
  onlyForSpace(root: ContentId, ids: readonly ContentId[]): ContentId[] {
    const ours = new Set(this.#parts.pins.chunkIdsOf({ root, owner: 'self' }))
    if (ours.size > 0) return []
    const placed = new Set(this.#parts.pins.chunkIdsOf({ root, owner: 'space' }))
    return ids.filter((id) => placed.has(id))
  }

  /**
   * Lets go of chunks that the space has enough of. From the call on they are said to be kept no more, so that two
   * members who do the same each see the other; they stay when `mayGo` then says no.
   * @returns whether they went.
   */
  async yieldChunks(
    root: ContentId,
    ids: readonly ContentId[],
    mayGo: () => Promise<boolean>,
  ): Promise<boolean> {
    const { pins, holdings, index } = this.#parts
    for (const id of ids) this.#yielding.add(id)
    holdings.forgetOwn(ids)
    let goes = false
    try {
      goes = await mayGo()
      if (goes) {
        index.transaction(() => {
          pins.removeChunks({ root, owner: 'space' }, ids)
          if (pins.chunkIdsOf({ root, owner: 'space' }).length > 0 || this.isOurs(root)) return
          pins.remove(root, 'space')
          index.run('DELETE FROM kept_object WHERE root = ?', digestOf(root))
        })
      }
    } finally {
      for (const id of ids) this.#yielding.delete(id)
      // What went may be kept for another object, and what stays counts again.
      holdings.noteOwn(ids.filter((id) => pins.has(id)))
    }
    return goes
  }

  /** Whether our copy counts: kept, and not about to go. */
  isPromised(id: ContentId): boolean {
    return !this.#yielding.has(id) && this.isKept(id)
  }

  /** The user does not want it: for a while the space may not place it here either. */
  decline(root: ContentId): void {
    this.#parts.index.run(
      'INSERT OR REPLACE INTO declined_object (root, until) VALUES (?, ?)',
      digestOf(root),
      this.#parts.clock.now() + DECLINE_MS,
    )
  }

  isDeclined(root: ContentId): boolean {
    const row = this.#parts.index.get<{ until: number }>(
      'SELECT until FROM declined_object WHERE root = ?',
      digestOf(root),
    )
    return row !== undefined && row.until > this.#parts.clock.now()
  }

  get(root: ContentId): KeptObject | undefined {
    const row = this.#parts.index.get<Row>('SELECT * FROM kept_object WHERE root = ?', digestOf(root))
    return row === undefined ? undefined : fromRow(row)
  }

  /** Every object, oldest first. */
  list(): KeptObject[] {
    return this.#parts.index.all<Row>('SELECT * FROM kept_object ORDER BY added_at, root').map(fromRow)
  }

  /** Whether we, rather than the space, keep it. */
  isOurs(root: ContentId): boolean {
    return this.#parts.pins.chunkIdsOf({ root, owner: 'self' }).length > 0
  }

  /** Every object that we keep ourselves, oldest first, with the end of our pin, if any. */
  listOurs(): (KeptObject & { expiresAt: number | undefined })[] {
    const ends = new Map(this.#parts.pins.list({ owner: 'self' }).map((pin) => [pin.root, pin.expiresAt]))
    return this.list().flatMap((object) =>
      ends.has(object.root) ? [{ ...object, expiresAt: ends.get(object.root) }] : [],
    )
  }

  isKept(id: ContentId): boolean {
    return this.#parts.pins.has(id)
  }

  /** Objects that keep this chunk here. */
  rootsOf(id: ContentId): ContentId[] {
    return this.#parts.pins.rootsOf(id)
  }
}

function fromRow(row: Row): KeptObject {
  const policy: DurabilityPolicy =
    row.copies > 0 ? { kind: 'replica', copies: row.copies } : { kind: 'rs', k: row.k, m: row.m }
  return {
    root: contentIdFromDigest(row.root),
    publisher: row.publisher as PeerId,
    policy,
    sizeBytes: row.size_bytes,
    addedAt: row.added_at,
  }
}
