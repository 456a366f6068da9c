import type { Clock, Timer } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import { TokenBucket, type TokenRate } from '../core/token-bucket.ts'

/** Bytes per second; 0 is unlimited. */
export interface BandwidthLimits {
  uploadBytesPerSecond: number
  downloadBytesPerSecond: number
  /** For each peer by itself, within the whole. */
  uploadBytesPerSecondPerPeer: number
  downloadBytesPerSecondPerPeer: number
}

/** Other limits at certain times of the week. */
export interface ScheduledLimits {
  /** 0 is Sunday; empty means every day. The day on which the span begins counts. */
  days: readonly number[]
  /** Minutes since local midnight, 0 to 1439. A span that ends before it begins runs past midnight. */
  fromMinute: number
  toMinute: number
  /** What differs from the limits at other times. */
  limits: Partial<BandwidthLimits>
}

/** The limits of a node, with other ones at certain hours. */
export interface BandwidthSettings extends BandwidthLimits {
  /** The first span that fits counts. */
  schedule: readonly ScheduledLimits[]
}

export const UNLIMITED_BANDWIDTH: BandwidthSettings = {
  uploadBytesPerSecond: 0,
  downloadBytesPerSecond: 0,
  uploadBytesPerSecondPerPeer: 0,
  downloadBytesPerSecondPerPeer: 0,
  schedule: [],
}

/** The schedule is looked at again this often. */
const SCHEDULE_CHECK_MS = 1_000
/**
 * What may pass at once after a pause, in seconds of the limit: enough to hide the coarseness of timers, too little
 * to matter over the seconds in which people look at a rate.
 */
const BURST_SECONDS = 0.1
/** Peers with a pace of their own; the one that was quiet for longest makes room. */
const PEERS_MAX = 1_024
const DAY_MINUTES = 24 * 60

/** Holds the node's traffic within its limits; changeable while transfers run. */
export class Bandwidth {
  readonly #clock: Clock
  #settings: BandwidthSettings
  #limits: BandwidthLimits
  #checkAt = 0
  #timer: Timer | undefined
  readonly #upload: Direction
  readonly #download: Direction

  constructor(parts: { clock: Clock }, settings: Partial<BandwidthSettings> = {}) {
    this.#clock = parts.clock
    this.#settings = { ...UNLIMITED_BANDWIDTH, ...settings }
    this.#limits = this.#settings
    this.#upload = new Direction(parts.clock)
    this.#download = new Direction(parts.clock)
    this.#apply()
  }

  /** The limits in force now, the schedule considered. */
  get limits(): BandwidthLimits {
    this.#followSchedule()
    return this.#limits
  }

  /** Takes effect at once, also for transfers that run; what is not named stays. */
  change(settings: Partial<BandwidthSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
    this.#apply()
  }

  /** Waits until `sizeBytes` may be sent to `peer`; undefined when it may be sent at once. */
  upload(peer: PeerId, sizeBytes: number, signal?: AbortSignal): Promise<void> | undefined {
    return this.#take(this.#upload, peer, sizeBytes, signal)
  }

  /** Waits until `sizeBytes` that came from `peer` may be read further; undefined when they may at once. */
  download(peer: PeerId, sizeBytes: number, signal?: AbortSignal): Promise<void> | undefined {
    return this.#take(this.#download, peer, sizeBytes, signal)
  }

  #take(direction: Direction, peer: PeerId, sizeBytes: number, signal?: AbortSignal) {
    this.#followSchedule()
    const wait = direction.take(peer, sizeBytes, signal)
    if (wait !== undefined) this.#watchSchedule()
    return wait
  }

  /** Transfers that wait must learn of a new span although nobody calls. */
  #watchSchedule(): void {
    if (this.#settings.schedule.length === 0 || this.#timer !== undefined) return
    this.#timer = this.#clock.after(SCHEDULE_CHECK_MS, () => {
      this.#timer = undefined
      this.#apply()
      if (this.#upload.isWaiting || this.#download.isWaiting) this.#watchSchedule()
    })
  }

  #followSchedule(): void {
    if (this.#settings.schedule.length > 0 && this.#clock.monotonic() >= this.#checkAt) this.#apply()
  }

  #apply(): void {
    const { schedule } = this.#settings
    this.#checkAt = this.#clock.monotonic() + SCHEDULE_CHECK_MS
    const now = new Date(this.#clock.now())
    this.#limits = { ...this.#settings, ...schedule.find((span) => isWithin(span, now))?.limits }
    this.#upload.change(this.#limits.uploadBytesPerSecond, this.#limits.uploadBytesPerSecondPerPeer)
    this.#download.change(this.#limits.downloadBytesPerSecond, this.#limits.downloadBytesPerSecondPerPeer)
  }
}

/** One direction: a pace for all and one for each peer. */
class Direction {
  readonly #clock: Clock
  readonly #all: TokenBucket
  readonly #peers = new Map<PeerId, TokenBucket>()
  #perPeer = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#all = new TokenBucket(clock, rateOf(0))
  }

  get isWaiting(): boolean {
    return this.#all.waiting > 0 || [...this.#peers.values()].some((bucket) => bucket.waiting > 0)
  }

  change(all: number, perPeer: number): void {
    if (all !== bytesPerSecondOf(this.#all)) this.#all.setRate(rateOf(all))
    if (perPeer === this.#perPeer) return
    this.#perPeer = perPeer
    for (const bucket of this.#peers.values()) bucket.setRate(rateOf(perPeer))
  }

  take(peer: PeerId, amount: number, signal?: AbortSignal): Promise<void> | undefined {
    const own = this.#perPeer > 0 ? takeFrom(this.#bucketOf(peer), amount, signal) : undefined
    if (own === undefined) return takeFrom(this.#all, amount, signal)
    return own.then(() => takeFrom(this.#all, amount, signal))
  }

  #bucketOf(peer: PeerId): TokenBucket {
    const bucket = this.#peers.get(peer) ?? new TokenBucket(this.#clock, rateOf(this.#perPeer))
    this.#peers.delete(peer)
    this.#peers.set(peer, bucket)
    if (this.#peers.size > PEERS_MAX) {
      const [quietest] = this.#peers
      if (quietest !== undefined && quietest[1].waiting === 0) this.#peers.delete(quietest[0])
    }
    return bucket
  }
}

function takeFrom(bucket: TokenBucket, amount: number, signal?: AbortSignal): Promise<void> | undefined {
  // The usual case stays synchronous: a transfer asks for every frame.
  return bucket.tryTake(amount) === 0 ? undefined : bucket.take(amount, signal)
}

function rateOf(bytesPerSecond: number): TokenRate {
  if (bytesPerSecond === 0) return { perSecond: Number.POSITIVE_INFINITY, burst: 1 }
  return { perSecond: bytesPerSecond, burst: bytesPerSecond * BURST_SECONDS }
}

function bytesPerSecondOf(bucket: TokenBucket): number {
  return Number.isFinite(bucket.rate.perSecond) ? bucket.rate.perSecond : 0
}

function isWithin(span: ScheduledLimits, now: Date): boolean {
  const minute = now.getHours() * 60 + now.getMinutes()
  const { days, fromMinute, toMinute } = span
  const onDay = (day: number) => days.length === 0 || days.includes(day)
  const today = now.getDay()
  if (fromMinute < toMinute) return onDay(today) && minute >= fromMinute && minute < toMinute
  const begunToday = onDay(today) && minute >= fromMinute && minute < DAY_MINUTES
  return begunToday || (onDay((today + 6) % 7) && minute < toMinute)
}
