import type { Clock } from '../core/clock.ts'
import { InvalidInputError, LimitExceededError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { Address } from '../network/network.ts'
import { isInviteId, makeInvite } from './invite.ts'
import { INVITES_MAX, type InviteLedger, type LedgerEntry } from './invite-ledger.ts'
import type { Invite } from './membership.ts'
import { REVOCATION_KIND } from './membership-records.ts'
import { dateNow } from './record-codec.ts'
import type { RecordSets } from './record-sets.ts'
import { LASTING_MS } from './space.ts'
import type { SpaceState } from './space-state.ts'

/** Longest life of an invite. */
export const INVITE_LIFETIME_MS_MAX = 365 * 24 * 60 * 60 * 1000
const SECRET_BYTES = 16

/** What invites are made with. */
export interface InviteDeskParts {
  key: SigningKey
  ledger: InviteLedger
  records: RecordSets
  clock: Clock
  random: Random
  addresses: () => readonly Address[]
  state: () => SpaceState
  /** Whether we are the founder or an admin, who may revoke the invites of others. */
  hasAuthority: () => boolean
}

/** Makes, lists and takes back invites. */
export class InviteDesk {
  readonly #parts: InviteDeskParts

  constructor(parts: InviteDeskParts) {
    this.#parts = parts
  }

  /** @throws InvalidInputError, LimitExceededError */
  make({ lifetimeMs, uses }: { lifetimeMs: number; uses: 'single' | 'many' }): Invite {
    const { key, ledger, clock, random } = this.#parts
    if (!Number.isSafeInteger(lifetimeMs) || lifetimeMs <= 0 || lifetimeMs > INVITE_LIFETIME_MS_MAX) {
      throw new InvalidInputError({
        what: 'The life of an invite',
        reason: 'it is not between 1 ms and 365 days',
      })
    }
    const { space, name } = this.#parts.state().founding
    const expiresAt = dateNow(clock) + lifetimeMs
    const secret = random.bytes(SECRET_BYTES)
    const addresses = this.#parts.addresses()
    const { link, terms } = makeInvite(key, { space, spaceName: name, addresses, expiresAt, uses, secret })
    if (!ledger.add(terms, dateNow(clock))) {
      throw new LimitExceededError({
        what: 'The number of invites that have not expired',
        limit: INVITES_MAX,
      })
    }
    return { link, id: terms.id, expiresAt, uses }
  }

  /** Our invites of this space that have not expired, the soonest to expire first. */
  list(): LedgerEntry[] {
    return this.#parts.ledger.list(this.#parts.state().founding.space, dateNow(this.#parts.clock))
  }

  /** Whether it was ours or ours to revoke, and was not void already. */
  async revoke(id: string): Promise<boolean> {
    const { ledger, records, key } = this.#parts
    if (!isInviteId(id)) return false
    const isOurs = ledger.revoke(id)
    if (!isOurs && !this.#parts.hasAuthority()) return false
    if (records.newest(REVOCATION_KIND, id, key.peerId) !== undefined) return false
    await records.put(REVOCATION_KIND, id, null, { lifetimeMs: LASTING_MS })
    return true
  }
}
