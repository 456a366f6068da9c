import type { Clock } from '../core/clock.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Random } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { FILE_KIND, moveFileFacts, putFileRecord, readFileRecord } from './file-record.ts'
import type { Welcome } from './join-client.ts'
import { SPACE_KEY_BYTES } from './join-protocol.ts'
import { MemberRoster } from './member-roster.ts'
import type { Admission } from './membership.ts'
import type { SignedRecord, SpaceId } from './record.ts'
import { dateNow } from './record-codec.ts'
import type { RecordSets } from './record-sets.ts'
import { foundSpace, readFounding, SPACE_NONCE_BYTES } from './space.ts'
import { SpaceKeyring } from './space-keyring.ts'
import { type SpaceState, SpaceStateStore } from './space-state.ts'

/** What a residence is made of. */
export interface SpaceResidenceParts {
  key: SigningKey
  index: IndexDatabase
  records: RecordSets
  clock: Clock
  random: Random
}

/** Which space the node lives in: founds one at the first start, moves to another, and survives a crash in the middle of it. */
export class SpaceResidence {
  readonly #parts: SpaceResidenceParts
  readonly #store: SpaceStateStore
  #state: SpaceState
  #roster: MemberRoster
  readonly #keyring: SpaceKeyring

  constructor(
    parts: SpaceResidenceParts,
    options: { label: string; spaceName: string; admission: Admission },
  ) {
    this.#parts = parts
    this.#store = new SpaceStateStore(parts.index)
    this.#state = this.#store.load() ?? this.#found(options)
    this.#roster = new MemberRoster(parts.records, this.#state.founding)
    const { founding, spaceKey } = this.#state
    this.#keyring = new SpaceKeyring(parts, { space: founding.space, spaceKey })
  }

  get state(): SpaceState {
    return this.#state
  }

  /** Who is a member of the space we live in. */
  get roster(): MemberRoster {
    return this.#roster
  }

  /** The keys of the space we live in. */
  get keyring(): SpaceKeyring {
    return this.#keyring
  }

  /** Moves into a space that has let us in. */
  async enter(welcome: Welcome): Promise<void> {
    const { founding, foundingRecord, spaceKey, keys, records } = welcome
    const left = { space: this.#state.founding.space, spaceKey: this.#state.spaceKey }
    this.#state = { founding, foundingRecord, spaceKey, entering: { welcome: records, left } }
    this.#keyring.learn(founding.space, [...keys, spaceKey])
    // From here on a crash is harmless: the next start goes on with `settle`.
    this.#store.save(this.#state)
    await this.settle()
  }

  /** Makes the records those of our space, and finishes a move: what we shared in the space left is shared in the new one. */
  async settle(): Promise<void> {
    const { records, key, random } = this.#parts
    const { founding, foundingRecord, entering, spaceKey } = this.#state
    const left = entering?.left
    const carried = left === undefined ? [] : this.#ownFilesIn(left.space)
    this.#roster = new MemberRoster(records, founding)
    records.enterSpace(founding.space)
    this.#keyring.enter({ space: founding.space, spaceKey })
    for (const bytes of [foundingRecord.bytes, ...(entering?.welcome ?? [])]) await this.#accept(bytes)
    for (const record of carried) {
      const facts = moveFileFacts(readFileRecord(record), {
        from: left === undefined ? [spaceKey] : [left.spaceKey, ...this.#keyring.keysOf(left.space)],
        to: spaceKey,
        random,
      })
      await putFileRecord(records, key.peerId, facts)
    }
    if (entering === undefined) return
    this.#state = { ...this.#state, entering: undefined }
    this.#store.save(this.#state)
    if (left === undefined) return
    records.forgetSpace(left.space)
    this.#keyring.forget(left.space)
  }

  /** A certificate may come before that of its author, and then waits inside the sets. */
  async #accept(bytes: Uint8Array): Promise<void> {
    try {
      await this.#parts.records.accept(bytes)
    } catch (error) {
      if (!isKizunaError(error, 'UNKNOWN_AUTHOR')) throw error
    }
  }

  #ownFilesIn(space: SpaceId): SignedRecord[] {
    const { records, key } = this.#parts
    records.enterSpace(space)
    return records.list(FILE_KIND, { author: key.peerId })
  }

  #found(options: { label: string; spaceName: string; admission: Admission }): SpaceState {
    const { key, clock, random } = this.#parts
    const { spaceName: name, label, admission } = options
    const nonce = random.bytes(SPACE_NONCE_BYTES)
    const foundingRecord = foundSpace(key, { name, label, admission, nonce, now: dateNow(clock) })
    const state: SpaceState = {
      founding: readFounding(foundingRecord),
      foundingRecord,
      spaceKey: random.bytes(SPACE_KEY_BYTES),
      entering: { welcome: [], left: undefined },
    }
    this.#store.save(state)
    return state
  }
}
