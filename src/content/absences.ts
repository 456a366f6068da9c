import type { PeerId } from '../core/signing-key.ts'
import type { MemberView } from './community.ts'

/** Absences of a member that are remembered: enough to see a habit, few enough to see it change. */
const REMEMBERED_MAX = 8
/** Who comes back after an hour is waited for twice as long, … */
const PATIENCE = 2
/** … but never longer than this many times the grace: who stays away may have left for good. */
const GRACE_TIMES_MAX = 8

/**
 * How long members were away before they came back. A member that keeps going and coming back is waited for longer
 * than one that never did, or every absence of it would make copies that its return makes useless.
 */
export class Absences {
  readonly #awaySince = new Map<PeerId, number>()
  readonly #lastedMs = new Map<PeerId, number[]>()

  /** To be called whenever members came or went. @param now on the scale of `lastSeenAt`. */
  observe(members: readonly MemberView[], now: number): void {
    const known = new Set(members.map(({ peer }) => peer))
    for (const each of [this.#awaySince, this.#lastedMs])
      for (const peer of each.keys()) if (!known.has(peer)) each.delete(peer)
    for (const { peer, online, lastSeenAt } of members) {
      const since = this.#awaySince.get(peer)
      if (!online) {
        this.#awaySince.set(peer, lastSeenAt)
      } else if (since !== undefined) {
        this.#awaySince.delete(peer)
        // Somebody never seen before has not been away.
        if (since > 0) this.#remember(peer, Math.max(now - since, 0))
      }
    }
  }

  /** How long this member is waited for, where one more loss would do no harm. */
  graceMsOf(peer: PeerId, graceMs: number): number {
    const longest = Math.max(0, ...(this.#lastedMs.get(peer) ?? []))
    return Math.min(Math.max(graceMs, longest * PATIENCE), graceMs * GRACE_TIMES_MAX)
  }

  #remember(peer: PeerId, lastedMs: number): void {
    this.#lastedMs.set(peer, [lastedMs, ...(this.#lastedMs.get(peer) ?? [])].slice(0, REMEMBERED_MAX))
  }
}
