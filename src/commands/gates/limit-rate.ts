import type { Clock } from '../../core/clock.ts'
import { TokenBucket, type TokenRate } from '../../core/token-bucket.ts'
import { RateLimitedError } from '../../network/errors.ts'
import type { Caller, Command } from '../command.ts'

/** Programs on this machine and holders of tokens. */
const ALONE: TokenRate = { perSecond: 50, burst: 200 }
/** A person among others: ten commands in ten seconds. */
const IN_GROUP: TokenRate = { perSecond: 1, burst: 10 }
const GROUP: TokenRate = { perSecond: 60, burst: 600 }
/** What a `heavy` command counts where one caller may do as much as the node can; people are counted by the command. */
const HEAVY_COST = 10
/** Callers and groups whose rate is remembered; the one that asked longest ago is forgotten first. */
const REMEMBERED_MAX = 10_000

/** The first gate: how often a caller, and a group of callers, may ask. */
export class RateGate {
  readonly #clock: Clock
  readonly #callers = new Map<string, TokenBucket>()
  readonly #groups = new Map<string, TokenBucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws RateLimitedError with `retryAfterMs`. */
  pass(command: Pick<Command, 'cost'>, caller: Caller): void {
    const { group } = caller
    if (group === undefined) {
      take(this.#bucket(this.#callers, caller.id, ALONE), command.cost === 'heavy' ? HEAVY_COST : 1)
      return
    }
    take(this.#bucket(this.#callers, `${group} ${caller.id}`, IN_GROUP), 1)
    take(this.#bucket(this.#groups, group, GROUP), 1)
  }

  #bucket(buckets: Map<string, TokenBucket>, key: string, rate: TokenRate): TokenBucket {
    const bucket = buckets.get(key) ?? new TokenBucket(this.#clock, rate)
    buckets.delete(key)
    buckets.set(key, bucket)
    const oldest = buckets.keys().next().value
    if (buckets.size > REMEMBERED_MAX && oldest !== undefined) buckets.delete(oldest)
    return bucket
  }
}

function take(bucket: TokenBucket, count: number): void {
  const retryAfterMs = bucket.tryTake(count)
  if (retryAfterMs > 0) throw new RateLimitedError({ what: 'commands', retryAfterMs })
}
