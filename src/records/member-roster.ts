import type { PeerId } from '../core/signing-key.ts'
import { computeMembers, type MemberChain } from './member-chain.ts'
import type { Admission } from './membership.ts'
import {
  type AdmissionPeriod,
  type MemberStatement,
  POLICY_KEY,
  POLICY_KIND,
  REVOCATION_KIND,
  readPolicy,
  readRevocation,
  readStatement,
} from './membership-records.ts'
import { MEMBER_KIND, type RecordId, type SignedRecord } from './record.ts'
import type { RecordSets } from './record-sets.ts'
import type { Founding } from './space.ts'

/** The records of which membership is made; changes of them change the roster. */
export const ROSTER_KINDS = [MEMBER_KIND, POLICY_KIND, REVOCATION_KIND] as const

/** Who is a member by the records here: computed when asked, after a change. */
export class MemberRoster {
  readonly #records: Pick<RecordSets, 'list' | 'newest'>
  readonly #founding: Founding
  #chain: MemberChain | undefined
  /** Reading a statement costs a signature check, so each is read once. */
  #statements = new Map<RecordId, MemberStatement>()

  constructor(records: Pick<RecordSets, 'list' | 'newest'>, founding: Founding) {
    this.#records = records
    this.#founding = founding
  }

  /** A record of {@link ROSTER_KINDS} came or went. */
  invalidate(): void {
    this.#chain = undefined
  }

  get chain(): MemberChain {
    this.#chain ??= this.#compute()
    return this.#chain
  }

  /** How newcomers were let in, ascending; never empty. */
  periods(): AdmissionPeriod[] {
    const { founder, admission } = this.#founding
    const policy = this.#records.newest(POLICY_KIND, POLICY_KEY, founder)
    return policy === undefined ? [{ since: 0, admission }] : readPolicy(policy)
  }

  admission(): Admission {
    return this.periods().at(-1)?.admission ?? this.#founding.admission
  }

  /** Statements about one peer. */
  about(subject: PeerId): MemberStatement[] {
    return this.#records.list(MEMBER_KIND, { keyPrefix: subject }).map((record) => this.#read(record))
  }

  isRevoked(inviteId: string, inviter: PeerId): boolean {
    const { founder } = this.#founding
    return this.#records.list(REVOCATION_KIND, { keyPrefix: inviteId }).some(({ author }) => {
      const role = this.chain.members.get(author)?.role
      return author === inviter || author === founder || role === 'admin'
    })
  }

  #compute(): MemberChain {
    const { founder, founderLabel, foundedAt } = this.#founding
    const records = this.#records.list(MEMBER_KIND)
    const statements = records.map((record) => this.#read(record))
    this.#statements = new Map(statements.map((statement) => [statement.id, statement]))
    const revocations = this.#records.list(REVOCATION_KIND).map(readRevocation)
    return computeMembers({
      founder,
      founderLabel,
      foundedAt,
      statements,
      periods: this.periods(),
      revocations,
    })
  }

  #read(record: SignedRecord): MemberStatement {
    return this.#statements.get(record.id) ?? readStatement(record)
  }
}
