import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import { TokenBucket, type TokenRate } from '../core/token-bucket.ts'

/** Peers counted; the one that was quiet for longest makes room. */
const PEERS_MAX = 1_024

/** One bucket per peer, so that what one peer may cost us does not depend on the others. */
export class PeerBuckets {
  readonly #clock: Clock
  readonly #rate: TokenRate
  /** In the order of their last use, quietest first. */
  readonly #buckets = new Map<PeerId, TokenBucket>()

  constructor(clock: Clock, rate: TokenRate) {
    this.#clock = clock
    this.#rate = rate
  }

  /** Takes one token of the peer's; false when it has none now. */
  take(peer: PeerId): boolean {
    const bucket = this.#buckets.get(peer) ?? new TokenBucket(this.#clock, this.#rate)
    this.#buckets.delete(peer)
    this.#buckets.set(peer, bucket)
    if (this.#buckets.size > PEERS_MAX) {
      const [quietest] = this.#buckets.keys()
      if (quietest !== undefined) this.#buckets.delete(quietest)
    }
    return bucket.tryTake(1) === 0
  }
}
