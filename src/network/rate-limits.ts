import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import { TokenBucket } from '../core/token-bucket.ts'

/** How much one peer may ask of us. */
export interface RateLimitOptions {
  /** Requests that one peer may begin per second. @default 2_000, more than one chunk transfer at full speed needs */
  requestsPerSecond: number
  /** Bytes that one peer may send us in requests per second; 0 is unlimited. @default 0 */
  bytesPerSecond: number
  /** Requests of one peer that are answered at once. @default 256 */
  openRequestsMax: number
  /** Broadcast messages that one peer may make us hear per second. @default 20 */
  messagesPerSecond: number
}

const OPTIONS_DEFAULT: RateLimitOptions = {
  requestsPerSecond: 2_000,
  bytesPerSecond: 0,
  openRequestsMax: 256,
  messagesPerSecond: 20,
}

/** Buckets hold this many seconds of their rate: honest work comes in bursts. */
const BURST_SECONDS = 2
/** Peers with buckets of their own; the one that was quiet for longest makes room. */
const PEERS_MAX = 4_096
/** When all open places are taken, one is likely free again after this (milliseconds). */
const OPEN_RETRY_MS = 250
/** Refusals that count as an accident: an honest peer waits as it was told, and soon has none. */
const REFUSALS: { perSecond: number; burst: number } = { perSecond: 2, burst: 100 }
/** A peer that does not stop is reported this often (milliseconds). */
const SPAM_EVERY_MS = 1_000

interface PeerLimits {
  requests: TokenBucket
  bytes: TokenBucket
  messages: TokenBucket
  refusals: TokenBucket
  openRequests: number
  spamReportedAt: number
}

/** How much each peer may ask of us. Every figure is per peer, so that one cannot spoil it for the others. */
export class RateLimits {
  readonly #clock: Clock
  readonly #options: RateLimitOptions
  /** In the order of their last use, quietest first. */
  readonly #peers = new Map<PeerId, PeerLimits>()

  constructor(parts: { clock: Clock }, options: Partial<RateLimitOptions> = {}) {
    this.#clock = parts.clock
    this.#options = { ...OPTIONS_DEFAULT, ...options }
  }

  /** Peers that are kept count of. */
  get peers(): number {
    return this.#peers.size
  }

  /** Requests of this peer that are being answered. */
  openRequests(peer: PeerId): number {
    return this.#peers.get(peer)?.openRequests ?? 0
  }

  /** Requests of this peer that could be answered besides. */
  freeSlots(peer: PeerId): number {
    return this.#options.openRequestsMax - this.openRequests(peer)
  }

  /** Begins a request: 0 when it may be answered, and then `endRequest` must follow; else when to try again, in ms. */
  beginRequest(peer: PeerId): number {
    const limits = this.#limitsOf(peer)
    if (limits.openRequests >= this.#options.openRequestsMax) return OPEN_RETRY_MS
    const waitMs = limits.requests.tryTake(1)
    if (waitMs === 0) limits.openRequests++
    return waitMs
  }

  endRequest(peer: PeerId): void {
    const limits = this.#peers.get(peer)
    if (limits !== undefined) limits.openRequests--
  }

  /** Waits until `sizeBytes` from this peer may be read further; undefined when they may at once. */
  takeBytes(peer: PeerId, sizeBytes: number, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#options.bytesPerSecond === 0) return undefined
    const { bytes } = this.#limitsOf(peer)
    return bytes.tryTake(sizeBytes) === 0 ? undefined : bytes.take(sizeBytes, signal)
  }

  /** Whether a broadcast message of this peer may be heard. */
  takeMessage(peer: PeerId): boolean {
    return this.#limitsOf(peer).messages.tryTake(1) === 0
  }

  /** Notes a refusal; true when there were so many that the peer should be reported for spam now. */
  isSpam(peer: PeerId): boolean {
    const limits = this.#limitsOf(peer)
    if (limits.refusals.tryTake(1) === 0) return false
    const now = this.#clock.monotonic()
    if (now - limits.spamReportedAt < SPAM_EVERY_MS) return false
    limits.spamReportedAt = now
    return true
  }

  #limitsOf(peer: PeerId): PeerLimits {
    const limits = this.#peers.get(peer) ?? this.#newLimits()
    this.#peers.delete(peer)
    this.#peers.set(peer, limits)
    if (this.#peers.size > PEERS_MAX) this.#forgetQuietest()
    return limits
  }

  #forgetQuietest(): void {
    for (const [peer, limits] of this.#peers) {
      // Its open requests end later and must find their count.
      if (limits.openRequests > 0) continue
      this.#peers.delete(peer)
      return
    }
  }

  #newLimits(): PeerLimits {
    const { requestsPerSecond, bytesPerSecond, messagesPerSecond } = this.#options
    const bucket = (perSecond: number) =>
      new TokenBucket(this.#clock, { perSecond, burst: perSecond * BURST_SECONDS })
    return {
      requests: bucket(requestsPerSecond),
      bytes: bucket(bytesPerSecond === 0 ? Number.MAX_SAFE_INTEGER : bytesPerSecond),
      messages: bucket(messagesPerSecond),
      refusals: new TokenBucket(this.#clock, REFUSALS),
      openRequests: 0,
      spamReportedAt: Number.NEGATIVE_INFINITY,
    }
  }
}
