import type { DurabilityPolicy } from './content.ts'
import { unreadableShare } from './durability-odds.ts'

/** Below this many bytes whole copies cost little and are read with one request. */
export const REPLICA_BELOW_BYTES = 2 ** 20
const COPIES_DEFAULT = 3
/** Content should be unreadable for less than this share of the time. */
const UNREADABLE_TARGET = 1e-5
/** Data shards to choose from, most thrifty first. */
const DATA_SHARDS = [10, 6, 4] as const
const PARITY_SHARDS_MIN = 2
/** More parity than data costs more than copies do. */
const PARITY_PER_DATA_MAX = 1

/**
 * The policy nobody asked for: three copies of what is small; otherwise the thriftiest parity that keeps the
 * content readable often enough with the members there are, and three copies when there are too few for any.
 *
 * @param copiesWanted instead of three.
 * @param uptimes share of time up (0 to 1) of each member that takes chunks, us included.
 */
export function choosePolicy(
  sizeBytes: number | undefined,
  uptimes: readonly number[],
  copiesWanted = COPIES_DEFAULT,
): DurabilityPolicy {
  const copies: DurabilityPolicy = { kind: 'replica', copies: copiesWanted }
  if (sizeBytes !== undefined && sizeBytes < REPLICA_BELOW_BYTES) return copies
  const mean = uptimes.reduce((sum, uptime) => sum + uptime, 0) / Math.max(uptimes.length, 1)
  for (const k of DATA_SHARDS) {
    for (let m = PARITY_SHARDS_MIN; m <= k * PARITY_PER_DATA_MAX && k + m <= uptimes.length; m++) {
      if (unreadableShare(Array(k + m).fill(mean), k) <= UNREADABLE_TARGET) return { kind: 'rs', k, m }
    }
  }
  return copies
}
