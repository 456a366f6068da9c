import type { Clock, Timer } from '../core/clock.ts'
import { RateLimitedError } from './errors.ts'

/** Whoever holds memory of ours for an asker: a stream, or a request on a direct connection. */
export interface MemoryHolder {
  /** Whose it is. */
  readonly peer: string
  /** Bytes that lie in our memory now. */
  readonly heldBytes: number
  /** Bytes that came or were written so far; as long as it stands still, nothing moves here. */
  readonly movedBytes: number
  /** Gives back what it holds; told again, it had not. */
  reset(reason: Error): void
}

/** Bytes that all streams of askers together may hold in our memory while they stand still. */
export const HELD_BYTES_MAX = 16 * 1024 * 1024
/** And those of one peer: nobody alone can use up what there is for all. */
export const HELD_BYTES_PER_PEER_MAX = 8 * 1024 * 1024
/** So many times as much while they move: who fills our memory at full speed does not stand still. */
const MOVING_FACTOR = 1.5
/** A holder on which nothing has moved for so long stands still. */
const STILL_MS = 1_000
const LOOK_MS = 500
/** What comes in between two looks is what may be too much at most; but looks cost something, too. */
const LOOK_BYTES = 2 * 1024 * 1024
const LOOK_MS_MIN = 20

interface Seen {
  movedBytes: number
  /** Since when nothing has moved. */
  since: number
  /** When it was told to give back what it holds. */
  droppedAt?: number
}

/**
 * Many slow askers, each within its limits, would fill the memory together. When they hold too much, those who stand
 * still go, of the peer that holds most first; those who move go only when it is far too much.
 */
export class HeldMemory {
  readonly #clock: Clock
  readonly #onDropped: () => void
  readonly #holders = new Map<MemoryHolder, Seen>()
  #timer: Timer | undefined
  #lookedAt = 0
  #cameBytes = 0

  constructor(parts: { clock: Clock; onDropped: () => void }) {
    this.#clock = parts.clock
    this.#onDropped = parts.onDropped
  }

  /** Bytes held now. */
  get heldBytes(): number {
    return sumOf(this.#holders.keys())
  }

  add(holder: MemoryHolder): void {
    this.#holders.set(holder, { movedBytes: holder.movedBytes, since: this.#clock.monotonic() })
    this.#timer ??= this.#clock.after(LOOK_MS, () => this.#look())
  }

  remove(holder: MemoryHolder): void {
    this.#holders.delete(holder)
    if (this.#holders.size > 0) return
    this.#timer?.stop()
    this.#timer = undefined
  }

  /** Bytes came from a peer, for whomever: when they are many it is looked at once. */
  came(bytes: number): void {
    this.#cameBytes += bytes
    if (this.#cameBytes < LOOK_BYTES || this.#holders.size === 0) return
    if (this.#clock.monotonic() - this.#lookedAt < LOOK_MS_MIN) return
    this.#timer?.stop()
    this.#look()
  }

  #look(): void {
    const now = this.#clock.monotonic()
    this.#lookedAt = now
    this.#cameBytes = 0
    this.#timer = this.#clock.after(LOOK_MS, () => this.#look())
    const ofPeers = new Map<string, MemoryHolder[]>()
    for (const [holder, seen] of this.#holders) {
      if (holder.movedBytes !== seen.movedBytes) {
        seen.movedBytes = holder.movedBytes
        seen.since = now
      }
      if (holder.heldBytes === 0) continue
      if (seen.droppedAt !== undefined) {
        // What it is giving back is not taken from others besides.
        if (now - seen.droppedAt >= STILL_MS) this.#drop(holder, now)
        continue
      }
      const ofPeer = ofPeers.get(holder.peer)
      if (ofPeer === undefined) ofPeers.set(holder.peer, [holder])
      else ofPeer.push(holder)
    }
    const peers = [...ofPeers.values()].toSorted((a, b) => sumOf(b) - sumOf(a))
    const left = peers.flatMap((holders) => this.#shed(largestFirst(holders), HELD_BYTES_PER_PEER_MAX, now))
    this.#shed(left, HELD_BYTES_MAX, now)
  }

  /** Lets go of as many as needed, in this order; the others. */
  #shed(holders: readonly MemoryHolder[], limit: number, now: number): MemoryHolder[] {
    let heldBytes = sumOf(holders)
    const gone = new Set<MemoryHolder>()
    const drop = (holder: MemoryHolder) => {
      heldBytes -= holder.heldBytes
      gone.add(holder)
      this.#drop(holder, now)
    }
    for (const holder of holders) {
      if (heldBytes <= limit) break
      if (now - (this.#holders.get(holder)?.since ?? now) >= STILL_MS) drop(holder)
    }
    for (const holder of holders) {
      if (heldBytes <= MOVING_FACTOR * limit) break
      if (!gone.has(holder)) drop(holder)
    }
    return holders.filter((holder) => !gone.has(holder))
  }

  #drop(holder: MemoryHolder, now: number): void {
    const seen = this.#holders.get(holder)
    if (seen !== undefined) seen.droppedAt = now
    this.#onDropped()
    holder.reset(new RateLimitedError({ what: 'bytes in memory', retryAfterMs: 1_000 }))
  }
}

function largestFirst(holders: readonly MemoryHolder[]): MemoryHolder[] {
  return holders.toSorted((a, b) => b.heldBytes - a.heldBytes)
}

function sumOf(holders: Iterable<MemoryHolder>): number {
  let sum = 0
  for (const { heldBytes } of holders) sum += heldBytes
  return sum
}
