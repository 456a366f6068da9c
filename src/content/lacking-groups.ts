import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { MembersNow } from './counting-members.ts'
import type { KeptObject } from './kept-objects.ts'
import type { KnownCopies } from './known-copies.ts'
import type { KnownGroups } from './object-groups.ts'
import { rankCandidates } from './place-chunks.ts'
import { type PlacementGroup, planCopies } from './plan-copies.ts'

/** A group and which of its chunks should come to somebody. */
export interface LackingGroup {
  group: PlacementGroup
  ids: ContentId[]
}

/** Which groups lack copies, since when, and whose turn it is to do something about it. */
export class LackingGroups {
  readonly #parts: { self: PeerId; clock: Clock; copies: KnownCopies }
  readonly #options: { settleMs: number; standbyMs: number }
  /** By name, on the monotonic scale. */
  readonly #since = new Map<string, number>()
  /** Before this nobody acts: after a start members are still on their way to us. */
  actFrom = 0

  constructor(
    parts: { self: PeerId; clock: Clock; copies: KnownCopies },
    options: { settleMs: number; standbyMs: number },
  ) {
    this.#parts = parts
    this.#options = options
  }

  get size(): number {
    return this.#since.size
  }

  /** When the first of them has lacked copies for long enough; Infinity when none does. */
  get settledAt(): number {
    return Math.min(...this.#since.values()) + this.#options.settleMs
  }

  /** What each group lacks now. */
  of({ groups, chunkBytes }: KnownGroups, members: MembersNow): LackingGroup[] {
    const candidates = members.candidates(chunkBytes)
    return groups.flatMap((group) => {
      const wanted = planCopies(group, this.#parts.copies.forRepair(group, members), candidates)
      return wanted.length === 0 ? [] : [{ group, ids: wanted.map(({ id }) => id) }]
    })
  }

  /** Groups that lack copies for long enough and whose turn to act is ours. */
  acting(object: KeptObject, known: KnownGroups, members: MembersNow): PlacementGroup[] {
    const now = this.#parts.clock.monotonic()
    const lacking = new Set(this.of(known, members).map(({ group }) => group))
    return known.groups.filter((group) => {
      const name = nameOf(group)
      if (!lacking.has(group)) {
        this.#since.delete(name)
        return false
      }
      const since = this.#since.get(name) ?? now
      this.#since.set(name, since)
      if (now < this.actFrom) return false
      const place = this.#placeInRank(group, object.root, members)
      return place >= 0 && now - since >= this.#options.settleMs + place * this.#options.standbyMs
    })
  }

  /** The group has its copies again; how long it lacked them, if that was known. */
  resolve(group: PlacementGroup): number | undefined {
    const since = this.#since.get(nameOf(group))
    this.#since.delete(nameOf(group))
    return since === undefined ? undefined : this.#parts.clock.monotonic() - since
  }

  /** Groups not named are not kept here any more. */
  forgetOthers(names: ReadonlySet<string>): void {
    for (const name of this.#since.keys()) if (!names.has(name)) this.#since.delete(name)
  }

  /** How many online holders are before us in the group's rank; −1 when we hold nothing of it. */
  #placeInRank(group: PlacementGroup, root: ContentId, members: MembersNow): number {
    const holders = new Set([...group.ids, root].flatMap(this.#parts.copies.heldBy(members.online)))
    // Weights differ from view to view; the turn must be the same for everybody.
    const candidates = [...holders].map((peer) => ({ peer, weight: 1, failureDomain: peer }))
    return rankCandidates(group.key, candidates).findIndex(({ peer }) => peer === this.#parts.self)
  }
}

/** A group's name among all groups of all objects. */
export function nameOf(group: PlacementGroup): string {
  return `${group.kind}${Buffer.from(group.key).toString('base64')}`
}
