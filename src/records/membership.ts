import type { PeerId } from '../core/signing-key.ts'
import type { LedgerEntry } from './invite-ledger.ts'
import type { SpaceId } from './record.ts'

export type MemberRole = 'founder' | 'admin' | 'member'

/** Somebody who belongs to the space. */
export interface Member {
  peer: PeerId
  role: MemberRole
  /** A name for people; untrusted text. */
  label: string
  joinedAt: number
}

/** How newcomers get in: anyone who reaches a member, or only with an invite. */
export type Admission = 'open' | 'invite'

/** A space as people see it. */
export interface SpaceInfo {
  id: SpaceId
  name: string
  founder: PeerId
  admission: Admission
}

/** An invite just made. */
export interface Invite {
  /** `kizuna://join/…`; a secret. */
  link: string
  id: string
  expiresAt: number
  uses: 'single' | 'many'
}

/** Who belongs to our space, and how others come in. */
export interface Membership {
  space(): SpaceInfo
  members(): Member[]
  /** Whether the peer is a member now; with `at` (ms since 1970), whether it was one when it said something then. */
  isMember(peer: PeerId, at?: number): boolean
  invite(options: { lifetimeMs: number; uses: 'single' | 'many' }): Promise<Invite>
  revokeInvite(id: string): Promise<boolean>
  /** Our own invites of this space that have not expired. */
  invites(): LedgerEntry[]
  /**
   * Enters the space of an invite; what was shared in our own one-member space so far is carried over.
   * @throws InvalidInviteError (malformed, forged), InviteRefusedError (expired, used, revoked), PeerUnreachableError
   */
  join(link: string, options?: { signal?: AbortSignal; force?: boolean }): Promise<SpaceInfo>
  /**
   * Enters the open space of a peer, or of the largest among several, without an invite. Only from a space where we
   * are alone; otherwise, and when none of them lets us in now, undefined: call again later.
   */
  joinOpenSpaceOf(
    peers: PeerId | readonly PeerId[],
    options?: { signal?: AbortSignal },
  ): Promise<SpaceInfo | undefined>
  /**
   * Founder and admins only; only the founder removes admins. The peer's records from now on are refused by everybody,
   * and the space gets a new key, so that nothing shared from now on can be read by it; what it has read it has.
   * @throws NotAllowedError
   */
  remove(peer: PeerId): Promise<void>
  /** Makes a peer an admin or a plain member, also one that was removed. The founder only. @throws NotAllowedError */
  appoint(peer: PeerId, role: 'admin' | 'member'): Promise<void>
  /** The founder only. @throws NotAllowedError */
  setAdmission(admission: Admission): Promise<void>
  /**
   * The space's 32-byte key to seal the keys of private content with; another one after every removal.
   * @throws SpaceKeyPendingError until the new key is here
   */
  spaceKey(): Uint8Array
  /** Every key of the space that is here, to open what was sealed with any of them. */
  spaceKeys(): Uint8Array[]
  onChange(listener: () => void): () => void
  /** Ends its background work; before the records stop. */
  stop(): void
}
