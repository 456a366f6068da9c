import { decodeCanonical, encodeCanonical } from '../core/encoding.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { SignedRecord, SpaceId } from './record.ts'
import { decodeRecord } from './record-codec.ts'
import { type Founding, readFounding } from './space.ts'

const STEPS = [
  `CREATE TABLE space (
     slot INTEGER PRIMARY KEY CHECK (slot = 1),
     founding BLOB NOT NULL, space_key BLOB NOT NULL, welcome BLOB,
     left_space TEXT, left_key BLOB
   ) STRICT;`,
]

interface Row {
  founding: Uint8Array
  spaceKey: Uint8Array
  welcome: Uint8Array | null
  leftSpace: string | null
  leftKey: Uint8Array | null
}

/** The space this node is in. */
export interface SpaceState {
  founding: Founding
  foundingRecord: SignedRecord
  /** 32 bytes, secret to members. */
  spaceKey: Uint8Array
  /** The move into this space that is not finished: records to take over, and the space that was left. */
  entering: { welcome: Uint8Array[]; left: { space: SpaceId; spaceKey: Uint8Array } | undefined } | undefined
}

/** Where the node remembers its space; a move is written in one step and finished after a crash. */
export class SpaceStateStore {
  readonly #index: IndexDatabase

  constructor(index: IndexDatabase) {
    this.#index = index
    index.migrate('space', STEPS)
  }

  load(): SpaceState | undefined {
    const row = this.#index.get<Row>(
      'SELECT founding, space_key AS spaceKey, welcome, left_space AS leftSpace, left_key AS leftKey FROM space WHERE slot = 1',
    )
    if (row === undefined) return undefined
    const foundingRecord = decodeRecord(row.founding)
    const left =
      row.leftSpace === null || row.leftKey === null
        ? undefined
        : { space: row.leftSpace as SpaceId, spaceKey: row.leftKey }
    return {
      founding: readFounding(foundingRecord),
      foundingRecord,
      spaceKey: row.spaceKey,
      entering:
        row.welcome === null ? undefined : { welcome: decodeCanonical(row.welcome) as Uint8Array[], left },
    }
  }

  save(state: SpaceState): void {
    this.#index.run(
      'INSERT OR REPLACE INTO space (slot, founding, space_key, welcome, left_space, left_key) VALUES (1, ?, ?, ?, ?, ?)',
      state.foundingRecord.bytes,
      state.spaceKey,
      state.entering === undefined ? null : encodeCanonical(state.entering.welcome),
      state.entering?.left?.space ?? null,
      state.entering?.left?.spaceKey ?? null,
    )
  }
}
