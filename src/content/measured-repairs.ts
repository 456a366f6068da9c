import type { ContentId } from '../core/content-id.ts'
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
 * How long ago the copies were lost that are about to be made again: for each of them since the last sign of life of
 * the holder that counts no more, the newest first where more were lost than are wanted. A holder is told once, however
 * many of its chunks are wanted. Nothing for copies that were lost in another way.
 *
 * @param wanted the chunks that should come to somebody, one as often as copies of it are wanted.
 * @param keepersOf all who are known to have kept a chunk.
 */
export function lossAgesMs(
  wanted: readonly ContentId[],
  keepersOf: (id: ContentId) => readonly PeerId[],
  members: MembersNow,
  isUrgent: boolean,
): number[] {
  const waitedFor = isUrgent ? members.counting : members.awaited
  const ages = new Map<PeerId, number>()
  for (const [id, copies] of Map.groupBy(wanted, (each) => each)) {
    const gone = keepersOf(id).flatMap((peer) => {
      const awayMs = waitedFor.has(peer) ? 0 : (members.awayMsOf(peer) ?? 0)
      return awayMs > 0 ? [{ peer, awayMs }] : []
    })
    gone.sort((a, b) => a.awayMs - b.awayMs)
    for (const { peer, awayMs } of gone.slice(0, copies.length)) ages.set(peer, awayMs)
  }
  return [...ages.values()]
}
