import type { CborValue } from '../core/encoding.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { SignedRecord, SpaceId } from './record.ts'
import type { RecordQuery } from './record-table.ts'

export type RecordListener = (record: SignedRecord, origin: 'own' | 'peer') => void

/** The rules of one kind of record. */
export interface RecordKind {
  name: string
  /**
   * Longest life from `createdAt`; later expiries are refused. Kinds that live ten minutes or less
   * are kept in memory only, because they are frequent and stale after a restart.
   */
  lifetimeMsMax: number
  /** Which records replace each other: the newest of each author and key, or the newest of each key. */
  newestWins: 'per author and key' | 'per key'
  /** Most records one author may have alive; beyond it the oldest go, on every member alike. */
  perAuthorMax: number
  /**
   * Whether this author may say this; called with every record, our own too. The answer must depend on the record
   * and the space alone, never on other records, so that every member decides alike; that the author is
   * (or was then) a member is checked by the sets themselves.
   * @returns a reason to refuse, or undefined.
   */
  refuse(record: SignedRecord): string | undefined
}

/** Whether `peer` is a member; with `at` (ms since 1970), whether it was one when it said something then. */
export type MembershipTest = (peer: PeerId, at?: number) => boolean

/** How gossip is kept from those who are not members: its topics are open to whoever knows their names. */
export interface SpreadSeal {
  /** What to spread of a record; undefined leaves it to reconciliation. */
  seal(record: SignedRecord): Uint8Array | undefined
  /** The record's bytes, or undefined when it cannot be opened. */
  open(message: Uint8Array): Uint8Array | undefined
}

/** How a record of ours is dated. */
export interface PutOptions {
  lifetimeMs: number
  /** The record is dated later than this (ms since 1970), even when our clock is behind. */
  after?: number
}

/** What a synchronisation did. */
export interface SyncResult {
  /** Peers that answered to the end. */
  peers: number
  /** Records that were new to them. */
  sent: number
  /** Records that were new to us. */
  received: number
}

/** All small shared state of a space: signed records in a replicated set. */
export interface RecordSets {
  /** Undefined until the first `enterSpace`. */
  readonly space: SpaceId | undefined
  /** Goes over to the records of another space; those of the one left stay on disk until `forgetSpace`. */
  enterSpace(space: SpaceId): void
  /** Drops what is stored of a space that is not the current one. */
  forgetSpace(space: SpaceId): void
  /** Who decides whether a peer is a member now, or (with `at`) was one when it said something then. */
  judgeMembersBy(isMember: MembershipTest): void
  /** Until then what is spread is readable to whoever listens. */
  sealSpreadBy(seal: SpreadSeal): void
  /** Who is a member has changed: looks again at records that waited for it and, when somebody left, drops what that forbids. */
  reconsider(change: { membersLost: boolean }): void
  /** Before `start`; a record of an unknown kind is kept out. */
  defineKind(kind: RecordKind): void
  start(): Promise<void>
  stop(): Promise<void>
  /** Signs, stores durably, and sends on. */
  put(kind: string, key: string, body: CborValue, options: PutOptions): Promise<SignedRecord>
  /**
   * Takes a record from outside; one that is known or replaced already is fine.
   * @throws InvalidRecordError with the reason when it is refused, UnknownAuthorError when it waits for its author's certificate.
   */
  accept(bytes: Uint8Array): Promise<SignedRecord>
  /** The record alive that wins under the kind's rule. With `author`, only theirs. */
  newest(kind: string, key: string, author?: PeerId): SignedRecord | undefined
  /** Winning records of a kind, newest first. */
  list(kind: string, options?: Omit<RecordQuery, 'kind'>): SignedRecord[]
  count(kind: string): number
  /** Hears every record that is new here; returns how to stop. */
  onRecord(kind: string, listener: RecordListener): () => void
  /** Reconciles with these peers now (default: every connected member). */
  sync(options?: { peers?: PeerId[]; signal?: AbortSignal }): Promise<SyncResult>
}
