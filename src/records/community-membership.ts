import type { Clock } from '../core/clock.ts'
import { InvalidInputError, LimitExceededError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { InviteRefusedError, JoinBusyError, NotAllowedError, SpaceNotEmptyError } from './errors.ts'
import { isInviteId, makeInvite, parseInvite } from './invite.ts'
import { INVITES_MAX, InviteLedger } from './invite-ledger.ts'
import { askGreetings, askWelcome, askWelcomeWith, type Welcome } from './join-client.ts'
import { JOIN_PROTOCOL, type SpaceGreeting } from './join-protocol.ts'
import { JoinServer } from './join-server.ts'
import { ROSTER_KINDS } from './member-roster.ts'
import type { Admission, Invite, Member, Membership, SpaceInfo } from './membership.ts'
import {
  encodeStatement,
  membershipKinds,
  PERIODS_MAX,
  POLICY_KEY,
  POLICY_KIND,
  REVOCATION_KIND,
  type StatementDraft,
} from './membership-records.ts'
import { MEMBER_KIND } from './record.ts'
import { dateNow } from './record-codec.ts'
import type { RecordSets } from './record-sets.ts'
import { defineFileKinds } from './removal-record.ts'
import { LASTING_MS } from './space.ts'
import { SpaceResidence } from './space-residence.ts'
import { statusKind } from './status-record.ts'

/** Longest life of an invite. */
export const INVITE_LIFETIME_MS_MAX = 365 * 24 * 60 * 60 * 1000
const SECRET_BYTES = 16

/** What membership is made of. */
export interface MembershipParts {
  key: SigningKey
  index: IndexDatabase
  network: Network
  records: RecordSets
  clock: Clock
  random: Random
  log: Logger
}

/** How a node takes part. */
export interface MembershipOptions {
  /** Our name for people. */
  label: string
  /** Of the space that a first start founds. */
  spaceName: string
  admission: Admission
  /** While alone, look for a space (`joinOpenSpaceOf`) and let nobody in; for nodes with a bootstrap list. @default false */
  seeksSpace?: boolean
  /** Called after another space was entered. */
  onSpaceChanged?: (space: SpaceInfo) => void
}

/** The node's membership: the space it was in before, or one of its own at the first start. */
export async function createMembership(
  parts: MembershipParts,
  options: MembershipOptions,
): Promise<Membership> {
  const membership = new CommunityMembership(parts, options)
  await membership.open()
  return membership
}

class CommunityMembership implements Membership {
  readonly #parts: MembershipParts
  readonly #options: MembershipOptions
  readonly #residence: SpaceResidence
  readonly #ledger: InviteLedger
  readonly #listeners = new Set<() => void>()
  #seen: ReadonlyMap<PeerId, Member> = new Map()
  #seenRemoved = 0
  #isRefreshDue = false
  #isSeeking: boolean
  /** The peer whose space we are entering. */
  #entering: PeerId | undefined

  constructor(parts: MembershipParts, options: MembershipOptions) {
    this.#parts = parts
    this.#options = options
    this.#residence = new SpaceResidence(parts, options)
    this.#ledger = new InviteLedger(parts.index)
    this.#isSeeking = options.seeksSpace ?? false
  }

  async open(): Promise<void> {
    const { records, network, key, clock, log } = this.#parts
    for (const kind of membershipKinds(() => this.#residence.state.founding.founder)) records.defineKind(kind)
    defineFileKinds(records)
    records.defineKind(statusKind)
    records.judgeMembersBy((peer, at) => this.isMember(peer, at))
    for (const kind of ROSTER_KINDS) records.onRecord(kind, () => this.#onRosterRecord())
    await this.#residence.settle()
    this.#refresh()
    const server = new JoinServer({
      self: key.peerId,
      records,
      ledger: this.#ledger,
      clock,
      log,
      state: () => this.#residence.state,
      roster: () => this.#residence.roster,
      isSeeking: () => this.#isSeekingNow(),
      entering: () => this.#entering,
      isLeaving: () => this.#residence.state.entering !== undefined,
    })
    network.handle(JOIN_PROTOCOL, (request, context) => server.answer(request, context))
  }

  space(): SpaceInfo {
    const { space, name, founder } = this.#residence.state.founding
    return { id: space, name, founder, admission: this.#residence.roster.admission() }
  }

  members(): Member[] {
    return [...this.#residence.roster.chain.members.values()]
  }

  isMember(peer: PeerId, at?: number): boolean {
    const { chain } = this.#residence.roster
    return at === undefined ? chain.members.has(peer) : chain.wasMember(peer, at)
  }

  spaceKey(): Uint8Array {
    return Uint8Array.from(this.#residence.state.spaceKey)
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async invite(options: { lifetimeMs: number; uses: 'single' | 'many' }): Promise<Invite> {
    const { key, network, clock, random } = this.#parts
    const { lifetimeMs, uses } = options
    if (!Number.isSafeInteger(lifetimeMs) || lifetimeMs <= 0 || lifetimeMs > INVITE_LIFETIME_MS_MAX) {
      throw new InvalidInputError({
        what: 'The life of an invite',
        reason: 'it is not between 1 ms and 365 days',
      })
    }
    // Whoever invites is found from now on.
    this.#isSeeking = false
    const { space, name } = this.#residence.state.founding
    const expiresAt = dateNow(clock) + lifetimeMs
    const secret = random.bytes(SECRET_BYTES)
    const facts = { space, spaceName: name, addresses: network.addresses(), expiresAt, uses, secret }
    const { link, terms } = makeInvite(key, facts)
    if (!this.#ledger.add(terms, dateNow(clock))) {
      throw new LimitExceededError({
        what: 'The number of invites that have not expired',
        limit: INVITES_MAX,
      })
    }
    return { link, id: terms.id, expiresAt, uses }
  }

  async revokeInvite(id: string): Promise<boolean> {
    if (!isInviteId(id)) return false
    const isOurs = this.#ledger.revoke(id)
    if (!isOurs && !this.#hasAuthority()) return false
    if (this.#parts.records.newest(REVOCATION_KIND, id, this.#parts.key.peerId) !== undefined) return false
    await this.#parts.records.put(REVOCATION_KIND, id, null, { lifetimeMs: LASTING_MS })
    return true
  }

  async join(link: string, options: { signal?: AbortSignal; force?: boolean } = {}): Promise<SpaceInfo> {
    const invite = parseInvite(link)
    if (invite.terms.space === this.#residence.state.founding.space) return this.space()
    if (invite.terms.expiresAt <= dateNow(this.#parts.clock))
      throw new InviteRefusedError({ reason: 'expired' })
    const isForced = options.force ?? false
    this.#refuseToLeave(isForced)
    return this.#exclusively(invite.terms.inviter, async () => {
      const welcome = await askWelcomeWith(this.#parts.network, invite, this.#options.label, options.signal)
      this.#refuseToLeave(isForced)
      return this.#enter(welcome)
    })
  }

  async joinOpenSpaceOf(
    peers: PeerId | readonly PeerId[],
    options: { signal?: AbortSignal } = {},
  ): Promise<SpaceInfo | undefined> {
    if (this.#entering !== undefined || this.members().length > 1) return undefined
    const candidates = typeof peers === 'string' ? [peers] : peers
    const greetings = await askGreetings(this.#parts.network, candidates, options.signal)
    const open = greetings.filter(
      ({ greeting }) =>
        greeting.admission === 'open' && greeting.space !== this.#residence.state.founding.space,
    )
    const hosts = open.filter(({ greeting }) => !greeting.seeking).sort(largestFirst)
    for (const { peer, greeting } of hosts) {
      const info = await this.#tryOpenSpace(peer, greeting, options.signal)
      if (info !== undefined) return info
    }
    // All of them look for a space as we do: the one with the smallest id becomes the host.
    const { peerId } = this.#parts.key
    if (hosts.length === 0 && open.length > 0 && open.every(({ peer }) => peerId < peer))
      this.#isSeeking = false
    return undefined
  }

  async remove(peer: PeerId): Promise<void> {
    this.#requireAuthority('remove members')
    const member = this.#residence.roster.chain.members.get(peer)
    if (member === undefined || peer === this.#parts.key.peerId) {
      throw new InvalidInputError({
        what: 'The member',
        reason: `${peer} is not another member of this space`,
      })
    }
    const isFounder = this.#residence.state.founding.founder === this.#parts.key.peerId
    if (member.role !== 'member' && !isFounder)
      throw new NotAllowedError({ what: 'remove an admin', who: 'the founder' })
    await this.#say(peer, {
      role: 'removed',
      formerRole: member.role === 'admin' ? 'admin' : 'member',
      label: member.label,
    })
    this.#parts.log.info('member removed', { peer })
  }

  async appoint(peer: PeerId, role: 'admin' | 'member'): Promise<void> {
    const { founder } = this.#residence.state.founding
    if (founder !== this.#parts.key.peerId)
      throw new NotAllowedError({ what: 'appoint admins', who: 'the founder' })
    if (peer === founder)
      throw new InvalidInputError({ what: 'The member', reason: 'the founder needs no other role' })
    const member = this.#residence.roster.chain.members.get(peer)
    const formerRole = member === undefined ? 'none' : member.role === 'admin' ? 'admin' : 'member'
    await this.#say(peer, { role, formerRole, label: member?.label ?? '' })
  }

  async setAdmission(admission: Admission): Promise<void> {
    const { key, records, clock } = this.#parts
    if (this.#residence.state.founding.founder !== key.peerId) {
      throw new NotAllowedError({ what: 'decide how newcomers get in', who: 'the founder' })
    }
    if (this.#residence.roster.admission() === admission) return
    const periods = this.#residence.roster.periods()
    if (periods.length >= PERIODS_MAX) {
      throw new LimitExceededError({ what: 'The number of changes of admission', limit: PERIODS_MAX - 1 })
    }
    // Nobody who is in already is put out by it, not even those whose certificates are dated ahead.
    const latest = Math.max(
      records.list(MEMBER_KIND, { limit: 1 })[0]?.createdAt ?? 0,
      periods.at(-1)?.since ?? 0,
    )
    const since = Math.max(dateNow(clock), latest + 1)
    const body = { periods: [...periods, { since, admission }].map((period) => ({ ...period })) }
    await records.put(POLICY_KIND, POLICY_KEY, body, { lifetimeMs: LASTING_MS })
  }

  /** Says with our authority what a peer is. */
  async #say(peer: PeerId, facts: Pick<StatementDraft, 'role' | 'formerRole' | 'label'>): Promise<void> {
    const statements = this.#residence.roster.about(peer)
    const after = statements.reduce((latest, { createdAt }) => Math.max(latest, createdAt), 0)
    const joinedAt = this.#residence.roster.chain.members.get(peer)?.joinedAt ?? dateNow(this.#parts.clock)
    const body = encodeStatement({ ...facts, joinedAt, basis: 'word', invite: undefined })
    await this.#parts.records.put(MEMBER_KIND, peer, body, { lifetimeMs: LASTING_MS, after })
    this.#refresh()
  }

  #hasAuthority(): boolean {
    const role = this.#residence.roster.chain.members.get(this.#parts.key.peerId)?.role
    return role === 'founder' || role === 'admin'
  }

  #requireAuthority(what: string): void {
    if (!this.#hasAuthority()) throw new NotAllowedError({ what, who: 'the founder and admins' })
  }

  #isSeekingNow(): boolean {
    return this.#isSeeking && this.#residence.roster.chain.members.size === 1
  }

  #refuseToLeave(isForced: boolean): void {
    const members = this.members().length
    if (members > 1 && !isForced)
      throw new SpaceNotEmptyError({ spaceName: this.#residence.state.founding.name, members })
  }

  async #exclusively<Result>(target: PeerId, work: () => Promise<Result>): Promise<Result> {
    if (this.#entering !== undefined) throw new JoinBusyError({ peer: this.#parts.key.peerId })
    this.#entering = target
    try {
      return await work()
    } finally {
      this.#entering = undefined
    }
  }

  async #tryOpenSpace(
    peer: PeerId,
    greeting: SpaceGreeting,
    signal: AbortSignal | undefined,
  ): Promise<SpaceInfo | undefined> {
    if (this.#entering !== undefined) return undefined
    const request = {
      op: 'join',
      space: greeting.space,
      label: this.#options.label,
      invite: undefined,
    } as const
    try {
      return await this.#exclusively(peer, async () => {
        const welcome = await askWelcome(this.#parts.network, peer, request, signal)
        // Somebody may have come in meanwhile.
        return this.members().length > 1 ? undefined : await this.#enter(welcome)
      })
    } catch (error) {
      if (!isKizunaError(error)) throw error
      this.#parts.log.info('open space not entered', { peer, code: error.code })
      return undefined
    }
  }

  async #enter(welcome: Welcome): Promise<SpaceInfo> {
    await this.#residence.enter(welcome)
    this.#isSeeking = false
    this.#refresh()
    const info = this.space()
    this.#parts.log.info('space entered', { space: info.id, name: info.name })
    this.#options.onSpaceChanged?.(info)
    return info
  }

  #onRosterRecord(): void {
    this.#residence.roster.invalidate()
    if (this.#isRefreshDue) return
    this.#isRefreshDue = true
    // After the batch that this record came in, so that a hundred certificates are one change.
    queueMicrotask(() => {
      this.#isRefreshDue = false
      this.#refresh()
    })
  }

  /** Tells the records and our listeners when the members are others than they were. */
  #refresh(): void {
    const { members, removed } = this.#residence.roster.chain
    const before = this.#seen
    const isLost = removed.size > this.#seenRemoved || [...before.keys()].some((peer) => !members.has(peer))
    const isChanged =
      isLost ||
      members.size !== before.size ||
      [...members].some(
        ([peer, { role, label }]) => before.get(peer)?.role !== role || before.get(peer)?.label !== label,
      )
    this.#seen = members
    this.#seenRemoved = removed.size
    if (!isChanged) return
    this.#parts.records.reconsider({ membersLost: isLost })
    // What was dropped may have been a certificate.
    if (isLost) this.#onRosterRecord()
    for (const listener of this.#listeners) listener()
  }
}

function largestFirst(a: { greeting: SpaceGreeting }, b: { greeting: SpaceGreeting }): number {
  return b.greeting.members - a.greeting.members || (a.greeting.space < b.greeting.space ? -1 : 1)
}
