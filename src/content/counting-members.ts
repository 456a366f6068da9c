import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import { peersWithCapacity } from '../network/peers-with-capacity.ts'
import { Absences } from './absences.ts'
import type { Community } from './community.ts'
import { type PlacementCandidate, placementWeight } from './place-chunks.ts'

/** A peer that refused chunks is not planned with again for this long. */
const REFUSED_MS = 10 * 60_000

/** Whose copies count at one moment, and who takes more. */
export interface MembersNow {
  /** Members whose copies count: here, or away for less than the grace. */
  counting: ReadonlySet<PeerId>
  /** These, and members that are away for longer and have come back from such absences before. */
  awaited: ReadonlySet<PeerId>
  /** Here now. */
  online: ReadonlySet<PeerId>
  /** Away for less than the grace. */
  absent: ReadonlySet<PeerId>
  /** Members that take at least so many bytes more. */
  candidates(sizeBytes: number): PlacementCandidate[]
  failureDomainOf(peer: PeerId): string
  /** How long a member has given no sign of life; 0 while it is here, undefined for who is no member. */
  awayMsOf(peer: PeerId): number | undefined
  /** Share of time it is up, 0 to 1. */
  uptimeOf(peer: PeerId): number
}

/** How we offer ourselves, as others see it in our status. */
export interface SelfView {
  freeBytes: number
  uptime: number
  failureDomain: string
  stores: boolean
}

/** What counting members needs. */
export interface CountingMembersParts {
  community: Community
  clock: Clock
  /** Members that were found not to keep what they say: nothing of theirs counts, and they get nothing. */
  isSuspended: (peer: PeerId) => boolean
}

/** Who counts, by the members' presence and habits. */
export class CountingMembers {
  readonly #parts: CountingMembersParts
  readonly #options: { graceMs: number; selfView: () => SelfView }
  readonly #absences = new Absences()
  /** On the monotonic scale. */
  readonly #refusedUntil = new Map<PeerId, number>()
  /** We leave for good: our own copies count no more, and we take none. */
  isLeaving = false

  constructor(parts: CountingMembersParts, options: { graceMs: number; selfView: () => SelfView }) {
    this.#parts = parts
    this.#options = options
  }

  /** Learns from who came and who went; to be called at every change. */
  observe(): void {
    this.#absences.observe(this.#parts.community.members(), this.#parts.clock.now())
  }

  /** This peer refused chunks just now. */
  noteRefusal(peer: PeerId): void {
    this.#refusedUntil.set(peer, this.#parts.clock.monotonic() + REFUSED_MS)
  }

  now(): MembersNow {
    const { community, clock, isSuspended } = this.#parts
    const { graceMs } = this.#options
    const own = this.#options.selfView()
    const members = community.members()
    const monotonic = clock.monotonic()
    const us = this.isLeaving ? [] : [community.self]
    const counting = new Set<PeerId>(us)
    const awaited = new Set<PeerId>(us)
    const online = new Set<PeerId>(us)
    const absent = new Set<PeerId>()
    const takers: (PlacementCandidate & { freeBytes: number; freeSlots: number; score: number })[] = []
    const views = new Map(members.map((member) => [member.peer, member]))
    for (const member of members) {
      const { peer, lastSeenAt } = member
      if (member.leaving === true || isSuspended(peer)) continue
      const awayMs = member.online ? 0 : clock.now() - lastSeenAt
      if (member.online) online.add(peer)
      else if (awayMs <= graceMs) absent.add(peer)
      if (awayMs <= graceMs) counting.add(peer)
      if (awayMs <= this.#absences.graceMsOf(peer, graceMs)) awaited.add(peer)
      if (!member.online || !member.stores) continue
      const freeSlots = (this.#refusedUntil.get(peer) ?? 0) <= monotonic ? 1 : 0
      takers.push(takerOf(peer, member, freeSlots))
    }
    if (own.stores && !this.isLeaving) takers.push(takerOf(community.self, own, 1))
    return {
      counting,
      awaited,
      online,
      absent,
      candidates: (sizeBytes) => peersWithCapacity(takers, { sizeBytes }),
      awayMsOf: (peer) => {
        const view = views.get(peer)
        if (view === undefined) return undefined
        return view.online ? 0 : clock.now() - view.lastSeenAt
      },
      failureDomainOf: (peer) =>
        peer === community.self ? own.failureDomain : (views.get(peer)?.failureDomain ?? peer),
      uptimeOf: (peer) => (peer === community.self ? own.uptime : (views.get(peer)?.uptime ?? 0)),
    }
  }
}

function takerOf(
  peer: PeerId,
  offer: { freeBytes: number; uptime: number; failureDomain: string },
  freeSlots: number,
) {
  const { freeBytes, failureDomain, uptime } = offer
  return { peer, weight: placementWeight(offer), failureDomain, freeBytes, freeSlots, score: uptime }
}
