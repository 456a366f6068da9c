import type { PeerId } from '../core/signing-key.ts'
import type { Admission, Member } from './membership.ts'
import type { AdmissionPeriod, MemberStatement, Revocation } from './membership-records.ts'
import { isNewer } from './record-codec.ts'

/** Members of one space; beyond it nobody else is counted in. */
export const MEMBERS_MAX = 10_000
/** Certificates between a member and the founder, or an admin's word. */
export const CHAIN_DEPTH_MAX = 256

/** Everything that decides who is a member, in any order. */
export interface ChainInput {
  founder: PeerId
  founderLabel: string
  foundedAt: number
  statements: readonly MemberStatement[]
  /** How newcomers were let in, ascending and never empty; the first holds for everything before the second. */
  periods: readonly AdmissionPeriod[]
  revocations: readonly Revocation[]
}

/** Who is, and who was, a member. */
export interface MemberChain {
  members: ReadonlyMap<PeerId, Member>
  /** Peers whose removal counts → since when (ms since 1970). What they said before still counts. */
  removed: ReadonlyMap<PeerId, number>
  /** Whether the peer was a member when it said something at `at`. */
  wasMember(peer: PeerId, at: number): boolean
  /** Whether the peer's word counted when it said something at `at`: the founder's always, an admin's while it was one. */
  hasAuthority(peer: PeerId, at: number): boolean
}

/**
 * Who belongs to a space: a pure function of the statements, whatever their order, so that all members who have
 * the same records agree.
 *
 * 1. The founder belongs, always. 2. The founder's word makes admins. 3. The newest word of the founder or an admin about a peer
 * decides; admins have no say about the founder or each other. 4. Everybody else needs a certificate by somebody
 * who belonged when it was signed, made while the space was open, or on the evidence of an invite.
 */
export function computeMembers(input: ChainInput): MemberChain {
  const authority = new Authority(input)
  const decided = decideByWord(input, authority)
  const members = new Map<PeerId, Member>()
  const removed = new Map<PeerId, number>()
  const { founder, founderLabel, foundedAt } = input
  members.set(founder, { peer: founder, role: 'founder', label: founderLabel, joinedAt: foundedAt })
  for (const [peer, word] of decided) {
    if (word.role === 'removed') removed.set(peer, word.createdAt)
    else if (members.size < MEMBERS_MAX) members.set(peer, memberOf(word))
  }
  const admissions = new Admissions(input, authority)
  // Peers who once belonged: members, and removed ones until their removal.
  const belonged = new Map<PeerId, number>()
  for (const peer of members.keys()) belonged.set(peer, Number.POSITIVE_INFINITY)
  for (const [peer, since] of removed) {
    if (decided.get(peer)?.formerRole !== 'none') belonged.set(peer, since)
  }
  let rest = input.statements.filter((statement) => statement.basis !== 'word').sort(oldestFirst)
  for (let depth = 0; depth < CHAIN_DEPTH_MAX && rest.length > 0; depth++) {
    const before = new Map(belonged)
    const counted = rest.filter((statement) => admissions.counts(statement, before))
    if (counted.length === 0) break
    for (const statement of counted) {
      const { subject } = statement
      const removedAt = removed.get(subject)
      if (removedAt !== undefined) belonged.set(subject, removedAt)
      else if (!members.has(subject) && members.size < MEMBERS_MAX) {
        members.set(subject, memberOf(statement))
        belonged.set(subject, Number.POSITIVE_INFINITY)
      }
    }
    const done = new Set(counted)
    rest = rest.filter((statement) => !done.has(statement))
  }
  return {
    members,
    removed,
    wasMember: (peer, at) => at < (belonged.get(peer) ?? Number.NEGATIVE_INFINITY),
    hasAuthority: (peer, at) => authority.has(peer, at),
  }
}

/** How newcomers were let in at a moment. */
export function admissionAt(periods: readonly AdmissionPeriod[], at: number): Admission {
  return periods.findLast(({ since }) => since <= at)?.admission ?? periods[0]?.admission ?? 'invite'
}

/** Whose word counts: the founder's always, an admin's until the founder took the role away. */
class Authority {
  readonly #founder: PeerId
  readonly #until = new Map<PeerId, number>()

  constructor({ founder, statements }: ChainInput) {
    this.#founder = founder
    for (const statement of statements) {
      if (statement.author !== founder || statement.basis !== 'word') continue
      if (statement.role === 'admin') this.#until.set(statement.subject, Number.POSITIVE_INFINITY)
      else if (statement.formerRole === 'admin') this.#until.set(statement.subject, statement.createdAt)
    }
  }

  isAdmin(peer: PeerId): boolean {
    return this.#until.get(peer) === Number.POSITIVE_INFINITY
  }

  has(peer: PeerId, at: number): boolean {
    return peer === this.#founder || at < (this.#until.get(peer) ?? Number.NEGATIVE_INFINITY)
  }
}

/** The newest word about each peer that was said with authority. */
function decideByWord(input: ChainInput, authority: Authority): Map<PeerId, MemberStatement> {
  const decided = new Map<PeerId, MemberStatement>()
  for (const statement of input.statements) {
    const { author, subject } = statement
    if (statement.basis !== 'word' || !authority.has(author, statement.createdAt)) continue
    if (author !== input.founder) {
      const isAboveIt = subject === input.founder || authority.isAdmin(subject) || statement.role === 'admin'
      if (isAboveIt) continue
    }
    const known = decided.get(subject)
    if (known === undefined || isNewer(statement, known)) decided.set(subject, statement)
  }
  return decided
}

/** Which certificates count. */
class Admissions {
  readonly #input: ChainInput
  readonly #authority: Authority
  /** Single-use invite → the one who entered with it, by its oldest certificate. */
  readonly #enteredWith = new Map<string, PeerId>()
  readonly #revocations = new Map<string, Revocation[]>()

  constructor(input: ChainInput, authority: Authority) {
    this.#input = input
    this.#authority = authority
    for (const { invite, subject } of [...input.statements].sort(oldestFirst)) {
      if (invite?.uses !== 'single') continue
      const slot = `${invite.inviter} ${invite.id}`
      if (!this.#enteredWith.has(slot)) this.#enteredWith.set(slot, subject)
    }
    for (const revocation of input.revocations) {
      const { inviteId } = revocation
      this.#revocations.set(inviteId, [...(this.#revocations.get(inviteId) ?? []), revocation])
    }
  }

  counts(statement: MemberStatement, belonged: ReadonlyMap<PeerId, number>): boolean {
    const { author, invite, createdAt } = statement
    const belongs = (peer: PeerId) => createdAt < (belonged.get(peer) ?? Number.NEGATIVE_INFINITY)
    if (!belongs(author)) return false
    if (invite === undefined) return admissionAt(this.#input.periods, createdAt) === 'open'
    if (!belongs(invite.inviter) || invite.expiresAt < createdAt) return false
    if (
      invite.uses === 'single' &&
      this.#enteredWith.get(`${invite.inviter} ${invite.id}`) !== statement.subject
    ) {
      return false
    }
    return !(this.#revocations.get(invite.id) ?? []).some(
      (revocation) =>
        revocation.createdAt <= createdAt &&
        (revocation.author === invite.inviter ||
          this.#authority.has(revocation.author, revocation.createdAt)),
    )
  }
}

function memberOf(statement: MemberStatement): Member {
  const { subject, label, joinedAt } = statement
  return { peer: subject, role: statement.role === 'admin' ? 'admin' : 'member', label, joinedAt }
}

function oldestFirst(a: MemberStatement, b: MemberStatement): number {
  return isNewer(a, b) ? 1 : -1
}
