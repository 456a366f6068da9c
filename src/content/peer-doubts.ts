import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'

/** After so many bad answers in a row a peer is asked only for what nobody else has. */
export const DOUBTS_MAX = 3
/** Doubts are forgotten this long after the last: the peer may have been restarted, or its line mended. */
const FORGOTTEN_MS = 60_000
/** Peers kept count of; those heard of longest ago make room. */
const PEERS_MAX = 1_024

/**
 * Bad answers in a row, for all transfers of a node together: broken off, stalled, overtaken, denying what it said
 * it had. Each may happen to an honest peer on a bad day, so doubts only put it behind the others, and one good
 * chunk ends them; what proves a lie is the reputation's business.
 */
export class PeerDoubts {
  readonly #clock: Clock
  readonly #doubts = new Map<PeerId, { count: number; at: number }>()
  /** When each peer sent its last good chunk. */
  readonly #goodAt = new Map<PeerId, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  count(peer: PeerId): number {
    const doubt = this.#doubts.get(peer)
    if (doubt === undefined) return 0
    if (this.#clock.monotonic() - doubt.at < FORGOTTEN_MS) return doubt.count
    this.#doubts.delete(peer)
    return 0
  }

  /** Whether it is asked only for what nobody else has. */
  isSetAside(peer: PeerId): boolean {
    return this.count(peer) >= DOUBTS_MAX
  }

  /** Whether it has sent a good chunk of late, and nothing bad since: those are asked first. */
  isProven(peer: PeerId): boolean {
    const at = this.#goodAt.get(peer)
    return at !== undefined && this.#clock.monotonic() - at < FORGOTTEN_MS && this.count(peer) === 0
  }

  note(peer: PeerId): void {
    keep(this.#doubts, peer, { count: this.count(peer) + 1, at: this.#clock.monotonic() })
  }

  /** It sent wrong bytes: left aside at once. */
  condemn(peer: PeerId): void {
    keep(this.#doubts, peer, { count: DOUBTS_MAX, at: this.#clock.monotonic() })
  }

  /** It sent a good chunk. */
  clear(peer: PeerId): void {
    this.#doubts.delete(peer)
    keep(this.#goodAt, peer, this.#clock.monotonic())
  }
}

/** Adds at the young end; the oldest makes room. */
function keep<Value>(map: Map<PeerId, Value>, peer: PeerId, value: Value): void {
  map.delete(peer)
  map.set(peer, value)
  const [oldest] = map.keys()
  if (map.size > PEERS_MAX && oldest !== undefined) map.delete(oldest)
}
