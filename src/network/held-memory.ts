import type { Clock, Timer } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'

/** Whoever holds memory of ours for an asker: a stream, or a request on a direct connection. */
export interface MemoryHolder {
  /** Bytes that lie in our memory now. */
  readonly heldBytes: number
  /** Bytes that came or were written so far; as long as it stands still, nothing moves here. */
  readonly movedBytes: number
  /** Ends it at once. */
  reset(reason: Error): void
}

/** Bytes that all streams of askers together may hold in our memory. */
export const HELD_BYTES_MAX = 24 * 1024 * 1024
const LOOK_MS = 1_000

/**
 * Many slow askers, each within its limits, would fill the memory together. When they hold too much, those whose
 * streams stand still go, the ones that hold most first; whoever moves stays.
 */
export class HeldMemory {
  readonly #clock: Clock
  readonly #onDropped: () => void
  /** Stream → what had moved on it at the last look. */
  readonly #streams = new Map<MemoryHolder, number>()
  #timer: Timer | undefined

  constructor(parts: { clock: Clock; onDropped: () => void }) {
    this.#clock = parts.clock
    this.#onDropped = parts.onDropped
  }

  add(frames: MemoryHolder): void {
    this.#streams.set(frames, frames.movedBytes)
    this.#timer ??= this.#clock.after(LOOK_MS, () => this.#look())
  }

  remove(frames: MemoryHolder): void {
    this.#streams.delete(frames)
    if (this.#streams.size > 0) return
    this.#timer?.stop()
    this.#timer = undefined
  }

  #look(): void {
    this.#timer = this.#clock.after(LOOK_MS, () => this.#look())
    let heldBytes = 0
    const still: MemoryHolder[] = []
    for (const [frames, movedBefore] of this.#streams) {
      heldBytes += frames.heldBytes
      if (frames.movedBytes === movedBefore && frames.heldBytes > 0) still.push(frames)
      this.#streams.set(frames, frames.movedBytes)
    }
    for (const frames of still.toSorted((a, b) => b.heldBytes - a.heldBytes)) {
      if (heldBytes <= HELD_BYTES_MAX) return
      heldBytes -= frames.heldBytes
      this.#onDropped()
      frames.reset(new LimitExceededError({ what: 'The memory of all requests', limit: HELD_BYTES_MAX }))
    }
  }
}
