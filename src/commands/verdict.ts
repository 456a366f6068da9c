import type { DurabilitySummary } from '../content/content.ts'
import type { Finding } from '../core/finding.ts'
import { type FindingCode, nodeFinding as found } from './findings.ts'

/** How a node is as a whole, and why: what every app says first. */
export interface Verdict {
  /**
   * `failing`: something failed and somebody should look. `impaired`: a part works less than fully. `healing`: copies
   * are missing and come by themselves when members with room are there. `alone`: nothing is wrong, and there is no
   * other member to hold copies. `well`.
   */
  state: 'well' | 'alone' | 'healing' | 'impaired' | 'failing'
  /** In the order in which they are said; at least one. */
  findings: Finding<FindingCode>[]
}

/** What a verdict is made of. */
export interface VerdictFacts {
  /** Members of the space, this node included. */
  members: number
  /** How many copies are wanted of what is shared here. */
  copies: number
  /** Contents kept here. */
  kept: number
  durability: Pick<DurabilitySummary, 'objects' | 'belowTarget' | 'unreadable'>
  /** Words of `NodeState.degraded`. */
  degraded: readonly string[]
  health: readonly { name: string; state: 'ok' | 'degraded' | 'down' }[]
}

/** Words one thing once: that a node is alone, lacks copies, or that something failed, and what to do about it. */
export function verdictOf(facts: VerdictFacts): Verdict {
  const { durability, degraded } = facts
  const failures = [
    ...(degraded.length === 0 ? [] : [found('NEEDS_LOOK', { words: degraded })]),
    ...partsFinding('PARTS_DOWN', facts, 'down'),
    ...(durability.unreadable === 0 ? [] : [found('UNREADABLE', { count: durability.unreadable })]),
  ]
  const impaired = partsFinding('PARTS_IMPAIRED', facts, 'degraded')
  const copies = copiesFindings(facts)
  const isAlone = facts.members === 1
  if (failures.length > 0) return { state: 'failing', findings: [...failures, ...impaired, ...copies] }
  if (impaired.length > 0) return { state: 'impaired', findings: [...impaired, ...copies] }
  if (copies.length > 0)
    return { state: isAlone ? 'alone' : 'healing', findings: [found('NOTHING_BROKEN'), ...copies] }
  if (isAlone) return { state: 'alone', findings: [found('ALL_WELL_ALONE')] }
  // Nothing was looked at since the start: that no copy is missing is not known.
  return durability.objects === 0 && facts.kept > 0
    ? { state: 'well', findings: [found('NOTHING_BROKEN'), found('COPIES_UNCOUNTED')] }
    : { state: 'well', findings: [found('ALL_WELL')] }
}

function copiesFindings({ members, copies, durability }: VerdictFacts): Finding<FindingCode>[] {
  const count = durability.belowTarget
  if (count === 0) return []
  if (members === 1) return [found('COPIES_FEW_ALONE', { count })]
  if (members < copies) return [found('COPIES_FEW_MEMBERS', { count, members, copies })]
  return [found('COPIES_FEW', { count })]
}

function partsFinding(
  as: 'PARTS_DOWN' | 'PARTS_IMPAIRED',
  { health }: VerdictFacts,
  wanted: 'down' | 'degraded',
): Finding<FindingCode>[] {
  const parts = health
    .filter((part) => part.state === wanted && !isToldOtherwise(part))
    .map(({ name }) => name)
  return parts.length === 0 ? [] : [found(as, { parts })]
}

/** Copies are counted in findings of their own, and a disk's and a deaf network's words stand among the degraded. */
function isToldOtherwise({ name, state }: VerdictFacts['health'][number]): boolean {
  return name === 'repair' || name === 'disk' || (name === 'network' && state === 'down')
}
