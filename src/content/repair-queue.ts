import type { ContentId } from '../core/content-id.ts'

/** Repairs waiting at most: the rest is found again by the next look. */
const WAITING_MAX = 1_000
/** Between attempts at an object that could not be repaired; doubles up to the longest. */
const RETRY_MS_MIN = 30_000
const RETRY_MS_MAX = 30 * 60_000
/** Objects whose failures are remembered; the oldest is tried again early. */
const FAILED_MAX = 10_000

/** An object that wants repair. */
export interface RepairWish<T> {
  root: ContentId
  /** How many more peers may be lost; −1 when it cannot be read now. */
  margin: number
  what: T
}

/**
 * Which object is repaired next: the one that may lose the fewest, and of those the one that came first. What cannot
 * be read now comes last, since nothing can be done about it until somebody returns, and is tried ever less often.
 */
export class RepairQueue<T> {
  readonly #waiting = new Map<ContentId, RepairWish<T>>()
  readonly #failed = new Map<ContentId, { times: number; retryAt: number }>()

  get size(): number {
    return this.#waiting.size
  }

  /** Adds an object, or changes how urgent it is; not while it is left alone after a failure. */
  add(wish: RepairWish<T>, now: number): void {
    const failed = this.#failed.get(wish.root)
    if (failed !== undefined && failed.retryAt > now) return
    if (this.#waiting.size >= WAITING_MAX && !this.#waiting.has(wish.root)) {
      const least = [...this.#waiting.values()].reduce((a, b) => (urgencyOf(b) >= urgencyOf(a) ? b : a))
      if (urgencyOf(wish) >= urgencyOf(least)) return
      this.#waiting.delete(least.root)
    }
    this.#waiting.set(wish.root, wish)
  }

  /** Takes the most urgent one out. */
  next(): RepairWish<T> | undefined {
    let most: RepairWish<T> | undefined
    for (const wish of this.#waiting.values())
      if (most === undefined || urgencyOf(wish) < urgencyOf(most)) most = wish
    if (most !== undefined) this.#waiting.delete(most.root)
    return most
  }

  /** Nothing more is to be done for it. */
  done(root: ContentId): void {
    this.#failed.delete(root)
  }

  /** It could not be repaired, or not wholly: it is left alone for a while. */
  failed(root: ContentId, now: number): void {
    const times = (this.#failed.get(root)?.times ?? 0) + 1
    this.#failed.delete(root)
    this.#failed.set(root, { times, retryAt: now + Math.min(RETRY_MS_MIN * 2 ** (times - 1), RETRY_MS_MAX) })
    const [oldest] = this.#failed.keys()
    if (this.#failed.size > FAILED_MAX && oldest !== undefined) this.#failed.delete(oldest)
  }

  /** Somebody came: what failed may succeed now. */
  retryAll(): void {
    for (const failed of this.#failed.values()) failed.retryAt = 0
  }
}

function urgencyOf({ margin }: { margin: number }): number {
  return margin < 0 ? Number.POSITIVE_INFINITY : margin
}
