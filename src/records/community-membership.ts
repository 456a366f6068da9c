import type { Clock } from '../core/clock.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { InviteRefusedError, JoinBusyError, SpaceNotEmptyError } from './errors.ts'
import { parseInvite } from './invite.ts'
import { InviteDesk } from './invite-desk.ts'
import { InviteLedger, type LedgerEntry } from './invite-ledger.ts'
import { askGreetings, askWelcome, askWelcomeWith, type Welcome } from './join-client.ts'
import { JOIN_PROTOCOL, type SpaceGreeting } from './join-protocol.ts'
import { JoinServer } from './join-server.ts'
import { ROSTER_KINDS } from './member-roster.ts'
import type { Admission, Invite, Member, Membership, SpaceInfo } from './membership.ts'
import { membershipKinds } from './membership-records.ts'
import { dateNow } from './record-codec.ts'
import type { RecordSets } from './record-sets.ts'
import { defineFileKinds } from './removal-record.ts'
import { SpaceAuthority } from './space-authority.ts'
import { SpaceKeyKeeper } from './space-key-keeper.ts'
import { SPACE_KEY_KIND, spaceKeyKind } from './space-key-record.ts'
import { SpaceResidence } from './space-residence.ts'
import { createSpreadSeal } from './spread-seal.ts'
import { statusKind } from './status-record.ts'

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
  readonly #desk: InviteDesk
  readonly #authority: SpaceAuthority
  readonly #keeper: SpaceKeyKeeper
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
    const { network, clock, log } = parts
    const self = parts.key.peerId
    const residence = this.#residence
    this.#authority = new SpaceAuthority({ ...parts, self, residence })
    this.#desk = new InviteDesk({
      ...parts,
      ledger: this.#ledger,
      addresses: () => network.addresses(),
      state: () => residence.state,
      hasAuthority: () => this.#authority.isOurs,
    })
    this.#keeper = new SpaceKeyKeeper({
      self,
      network,
      clock,
      log,
      records: parts.records,
      keyring: residence.keyring,
      chain: () => residence.roster.chain,
      space: () => residence.state.founding.space,
    })
    this.#isSeeking = options.seeksSpace ?? false
  }

  async open(): Promise<void> {
    const { records, network, key, clock, log } = this.#parts
    const residence = this.#residence
    for (const kind of membershipKinds(() => this.#residence.state.founding.founder)) records.defineKind(kind)
    defineFileKinds(records)
    records.defineKind(statusKind)
    records.defineKind(spaceKeyKind)
    records.judgeMembersBy((peer, at) => this.isMember(peer, at))
    records.sealSpreadBy(
      createSpreadSeal({
        random: this.#parts.random,
        isOpen: () => residence.roster.admission() === 'open',
        sealingKey: () => residence.keyring.standing(residence.roster.chain).current,
        openingKeys: () => this.spaceKeys(),
        openKinds: ROSTER_KINDS,
      }),
    )
    for (const kind of ROSTER_KINDS) records.onRecord(kind, () => this.#onRosterRecord())
    records.onRecord(SPACE_KEY_KIND, () => {
      this.#residence.keyring.invalidate()
      this.#refreshSoon()
    })
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
      keyring: this.#residence.keyring,
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
    const { keyring, roster } = this.#residence
    return Uint8Array.from(keyring.current(roster.chain))
  }

  spaceKeys(): Uint8Array[] {
    const { keyring, roster } = this.#residence
    return keyring.keys(roster.chain)
  }

  stop(): void {
    this.#keeper.stop()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async invite(options: { lifetimeMs: number; uses: 'single' | 'many' }): Promise<Invite> {
    const invite = this.#desk.make(options)
    // Whoever invites is found from now on.
    this.#isSeeking = false
    return invite
  }

  revokeInvite(id: string): Promise<boolean> {
    return this.#desk.revoke(id)
  }

  invites(): LedgerEntry[] {
    return this.#desk.list()
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
    await this.#authority.remove(peer)
    this.#refresh()
    await this.#keeper.renew()
    this.#parts.log.info('member removed', { peer })
  }

  async appoint(peer: PeerId, role: 'admin' | 'member'): Promise<void> {
    await this.#authority.appoint(peer, role)
    this.#refresh()
  }

  setAdmission(admission: Admission): Promise<void> {
    return this.#authority.setAdmission(admission)
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
    this.#refreshSoon()
  }

  #refreshSoon(): void {
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
    this.#keeper.look()
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
