import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { AuditLedger } from './audit-ledger.ts'
import type { MembersNow } from './counting-members.ts'
import type { Holdings } from './holdings.ts'
import { type PlacementGroup, strengthOf } from './plan-copies.ts'

/** Who holds a chunk. */
export type HoldersOf = (id: ContentId) => PeerId[]

/** Fewer losses than this to spare, and nobody is waited for longer than the grace. */
const SPARE_MIN = 1

/** The copies that members say they keep, without those that audits found to be missing. */
export class KnownCopies {
  readonly #parts: { holdings: Holdings; audits: Pick<AuditLedger, 'counts'> }

  constructor(parts: { holdings: Holdings; audits: Pick<AuditLedger, 'counts'> }) {
    this.#parts = parts
  }

  /** The copies of some peers. */
  heldBy(peers: ReadonlySet<PeerId>): HoldersOf {
    const { holdings, audits } = this.#parts
    return (id) => holdings.keepersOf(id).filter((peer) => peers.has(peer) && audits.counts(peer, id))
  }

  /**
   * The copies by which a group is judged to lack some: also of those that are usually back after a while, unless
   * one more loss could be the end.
   */
  forRepair(group: PlacementGroup, members: MembersNow): HoldersOf {
    const counting = this.heldBy(members.counting)
    if (members.awaited.size === members.counting.size) return counting
    return strengthOf(group, counting).margin < SPARE_MIN ? counting : this.heldBy(members.awaited)
  }
}

/** The same without one peer. */
export function without(peer: PeerId, holdersOf: HoldersOf): HoldersOf {
  return (id) => holdersOf(id).filter((other) => other !== peer)
}
