import type { PeerId } from '../core/signing-key.ts'

/** A worker as it answered to a live probe, or as it is: ourselves. */
export interface Candidate {
  peer: PeerId
  /** 0 to 100, measured just now. */
  percent: number
  slots: number
  free: number
}

/**
 * Who is asked to come for how many of the tasks that wait: one after the other goes to who is least busy then,
 * counting what it was just given. Who has no free slot gets none; what is left waits for whoever is free first.
 */
export function planOffers(waiting: number, candidates: readonly Candidate[]): Map<PeerId, number> {
  const offers = new Map<PeerId, number>()
  const busy = candidates.map((each) => ({ ...each }))
  for (let left = waiting; left > 0; left--) {
    const [best] = busy.filter(({ free }) => free > 0).sort(byLoad)
    if (best === undefined) break
    offers.set(best.peer, (offers.get(best.peer) ?? 0) + 1)
    best.free--
    best.percent += (100 - Math.min(best.percent, 100)) / Math.max(best.slots, 1)
  }
  return offers
}

function byLoad(a: Candidate, b: Candidate): number {
  return a.percent - b.percent || b.free - a.free
}
