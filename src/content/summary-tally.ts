import type { DurabilitySummary } from './content.ts'
import type { KeptObject } from './kept-objects.ts'
import type { HoldersOf } from './known-copies.ts'
import { type PlacementGroup, strengthOfObject, targetOf } from './plan-copies.ts'

/** Adds up how safe all objects are, one after the other. */
export class SummaryTally {
  readonly summary: DurabilitySummary = { objects: 0, belowTarget: 0, unreadable: 0, worst: undefined }

  add({ root: id, policy }: KeptObject, groups: readonly PlacementGroup[], holdersOf: HoldersOf): void {
    const target = targetOf(policy)
    const { confirmed, margin } = strengthOfObject(groups, holdersOf)
    const { summary } = this
    summary.objects++
    if (confirmed < target) summary.belowTarget++
    if (margin < 0) summary.unreadable++
    if (summary.worst === undefined || margin < summary.worst.margin)
      summary.worst = { id, confirmed, target, margin }
  }

  /** An object whose manifest cannot be read now. */
  addUnknown(): void {
    this.summary.objects++
    this.summary.belowTarget++
    this.summary.unreadable++
  }
}
