import type { Content } from '../content/content.ts'
import { type ContentId, parseContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Member, Membership } from '../records/membership.ts'
import type { SignedRecord } from '../records/record.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { findSharedFile, REMOVAL_KIND } from '../records/removal-record.ts'
import type { BackgroundJob } from './background-jobs.ts'

/** A copy may still arrive from a member that has not heard of the removal. */
const LOOK_AGAIN_MS = 15 * 60_000

/**
 * Lets go of what is no longer shared: when its publisher, or who leads the space, takes something off the list, copies
 * that this node keeps for the space go with it. What somebody here keeps for themselves stays.
 */
export class Withdrawals {
  readonly #parts: { content: Content; records: RecordSets; membership: Membership; log: Logger }
  #silence = () => {}

  constructor(parts: { content: Content; records: RecordSets; membership: Membership; log: Logger }) {
    this.#parts = parts
  }

  /** Hears removals from now on. */
  start(): void {
    this.#silence = this.#parts.records.onRecord(REMOVAL_KIND, (record) => this.#take(record, this.#roles()))
  }

  stop(): void {
    this.#silence()
  }

  /** Looks at all removals again and again. */
  get job(): BackgroundJob {
    return {
      name: 'withdrawals',
      intervalMs: LOOK_AGAIN_MS,
      run: async () => {
        const roles = this.#roles()
        for (const record of this.#parts.records.list(REMOVAL_KIND)) this.#take(record, roles)
      },
    }
  }

  #roles(): ReadonlyMap<string, Member['role']> {
    return new Map(this.#parts.membership.members().map(({ peer, role }) => [peer, role]))
  }

  #take(removal: SignedRecord, roles: ReadonlyMap<string, Member['role']>): void {
    const { content, records, log } = this.#parts
    const id = idOf(removal.key)
    if (id === undefined) return
    const leads = (peer: string) => ['founder', 'admin'].includes(roles.get(peer) ?? '')
    const mayWithdraw = (publisher: string) => {
      if (removal.author !== publisher && !leads(removal.author)) return false
      // Somebody else may share the same thing, and then it stays.
      return findSharedFile(records, id, (peer) => roles.get(peer)) === undefined
    }
    if (content.withdraw(id, mayWithdraw)) log.info('withdrawn', { id })
  }
}

function idOf(text: string): ContentId | undefined {
  try {
    return parseContentId(text)
  } catch {
    return undefined
  }
}
