import type { Random } from '../core/random.ts'
import { askElectors, type ElectorParts, HeldLease, majorityOf } from './held-lease.ts'
import type { LeaseRefusal } from './lease-book.ts'
import type { TaskSpec } from './task.ts'
import { CLAIM_MAX } from './task-record.ts'

/** Claimers that get into each other's way try again so often, after waits at random. */
const TRIES_MAX = 5
const WAIT_MS = 300
/** No other claim will ever be granted. */
const FOR_GOOD: readonly LeaseRefusal[] = ['ended', 'cancelled', 'started', 'poisoned']

/** Whether we hold it, somebody else does, or nobody ever will again. */
export type ClaimedLease = HeldLease | 'busy' | 'gone'

/** Claims a task from its electors: the lease is ours when a majority granted the same epoch. */
export async function claimLease(
  parts: ElectorParts & { random: Random },
  spec: TaskSpec,
  signal: AbortSignal,
): Promise<ClaimedLease> {
  const { clock, random } = parts
  const part = 0
  let epoch = 1
  for (let number = 1; number <= TRIES_MAX; number++) {
    const askedAt = clock.monotonic()
    const claim = random.integer(CLAIM_MAX)
    const request = { op: 'claim', record: spec.record.bytes, part, epoch, claim } as const
    const round = await askElectors(parts, spec.electors, request, { signal })
    if (round.ok) return new HeldLease(parts, { spec, part, epoch, claim, askedAt })
    // What a minority granted must not keep others out.
    await askElectors(
      parts,
      spec.electors,
      { op: 'release', task: spec.id, part, epoch, claim, failed: false, reason: 'no majority' },
      { signal },
    )
    // What one of them refuses for good, the others may still grant.
    const forGood = round.reasons.filter((reason) => FOR_GOOD.includes(reason as LeaseRefusal))
    if (forGood.length >= majorityOf(spec.electors.length)) return 'gone'
    if (round.leftMs > 0) return 'busy'
    epoch = Math.max(round.epoch, epoch) + 1
    await clock.sleep(WAIT_MS * number * (0.5 + random.fraction()), signal)
  }
  return 'busy'
}
