import type { Clock } from '../core/clock.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Bandwidth } from '../network/bandwidth.ts'

/** Of a limited upload, repair takes this share and leaves the rest to people. */
const REPAIR_SHARE = 0.5
/** What may pass at once after a pause, in seconds of the rate. */
const BURST_SECONDS = 1

/** Holds the copies that repair makes back to a share of the bandwidth; changeable while they are made. */
export class RepairBudget {
  readonly #bandwidth: Pick<Bandwidth, 'limits'>
  readonly #bucket: TokenBucket
  #bytesPerSecondMax: number

  /** @param settings `bytesPerSecondMax` of 0 is half of the upload limit in force, and none where there is none. */
  constructor(
    parts: { clock: Clock; bandwidth: Pick<Bandwidth, 'limits'> },
    settings: { bytesPerSecondMax: number },
  ) {
    this.#bandwidth = parts.bandwidth
    this.#bytesPerSecondMax = settings.bytesPerSecondMax
    this.#bucket = new TokenBucket(parts.clock, { perSecond: Infinity, burst: 1 })
  }

  /** Takes effect with the next chunk. */
  change(settings: { bytesPerSecondMax: number }): void {
    this.#bytesPerSecondMax = settings.bytesPerSecondMax
    this.#follow()
  }

  /** Waits until a copy of so many bytes may be sent or fetched. */
  async take(sizeBytes: number, signal: AbortSignal | undefined): Promise<void> {
    this.#follow()
    await this.#bucket.take(sizeBytes, signal)
  }

  /** The upload limit has a schedule of its own: it is asked for at each copy. */
  #follow(): void {
    const upload = this.#bandwidth.limits.uploadBytesPerSecond
    const asked = this.#bytesPerSecondMax > 0 ? this.#bytesPerSecondMax : upload * REPAIR_SHARE
    const perSecond = asked > 0 ? asked : Infinity
    if (perSecond === this.#bucket.rate.perSecond) return
    this.#bucket.setRate({ perSecond, burst: Number.isFinite(perSecond) ? perSecond * BURST_SECONDS : 1 })
  }
}
