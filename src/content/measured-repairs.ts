import type { PeerId } from '../core/signing-key.ts'
import type { MembersNow } from './counting-members.ts'
import type { RepairTimes } from './durability-odds.ts'

/** What a new measurement weighs against all before it. */
const WEIGHT = 0.1

/** How long repairs take, from a member's last sign of life until its copies are made again: a running mean. */
export class MeasuredRepairs {
  readonly #meanMs: Record<keyof RepairTimes, number>

  /** @param expectedMs what is taken until the first repair. */
  constructor(expectedMs: number) {
    this.#meanMs = { calm: expectedMs, urgent: expectedMs }
  }

  get meanMs(): RepairTimes {
    return { ...this.#meanMs }
  }

  note(kind: keyof RepairTimes, tookMs: number): void {
    this.#meanMs[kind] += WEIGHT * (tookMs - this.#meanMs[kind])
  }
}

/**
 * How long ago the newest of the losses was that a group was repaired for: since the last sign of life of a holder
 * whose copies count no more. Undefined when they were lost in another way.
 *
 * @param keepers all who are known to have kept something of the group.
 */
export function lostSinceMs(
  keepers: Iterable<PeerId>,
  members: MembersNow,
  isUrgent: boolean,
): number | undefined {
  const waitedFor = isUrgent ? members.counting : members.awaited
  let newest: number | undefined
  for (const peer of keepers) {
    const awayMs = waitedFor.has(peer) ? undefined : members.awayMsOf(peer)
    if (awayMs !== undefined && awayMs > 0) newest = Math.min(newest ?? Infinity, awayMs)
  }
  return newest
}
