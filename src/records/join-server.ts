import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { RequestContext } from '../network/network.ts'
import {
  InviteRefusedError,
  JoinBusyError,
  NotAMemberError,
  OtherSpaceError,
  SpaceClosedError,
} from './errors.ts'
import { introductionOf } from './introduction.ts'
import { type InviteTerms, opensInvite, readInviteTerms } from './invite.ts'
import type { InviteLedger } from './invite-ledger.ts'
import {
  decodeJoinRequest,
  encodeGreeting,
  encodeSpaceKeys,
  type JoinRequest,
  WELCOME_RECORDS_MAX,
} from './join-protocol.ts'
import type { MemberRoster } from './member-roster.ts'
import { encodeStatement, POLICY_KEY, POLICY_KIND } from './membership-records.ts'
import { MEMBER_KIND, type SpaceId } from './record.ts'
import { dateNow } from './record-codec.ts'
import type { RecordSets } from './record-sets.ts'
import { packRecords } from './records-protocol.ts'
import { LASTING_MS } from './space.ts'
import type { SpaceKeyring } from './space-keyring.ts'
import type { SpaceState } from './space-state.ts'

/** What the host’s side is made of. */
export interface JoinServerParts {
  self: PeerId
  records: RecordSets
  ledger: InviteLedger
  clock: Clock
  log: Logger
  state: () => SpaceState
  roster: () => MemberRoster
  keyring: SpaceKeyring
  /** Looks for a space itself, and lets nobody in meanwhile. */
  isSeeking: () => boolean
  /** The peer whose space we are entering just now. */
  entering: () => PeerId | undefined
  isLeaving: () => boolean
}

/** For asking the other members what they know, while a newcomer waits; well within what its own call may take. */
const NEWS_MS_MAX = 5_000

type Join = Extract<JoinRequest, { op: 'join' }>

/** The side of a member whom newcomers ask to be let in. */
export class JoinServer {
  readonly #parts: JoinServerParts
  /** The asking that runs, for all newcomers that wait. */
  #news: Promise<void> | undefined

  constructor(parts: JoinServerParts) {
    this.#parts = parts
  }

  /** Answers `/kizuna/join/1.0.0`. */
  async *answer(request: AsyncIterable<Uint8Array>, context: RequestContext): AsyncIterable<Uint8Array> {
    for await (const frame of request) {
      const message = decodeJoinRequest(frame)
      if (message.op === 'hello') yield this.#greeting()
      else if (message.op === 'keys') yield this.#keysFor(message.space, context.from)
      else yield* this.#welcome(message, context.from)
      return
    }
  }

  #greeting(): Uint8Array {
    const { founding } = this.#parts.state()
    const roster = this.#parts.roster()
    return encodeGreeting({
      space: founding.space,
      name: founding.name,
      founder: founding.founder,
      admission: roster.admission(),
      members: roster.chain.members.size,
      seeking: this.#parts.isSeeking(),
    })
  }

  async *#welcome(message: Join, from: PeerId): AsyncIterable<Uint8Array> {
    const { records, self } = this.#parts
    const state = this.#parts.state()
    this.#refuseWhileEntering(from)
    if (message.space !== state.founding.space) {
      throw message.invite === undefined
        ? new OtherSpaceError({ peer: self })
        : new InviteRefusedError({ reason: 'other space' })
    }
    if (!this.#parts.roster().chain.members.has(from)) await this.#certify(message, from)
    const policy = records.newest(POLICY_KIND, POLICY_KEY, state.founding.founder)
    const source = {
      list: (query: { kind: string; keyPrefix?: string; limit?: number }) => records.list(query.kind, query),
    }
    const welcome = [
      state.foundingRecord.bytes,
      ...(policy === undefined ? [] : [policy.bytes]),
      ...introductionOf(from, source, WELCOME_RECORDS_MAX - 2),
    ]
    yield this.#keys()
    yield* packRecords(welcome)
  }

  /** Members alone: whoever was removed asks in vain. */
  #keysFor(space: SpaceId, from: PeerId): Uint8Array {
    const { founding } = this.#parts.state()
    if (space !== founding.space) throw new OtherSpaceError({ peer: this.#parts.self })
    if (!this.#parts.roster().chain.members.has(from))
      throw new NotAMemberError({ peer: from, spaceName: founding.name })
    return this.#keys()
  }

  #keys(): Uint8Array {
    const { keyring } = this.#parts
    const { chain } = this.#parts.roster()
    return encodeSpaceKeys({ spaceKey: keyring.best(chain), keys: keyring.keys(chain) })
  }

  /** Of two lone nodes that enter each other's space at once, the one with the smaller id is the host. */
  #refuseWhileEntering(from: PeerId): void {
    const { self, entering, isSeeking } = this.#parts
    const target = entering()
    const isBusy =
      target === undefined ? isSeeking() : target !== from || self > from || this.#parts.isLeaving()
    if (isBusy) throw new JoinBusyError({ peer: self })
  }

  async #certify(message: Join, from: PeerId): Promise<void> {
    const { records, clock, log } = this.#parts
    const roster = this.#parts.roster()
    if (!roster.chain.members.has(this.#parts.self))
      throw new InviteRefusedError({ reason: 'not by a member' })
    if (roster.chain.removed.has(from)) throw new InviteRefusedError({ reason: 'removed' })
    this.#admit(message, from, 'look')
    await this.#hearNewsOf(message)
    const invite = this.#admit(message, from, 'take')
    const statement = encodeStatement({
      role: 'member',
      formerRole: 'none',
      label: message.label,
      joinedAt: dateNow(clock),
      basis: invite === undefined ? 'open' : 'invite',
      invite,
    })
    const own = roster
      .about(this.#parts.self)
      .reduce((latest, { createdAt }) => Math.max(latest, createdAt), 0)
    await records.put(MEMBER_KIND, from, statement, { lifetimeMs: LASTING_MS, after: own })
    log.info('member admitted', { peer: from, basis: statement.basis })
  }

  /**
   * An invite for many that somebody else made may have been revoked without our having heard it: the members we are
   * connected to are asked first. Where nobody answers we let in whom it lets in as far as we know; the certificate
   * counts no more, for anybody, once the revocation arrives.
   */
  async #hearNewsOf({ invite }: Join): Promise<void> {
    const { records, clock, log, self } = this.#parts
    if (invite === undefined || readInviteTerms(invite.terms).inviter === self) return
    this.#news ??= records
      .sync({ signal: clock.deadline(NEWS_MS_MAX) })
      .then(() => {})
      .catch((error) => log.debug('others not asked about an invite', { error }))
      .finally(() => {
        this.#news = undefined
      })
    await this.#news
  }

  /**
   * The invite on which the newcomer comes in, or undefined when the space is open.
   * @param how `take` uses up an invite for one.
   * @throws when it may not
   */
  #admit(message: Join, from: PeerId, how: 'look' | 'take'): InviteTerms | undefined {
    const { ledger, clock, self } = this.#parts
    const roster = this.#parts.roster()
    const { founding } = this.#parts.state()
    if (message.invite === undefined) {
      if (roster.admission() === 'open') return undefined
      throw new SpaceClosedError({ spaceName: founding.name })
    }
    const terms = readInviteTerms(message.invite.terms)
    const refuse = (reason: InviteRefusedError['details']['reason']) => {
      throw new InviteRefusedError({ reason: reason as 'unknown' })
    }
    if (!opensInvite(message.invite.secret, terms)) refuse('unknown')
    if (terms.space !== founding.space) refuse('other space')
    if (!roster.chain.members.has(terms.inviter)) refuse('not by a member')
    if (terms.expiresAt <= dateNow(clock)) refuse('expired')
    if (ledger.isRevoked(terms.id) || roster.isRevoked(terms.id, terms.inviter)) refuse('revoked')
    if (terms.uses === 'many') return terms
    if (terms.inviter !== self) refuse('made elsewhere')
    if (how === 'look') return terms
    const reason = ledger.takeFor(from, terms.id, dateNow(clock))
    if (reason !== undefined) refuse(reason)
    return terms
  }
}
