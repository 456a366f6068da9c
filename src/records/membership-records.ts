import { type PeerId, parsePeerId } from '../core/signing-key.ts'
import { type CborMap, ShapeReader } from './cbor-shape.ts'
import { InvalidRecordError } from './errors.ts'
import { type InviteTerms, isInviteId, readInviteTerms } from './invite.ts'
import type { Admission } from './membership.ts'
import { MEMBER_KIND, type RecordId, type SignedRecord } from './record.ts'
import type { RecordKind } from './record-sets.ts'
import { displayText, LABEL_BYTES_MAX, LASTING_MS, readFounding, SPACE_KIND } from './space.ts'

/** What the founder says about admission; its key is always {@link POLICY_KEY}. */
export const POLICY_KIND = 'policy'
export const POLICY_KEY = 'admission'
/** That an invite is void; its key is the invite's id. */
export const REVOCATION_KIND = 'revocation'
/** Changes of admission that are remembered. */
export const PERIODS_MAX = 64
/** Certificates and removals by one member. */
const STATEMENTS_PER_AUTHOR_MAX = 10_000
const REVOCATIONS_PER_AUTHOR_MAX = 1_000
const EVIDENCE_BYTES_MAX = 1_024

const ROLES = ['member', 'admin', 'removed'] as const
const FORMER_ROLES = ['none', 'member', 'admin'] as const
const BASES = ['word', 'open', 'invite'] as const
const ADMISSIONS: readonly Admission[] = ['open', 'invite']
const STATEMENT_FIELDS = ['role', 'formerRole', 'label', 'joinedAt', 'basis', 'invite']
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason }))

/**
 * A statement of one member about another peer: “is a member”, “is an admin” or “is removed”.
 * Of each author and subject the newest counts.
 */
export interface MemberStatement {
  author: PeerId
  subject: PeerId
  role: (typeof ROLES)[number]
  /** What the subject was just before, when that changes: a former admin's older words still count. */
  formerRole: (typeof FORMER_ROLES)[number]
  label: string
  joinedAt: number
  /** Why: on the founder's or an admin's word, because the space was open, or on an invite. */
  basis: (typeof BASES)[number]
  invite: InviteTerms | undefined
  createdAt: number
  id: RecordId
}

/** From `since` on (ms since 1970) newcomers were let in like this. */
export interface AdmissionPeriod {
  since: number
  admission: Admission
}

/** An invite is void from `createdAt` on. */
export interface Revocation {
  author: PeerId
  inviteId: string
  createdAt: number
}

/** What `encodeStatement` needs. */
export type StatementDraft = Pick<
  MemberStatement,
  'role' | 'formerRole' | 'label' | 'joinedAt' | 'basis' | 'invite'
>

/** The body of a member record. */
export function encodeStatement(draft: StatementDraft) {
  const { role, formerRole, joinedAt, basis, invite } = draft
  const label = displayText(draft.label, LABEL_BYTES_MAX)
  return {
    role,
    formerRole,
    label,
    joinedAt,
    basis,
    ...(invite === undefined ? {} : { invite: invite.bytes }),
  }
}

/** @throws InvalidRecordError when it breaks a rule of its kind. */
export function readStatement(record: SignedRecord): MemberStatement {
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, STATEMENT_FIELDS)
  const basis = shape.oneOf(body, 'basis', BASES)
  const role = shape.oneOf(body, 'role', ROLES)
  if (role !== 'member' && basis !== 'word') shape.fail('only the word of the founder or an admin can say so')
  const subject = parsePeerId(record.key)
  if (subject === record.author) shape.fail('it is about its own author')
  return {
    author: record.author,
    subject,
    role,
    formerRole: shape.oneOf(body, 'formerRole', FORMER_ROLES),
    label: displayText(shape.text(body, 'label', LABEL_BYTES_MAX), LABEL_BYTES_MAX),
    joinedAt: shape.integer(body, 'joinedAt'),
    basis,
    invite: basis === 'invite' ? readEvidence(body, record) : undefined,
    createdAt: record.createdAt,
    id: record.id,
  }
}

/** @throws InvalidRecordError when it breaks a rule of its kind. */
export function readPolicy(record: SignedRecord): AdmissionPeriod[] {
  const body = shape.map(record.body, 'its body')
  if (record.key !== POLICY_KEY) shape.fail('its key is unknown')
  return shape.list(body, 'periods', PERIODS_MAX).map((entry) => {
    const period = shape.map(entry, 'a period in it')
    return {
      since: shape.integer(period, 'since'),
      admission: shape.oneOf(period, 'admission', ADMISSIONS),
    }
  })
}

/** @throws InvalidRecordError when it breaks a rule of its kind. */
export function readRevocation(record: SignedRecord): Revocation {
  if (!isInviteId(record.key)) shape.fail('its key is not the id of an invite')
  return { author: record.author, inviteId: record.key, createdAt: record.createdAt }
}

/** The kinds of which membership is made. @param founderOf the founder of the space entered now. */
export function membershipKinds(founderOf: () => PeerId): RecordKind[] {
  const byFounder = (record: SignedRecord) => {
    if (record.author !== founderOf()) shape.fail('only the founder may say so')
  }
  return [
    kind(SPACE_KIND, 1, (record) => readFounding(record)),
    kind(POLICY_KIND, 1, (record) => {
      byFounder(record)
      readPolicy(record)
    }),
    kind(MEMBER_KIND, STATEMENTS_PER_AUTHOR_MAX, (record) => {
      readStatement(record)
      if (record.key === founderOf()) shape.fail('the founder is a member without it')
    }),
    kind(REVOCATION_KIND, REVOCATIONS_PER_AUTHOR_MAX, (record) => readRevocation(record)),
  ]
}

function kind(name: string, perAuthorMax: number, check: (record: SignedRecord) => void): RecordKind {
  return {
    name,
    lifetimeMsMax: LASTING_MS,
    newestWins: 'per author and key',
    perAuthorMax,
    refuse(record) {
      try {
        check(record)
        return undefined
      } catch (error) {
        return error instanceof Error ? error.message : 'it is malformed'
      }
    },
  }
}

function readEvidence(body: CborMap, record: SignedRecord): InviteTerms {
  const terms = readInviteTerms(shape.bytes(body, 'invite', { max: EVIDENCE_BYTES_MAX }))
  if (terms.space !== record.space) shape.fail('its invite is for another space')
  if (terms.expiresAt < record.createdAt) shape.fail('its invite had expired')
  if (terms.uses === 'single' && terms.inviter !== record.author) {
    shape.fail('its single-use invite was honoured by somebody other than the inviter')
  }
  return terms
}
