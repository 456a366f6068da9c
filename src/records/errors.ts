import { isKizunaError, KizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'

/** Thrown when a record breaks a rule: its form, its signature, its times, or what its author may say. */
export class InvalidRecordError extends KizunaError {
  override name = 'InvalidRecordError'
  constructor(facts: { reason: string; kind?: string; key?: string }) {
    super({
      code: 'INVALID_RECORD',
      kind: 'invalid',
      message: `The record is not valid: ${facts.reason}.`,
      hint: 'It was forged, damaged or made by another version; a right one is asked from other members.',
      details: facts,
    })
  }
}

/** Thrown when a record cannot be judged yet because its author is not known as a member. */
export class UnknownAuthorError extends KizunaError {
  override name = 'UnknownAuthorError'
  constructor(facts: { author: PeerId }) {
    super({
      code: 'UNKNOWN_AUTHOR',
      kind: 'denied',
      message: `The record's author ${facts.author} is not known as a member of this space.`,
      hint: 'It is kept for a while, in case the certificate of its author arrives.',
      details: facts,
    })
  }
}

/** Thrown when a peer asks for what only members get. */
export class NotAMemberError extends KizunaError {
  override name = 'NotAMemberError'
  constructor(facts: { peer: PeerId; spaceName?: string }) {
    super({
      code: 'NOT_A_MEMBER',
      kind: 'denied',
      message: `Peer ${facts.peer} is not a member of this space.`,
      hint: 'Ask a member for an invite (`kizuna invite`) and enter with `kizuna join <link>`.',
      details: facts,
    })
  }
}

/** Thrown when two peers are in different spaces. */
export class OtherSpaceError extends KizunaError {
  override name = 'OtherSpaceError'
  constructor(facts: { peer: PeerId }) {
    super({
      code: 'OTHER_SPACE',
      kind: 'conflict',
      message: `Peer ${facts.peer} is in another space.`,
      hint: 'Two spaces never merge: peers share only within one. To go over to theirs, ask them for an invite, then `kizuna join - --force`.',
      details: facts,
    })
  }
}

/** Thrown when the text is no invite, was damaged or was forged. */
export class InvalidInviteError extends KizunaError {
  override name = 'InvalidInviteError'
  constructor(facts: { reason: string }) {
    super({
      code: 'INVALID_INVITE',
      kind: 'invalid',
      message: `The invite is not valid: ${facts.reason}.`,
      hint: 'Copy the whole link, from `kizuna://join/` to its end, or ask for a new one.',
      details: facts,
    })
  }
}

/** Why a genuine invite lets nobody in. */
export type InviteRefusal =
  | 'expired'
  | 'used'
  | 'revoked'
  | 'unknown'
  | 'made elsewhere'
  | 'not by a member'
  | 'other space'
  | 'removed'

const REFUSAL_SENTENCES: Readonly<Record<InviteRefusal, string>> = {
  expired: 'The invite has expired',
  used: 'The invite was for one use and has been used',
  revoked: 'The invite was revoked',
  unknown: 'The node that made this invite does not know it any more',
  'made elsewhere': 'An invite for one use counts only at the node that made it',
  'not by a member': 'The invite was made by somebody who is not a member of the space',
  'other space': 'The invite is for another space than this peer is in',
  removed: 'You were removed from this space',
}

/** Thrown when an invite is genuine but lets nobody in (any more). */
export class InviteRefusedError extends KizunaError {
  override name = 'InviteRefusedError'
  constructor(facts: { reason: InviteRefusal }) {
    super({
      code: 'INVITE_REFUSED',
      kind: 'denied',
      message: `${REFUSAL_SENTENCES[facts.reason]}.`,
      hint:
        facts.reason === 'removed'
          ? 'Only the founder or an admin can let you in again.'
          : 'Ask a member for a new invite (`kizuna invite`).',
      details: facts,
    })
  }
}

/** Thrown when somebody without an invite asks to enter a space that wants one. */
export class SpaceClosedError extends KizunaError {
  override name = 'SpaceClosedError'
  constructor(facts: { spaceName: string }) {
    super({
      code: 'SPACE_CLOSED',
      kind: 'denied',
      message: `The space “${facts.spaceName}” lets nobody in without an invite.`,
      hint: 'Ask a member for an invite (`kizuna invite`) and enter with `kizuna join <link>`.',
      details: facts,
    })
  }
}

/** Thrown when entering another space would leave other members behind. */
export class SpaceNotEmptyError extends KizunaError {
  override name = 'SpaceNotEmptyError'
  constructor(facts: { spaceName: string; members: number }) {
    super({
      code: 'SPACE_NOT_EMPTY',
      kind: 'conflict',
      message: `You are in the space “${facts.spaceName}” with ${facts.members} members.`,
      hint: 'Two spaces never merge: joining another leaves this one, and what it shares stays with the others. Say `--force` if you mean it, or run a second node with another data folder.',
      details: facts,
    })
  }
}

/** Thrown when a peer is itself entering a space just now. */
export class JoinBusyError extends KizunaError {
  override name = 'JoinBusyError'
  constructor(facts: { peer: PeerId }) {
    super({
      code: 'JOIN_BUSY',
      kind: 'busy',
      message: `Peer ${facts.peer} is entering a space itself just now.`,
      hint: 'Try again in a few seconds.',
      details: facts,
    })
  }
}

/** Thrown when somebody asks for what only the founder or an admin may do. */
export class NotAllowedError extends KizunaError {
  override name = 'NotAllowedError'
  constructor(facts: { what: string; who: string }) {
    super({
      code: 'NOT_ALLOWED',
      kind: 'denied',
      message: `Only ${facts.who} may ${facts.what}.`,
      hint: 'Ask them; `kizuna status` shows who founded the space.',
      details: facts,
    })
  }
}

/** Thrown when what a space answers to a newcomer does not hold together. */
export class ForgedSpaceError extends KizunaError {
  override name = 'ForgedSpaceError'
  constructor(facts: { peer: PeerId; reason: string }) {
    super({
      code: 'FORGED_SPACE',
      kind: 'corrupt',
      message: `Peer ${facts.peer} did not prove its space: ${facts.reason}.`,
      hint: 'Do not trust this peer; ask the person who invited you for a new link.',
      details: facts,
    })
  }
}

/** Thrown when somebody was removed and the space's new key is not here yet. */
export class SpaceKeyPendingError extends KizunaError {
  override name = 'SpaceKeyPendingError'
  constructor() {
    super({
      code: 'SPACE_KEY_PENDING',
      kind: 'busy',
      message: 'A member was removed, and the new key of the space has not come yet.',
      hint: 'Try again in some seconds. It comes from the founder, an admin or any member who has it: one of them must be connected.',
    })
  }
}

/** Thrown when a peer sends a message that its protocol does not allow. */
export class MalformedMessageError extends KizunaError {
  override name = 'MalformedMessageError'
  constructor(facts: { protocol: string; reason: string }) {
    super({
      code: 'MALFORMED_MESSAGE',
      kind: 'invalid',
      message: `A message of ${facts.protocol} is not valid: ${facts.reason}.`,
      hint: 'The peer is faulty or speaks another version; other peers are asked instead.',
      details: facts,
    })
  }
}

/** An error that crossed the wire, as the class it was thrown as where users look for that class. */
export function inviteRefusalOf(error: unknown): InviteRefusedError | undefined {
  if (!isKizunaError(error, 'INVITE_REFUSED')) return undefined
  if (error instanceof InviteRefusedError) return error
  const { reason } = error.details
  const isKnown = typeof reason === 'string' && Object.hasOwn(REFUSAL_SENTENCES, reason)
  return new InviteRefusedError({ reason: isKnown ? (reason as InviteRefusal) : 'unknown' })
}
