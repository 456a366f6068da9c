import type { Clock } from '../core/clock.ts'
import { InvalidInputError, LimitExceededError } from '../core/errors.ts'
import type { PeerId } from '../core/signing-key.ts'
import { NotAllowedError } from './errors.ts'
import type { Admission } from './membership.ts'
import {
  encodeStatement,
  PERIODS_MAX,
  POLICY_KEY,
  POLICY_KIND,
  type StatementDraft,
} from './membership-records.ts'
import { MEMBER_KIND } from './record.ts'
import { dateNow } from './record-codec.ts'
import type { RecordSets } from './record-sets.ts'
import { LASTING_MS } from './space.ts'
import type { SpaceResidence } from './space-residence.ts'

/** What authority works with. */
export interface SpaceAuthorityParts {
  self: PeerId
  records: RecordSets
  clock: Clock
  residence: SpaceResidence
}

/** What the founder and admins may say: who is out, who is an admin, how newcomers get in. */
export class SpaceAuthority {
  readonly #parts: SpaceAuthorityParts

  constructor(parts: SpaceAuthorityParts) {
    this.#parts = parts
  }

  /** Whether we are the founder or an admin. */
  get isOurs(): boolean {
    const role = this.#parts.residence.roster.chain.members.get(this.#parts.self)?.role
    return role === 'founder' || role === 'admin'
  }

  /** @throws NotAllowedError, InvalidInputError */
  async remove(peer: PeerId): Promise<void> {
    if (!this.isOurs) throw new NotAllowedError({ what: 'remove members', who: 'the founder and admins' })
    const member = this.#parts.residence.roster.chain.members.get(peer)
    if (member === undefined || peer === this.#parts.self) {
      throw new InvalidInputError({
        what: 'The member',
        reason: `${peer} is not another member of this space`,
      })
    }
    if (member.role !== 'member' && this.#founder !== this.#parts.self)
      throw new NotAllowedError({ what: 'remove an admin', who: 'the founder' })
    const formerRole = member.role === 'admin' ? 'admin' : 'member'
    await this.#say(peer, { role: 'removed', formerRole, label: member.label })
  }

  /** @throws NotAllowedError, InvalidInputError */
  async appoint(peer: PeerId, role: 'admin' | 'member'): Promise<void> {
    if (this.#founder !== this.#parts.self)
      throw new NotAllowedError({ what: 'appoint admins', who: 'the founder' })
    if (peer === this.#founder)
      throw new InvalidInputError({ what: 'The member', reason: 'the founder needs no other role' })
    const member = this.#parts.residence.roster.chain.members.get(peer)
    const formerRole = member === undefined ? 'none' : member.role === 'admin' ? 'admin' : 'member'
    await this.#say(peer, { role, formerRole, label: member?.label ?? '' })
  }

  /** @throws NotAllowedError, LimitExceededError */
  async setAdmission(admission: Admission): Promise<void> {
    const { records, clock, residence, self } = this.#parts
    if (this.#founder !== self)
      throw new NotAllowedError({ what: 'decide how newcomers get in', who: 'the founder' })
    const { roster } = residence
    if (roster.admission() === admission) return
    const periods = roster.periods()
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

  get #founder(): PeerId {
    return this.#parts.residence.state.founding.founder
  }

  /** Says with our authority what a peer is. */
  async #say(peer: PeerId, facts: Pick<StatementDraft, 'role' | 'formerRole' | 'label'>): Promise<void> {
    const { records, clock, residence } = this.#parts
    const { roster, keyring } = residence
    const dates = roster.about(peer).map(({ createdAt }) => createdAt)
    // A removal is younger than every key that the removed may know, so that it is plain which came after it.
    const after = Math.max(0, keyring.newestAt(roster.chain), ...dates)
    const joinedAt = roster.chain.members.get(peer)?.joinedAt ?? dateNow(clock)
    const body = encodeStatement({ ...facts, joinedAt, basis: 'word', invite: undefined })
    await records.put(MEMBER_KIND, peer, body, { lifetimeMs: LASTING_MS, after })
  }
}
