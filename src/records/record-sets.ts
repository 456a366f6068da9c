import type { CborValue } from '../core/encoding.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { SignedRecord, SpaceId } from './record.ts'

export type RecordListener = (record: SignedRecord, origin: 'own' | 'peer') => void

/** The rules of one kind of record. */
export interface RecordKind {
  name: string
  /** Longest life from `createdAt`; later expiries are refused. */
  lifetimeMsMax: number
  /** Which records replace each other: the newest of each author and key, or the newest of each key. */
  newestWins: 'per author and key' | 'per key'
  /** Most records one author may have alive. */
  perAuthorMax: number
  /** Whether this author may say this; called with every record, our own too. @returns a reason to refuse, or undefined. */
  refuse(record: SignedRecord): string | undefined
}

/** All small shared state of a space: signed records in a replicated set. */
export interface RecordSets {
  readonly space: SpaceId
  /** Before `start`; a record of an unknown kind is kept out. */
  defineKind(kind: RecordKind): void
  start(): Promise<void>
  stop(): Promise<void>
  /** Signs, stores durably, and sends on. */
  put(kind: string, key: string, body: CborValue, options: { lifetimeMs: number }): Promise<SignedRecord>
  /** Takes a record from outside. @throws InvalidRecordError with the reason when it is refused. */
  accept(bytes: Uint8Array): Promise<SignedRecord>
  /** The record alive that wins under the kind's rule. With `author`, only theirs. */
  newest(kind: string, key: string, author?: PeerId): SignedRecord | undefined
  /** Winning records of a kind, newest first. */
  list(kind: string, options?: { keyPrefix?: string; author?: PeerId; limit?: number }): SignedRecord[]
  count(kind: string): number
  /** Hears every record that is new here; returns how to stop. */
  onRecord(kind: string, listener: RecordListener): () => void
  /** Reconciles with these peers now (default: every connected member). */
  sync(options?: { peers?: PeerId[]; signal?: AbortSignal }): Promise<{
    peers: number
    sent: number
    received: number
  }>
}
