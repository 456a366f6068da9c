import { type Clock, deadlineWith, sleepWith, type Timer } from './clock.ts'
import type { PeerId } from './signing-key.ts'

/** Clocks this near to each other agree; ours is then taken as it is. */
const NEAR_MS = 60_000
/** A step of our clock that nobody confirms or denies is believed after this long. */
const BELIEVED_AFTER_MS = 3_600_000
/** What a peer said about the time is remembered so long; its clock is anchored to our monotonic one, which does not jump. */
const REMEMBERED_MS = 24 * 3_600_000
/** Time services change a clock's pace by 0.05 % at most. */
const SLEW_MAX = 0.001
/** Peers whose clocks are remembered; the oldest are forgotten first. */
const PEERS_MAX = 64

/**
 * A clock whose dates are those that most of us agree on. Machines' clocks are wrong by hours, jump and stand still;
 * dates decide what has expired and which record is newer. So the wall clock is only one voice:
 *
 * - With two peers or more the median of theirs and ours decides.
 * - With one peer, ours is believed when it is near the peer's; a jump away from it is not.
 * - With none, a jump is believed after an hour in which the clock went on steadily.
 *
 * Only dates are corrected. Timers and durations run on the monotonic clock, which nobody sets.
 */
export class AgreedClock implements Clock {
  readonly #inner: Clock
  /** What must be added to the monotonic time to have the date, as last believed. */
  #anchor: number
  #anchoredAt: number
  #wallOffset: number
  #steadySince: number
  readonly #peers = new Map<PeerId, { offset: number; at: number }>()

  constructor(inner: Clock) {
    this.#inner = inner
    this.#wallOffset = wallOffsetOf(inner)
    this.#anchor = this.#wallOffset
    this.#anchoredAt = inner.monotonic()
    this.#steadySince = inner.monotonic()
  }

  now(): number {
    const wall = wallOffsetOf(this.#inner)
    if (Math.abs(wall - this.#wallOffset) > NEAR_MS) this.#onJump(wall)
    return Math.floor(this.#inner.monotonic() + this.#choose(wall))
  }

  /** By how much the machine's own clock is behind what is agreed on, in milliseconds; negative when it is ahead. */
  get correctionMs(): number {
    return this.now() - this.#inner.now()
  }

  /** What the machine's own clock says: what we tell others, so that errors do not travel in circles. */
  ownNow(): number {
    return this.#inner.now()
  }

  /** A member's own clock says `theirs` (milliseconds since 1970) just now. */
  observe(peer: PeerId, theirs: number): void {
    const at = this.#inner.monotonic()
    this.#peers.delete(peer)
    this.#peers.set(peer, { offset: theirs - at, at })
    for (const [oldest, seen] of this.#peers) {
      if (this.#peers.size <= PEERS_MAX && at - seen.at <= REMEMBERED_MS) break
      this.#peers.delete(oldest)
    }
  }

  monotonic(): number {
    return this.#inner.monotonic()
  }

  after(delayMs: number, action: () => void): Timer {
    return this.#inner.after(delayMs, action)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, delayMs, signal)
  }

  deadline(delayMs: number, ...signals: (AbortSignal | undefined)[]): AbortSignal {
    return deadlineWith(this, delayMs, signals)
  }

  #onJump(wall: number): void {
    // The monotonic clock of a machine that slept stood still, too: what peers said before is void then.
    if (wall > this.#wallOffset) this.#peers.clear()
    this.#wallOffset = wall
    this.#steadySince = this.#inner.monotonic()
  }

  /** The offset that holds now. */
  #choose(wall: number): number {
    const [first, ...others] = [...this.#peers.values()].map(({ offset }) => offset)
    if (first !== undefined && others.length > 0) {
      const voices = [wall, first, ...others].sort((a, b) => a - b)
      const median = voices[(voices.length - 1) >> 1] as number
      return this.#believe(isNear(wall, median) ? wall : median)
    }
    if (isNear(wall, this.#anchor)) {
      this.#follow(wall)
      return wall
    }
    const isConfirmed =
      first === undefined
        ? this.#inner.monotonic() - this.#steadySince >= BELIEVED_AFTER_MS
        : isNear(wall, first)
    return isConfirmed ? this.#believe(wall) : this.#anchor
  }

  #believe(offset: number): number {
    this.#anchor = offset
    this.#anchoredAt = this.#inner.monotonic()
    return offset
  }

  /** Follows our own clock as fast as a clock is ever slewed, and so not one that stands still. */
  #follow(wall: number): void {
    const now = this.#inner.monotonic()
    const most = (now - this.#anchoredAt) * SLEW_MAX
    this.#anchor += Math.min(Math.max(wall - this.#anchor, -most), most)
    this.#anchoredAt = now
  }
}

function wallOffsetOf(clock: Clock): number {
  return clock.now() - clock.monotonic()
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= NEAR_MS
}
