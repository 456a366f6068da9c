import type { CborValue } from '../core/encoding.ts'
import type { PeerId } from '../core/signing-key.ts'

/** The id of a space: base32 of a SHA-256, see `space.ts`. */
export type SpaceId = string & { readonly spaceId: unique symbol }

/** 32 bytes in lower-case hex: SHA-256 of the record's canonical bytes without its signature. */
export type RecordId = string & { readonly recordId: unique symbol }

/** A signed, immutable, small datum. Changing something means writing a newer record with the same key. */
export interface SignedRecord {
  readonly id: RecordId
  readonly space: SpaceId
  /** What it is about: `space`, `member`, `status`, `file`, `removal`, … */
  readonly kind: string
  /** What it is about within its kind, such as a peer id or a content id. */
  readonly key: string
  readonly author: PeerId
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970; the record is dropped everywhere after it. */
  readonly expiresAt: number
  readonly body: CborValue
  /** The canonical bytes, signature included; what is stored and sent. */
  readonly bytes: Uint8Array
}

/** The kind of record that makes a peer a member; its key is the member's peer id. */
export const MEMBER_KIND = 'member'
