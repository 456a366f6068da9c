import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { SpaceKeyPendingError } from './errors.ts'
import { SPACE_KEY_BYTES } from './join-protocol.ts'
import type { MemberChain } from './member-chain.ts'
import type { SpaceId } from './record.ts'
import type { RecordSets } from './record-sets.ts'
import { LASTING_MS } from './space.ts'
import {
  type KeyEpoch,
  openEpoch,
  reachesPeer,
  readEpochs,
  SPACE_KEY_KIND,
  sealSpaceKey,
  spaceKeyId,
} from './space-key-record.ts'

const STEPS = [
  `CREATE TABLE space_key (
     space TEXT NOT NULL, id TEXT NOT NULL, key BLOB NOT NULL, PRIMARY KEY (space, id)
   ) STRICT;`,
]
/** Keys of one space; every removal of a member makes one. */
export const SPACE_KEYS_MAX = 1_024

/** What a keyring is made of. */
export interface SpaceKeyringParts {
  key: SigningKey
  index: IndexDatabase
  records: Pick<RecordSets, 'list' | 'put'>
  random: Random
}

/** How it stands with the keys of the space. */
export interface KeyStanding {
  /** The one to seal new things with; undefined while it is not here. */
  current: Uint8Array | undefined
  /** Somebody removed may know every key there is: a new one has to be made. */
  isStale: boolean
  /** Ids of keys that the space has and we do not. */
  missing: readonly string[]
}

/**
 * The keys of a space. There is one from the founding on; whenever a member is removed, the founder or an admin makes
 * another and seals it to those who remain. The older ones stay, because what was shared under them stays readable.
 */
export class SpaceKeyring {
  readonly #parts: SpaceKeyringParts
  #space: SpaceId
  /** The key we were given when we came into the space, or made when we founded it. */
  #given: Uint8Array
  #held: Map<string, Uint8Array>
  #epochs: readonly KeyEpoch[] | undefined
  /** What was last worked out, for the chain it was worked out from. */
  #known: { chain: MemberChain; standing: KeyStanding } | undefined

  constructor(parts: SpaceKeyringParts, home: { space: SpaceId; spaceKey: Uint8Array }) {
    this.#parts = parts
    parts.index.migrate('space keys', STEPS)
    this.#space = home.space
    this.#given = home.spaceKey
    this.#held = this.#load()
    this.learn(home.space, [home.spaceKey])
  }

  /** Goes over to another space, whose keys were learnt before. */
  enter(home: { space: SpaceId; spaceKey: Uint8Array }): void {
    this.#space = home.space
    this.#given = home.spaceKey
    this.invalidate()
    this.#held = this.#load()
  }

  /** Keeps keys of a space, durably. */
  learn(space: SpaceId, keys: readonly Uint8Array[]): void {
    for (const key of keys) {
      this.#parts.index.run(
        'INSERT OR IGNORE INTO space_key (space, id, key) VALUES (?, ?, ?)',
        space,
        spaceKeyId(key),
        key,
      )
    }
    if (space !== this.#space) return
    this.#held = this.#load()
    this.#known = undefined
  }

  /** Drops the keys of a space that was left. */
  forget(space: SpaceId): void {
    if (space !== this.#space) this.#parts.index.run('DELETE FROM space_key WHERE space = ?', space)
  }

  /** Key records came or went. */
  invalidate(): void {
    this.#epochs = undefined
    this.#known = undefined
  }

  /** Every key of this space that is here, those most likely needed first. */
  keys(chain: MemberChain): Uint8Array[] {
    const ordered = this.#counting(chain).flatMap(({ keyId }) => this.#held.get(keyId) ?? [])
    return [...new Set([...ordered, this.#given, ...this.#held.values()])]
  }

  /** Keys of any space, for what was sealed in one that we leave. */
  keysOf(space: SpaceId): Uint8Array[] {
    return this.#parts.index
      .all<{ key: Uint8Array }>('SELECT key FROM space_key WHERE space = ?', space)
      .map(({ key }) => key)
  }

  /** @throws SpaceKeyPendingError while somebody removed may know every key that is here. */
  current(chain: MemberChain): Uint8Array {
    const { current } = this.standing(chain)
    if (current === undefined) throw new SpaceKeyPendingError()
    return current
  }

  /** The key to give to newcomers: the current one, or the newest that is here. */
  best(chain: MemberChain): Uint8Array {
    return this.standing(chain).current ?? this.keys(chain)[0] ?? this.#given
  }

  standing(chain: MemberChain): KeyStanding {
    if (this.#known?.chain !== chain) this.#known = { chain, standing: this.#standingOf(chain) }
    return this.#known.standing
  }

  #standingOf(chain: MemberChain): KeyStanding {
    const epochs = this.#counting(chain)
    const missing = epochs.filter(({ keyId }) => !this.#held.has(keyId)).map(({ keyId }) => keyId)
    if (chain.removed.size === 0 && epochs.length === 0)
      return { current: this.#given, isStale: false, missing }
    const safe = epochs.find((epoch) => isSafe(epoch, chain))
    return {
      current: safe === undefined ? undefined : this.#held.get(safe.keyId),
      isStale: safe === undefined,
      missing,
    }
  }

  /** Opens what was sealed to us. Returns whether a key is new here. */
  adopt(chain: MemberChain): boolean {
    const fresh = this.#counting(chain).flatMap((epoch) =>
      this.#held.has(epoch.keyId) ? [] : (openEpoch(epoch, this.#parts.key) ?? []),
    )
    if (fresh.length > 0) this.learn(this.#space, fresh)
    return fresh.length > 0
  }

  /** Takes keys that another member handed over; only those that the space's records name. */
  take(chain: MemberChain, keys: readonly Uint8Array[]): boolean {
    const missing = new Set(this.standing(chain).missing)
    const wanted = keys.filter((key) => missing.has(spaceKeyId(key)))
    if (wanted.length > 0) this.learn(this.#space, wanted)
    return wanted.length > 0
  }

  /** Makes a new key and seals it to those who are members now. */
  async renew(chain: MemberChain): Promise<void> {
    const { records, random } = this.#parts
    const spaceKey = random.bytes(SPACE_KEY_BYTES)
    const after = Math.max(this.newestAt(chain), ...chain.removed.values())
    // Kept before it is told, so that nobody has a key that its maker lost in a crash.
    this.learn(this.#space, [spaceKey])
    for (const { key, body } of sealSpaceKey(spaceKey, [...chain.members.keys()], random)) {
      await records.put(SPACE_KEY_KIND, key, body, { lifetimeMs: LASTING_MS, after })
    }
    this.invalidate()
  }

  /** When the newest key was made (ms since 1970); 0 when there is only the first. */
  newestAt(chain: MemberChain): number {
    return this.#counting(chain)[0]?.createdAt ?? 0
  }

  /** Epochs by those who had a say when they made them, newest first. */
  #counting(chain: MemberChain): KeyEpoch[] {
    this.#epochs ??= readEpochs(this.#parts.records.list(SPACE_KEY_KIND))
    return this.#epochs.filter(({ author, createdAt }) => chain.hasAuthority(author, createdAt))
  }

  #load(): Map<string, Uint8Array> {
    const rows = this.#parts.index.all<{ id: string; key: Uint8Array }>(
      'SELECT id, key FROM space_key WHERE space = ? ORDER BY rowid DESC LIMIT ?',
      this.#space,
      SPACE_KEYS_MAX,
    )
    return new Map(rows.map(({ id, key }) => [id, key]))
  }
}

/** Nobody who was removed can have this key: it is younger than every removal, and was sealed to none of them. */
function isSafe(epoch: KeyEpoch, { removed }: MemberChain): boolean {
  return [...removed].every(
    ([peer, since]: [PeerId, number]) => epoch.createdAt > since && !reachesPeer(epoch, peer),
  )
}
