import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'

/** How a simulated link behaves, the same in both directions. */
export interface LinkFaults {
  /**
   * Chance that a frame or broadcast is lost, 0 to 1. A lost frame either silences its stream for good,
   * as a half-open connection does, or breaks the connection: a kept stream never loses a frame and goes on.
   */
  dropRate: number
  /** One way. */
  delayMs: number
  /** Up to this much more, drawn anew for every message. */
  jitterMs: number
  /** Chance that a broadcast is heard twice, 0 to 1. */
  duplicateRate: number
  /** In each direction; `Infinity` for no limit. */
  bytesPerSecond: number
}

/** A link that does nothing wrong and takes no time. */
export const PERFECT_LINK: LinkFaults = {
  dropRate: 0,
  delayMs: 0,
  jitterMs: 0,
  duplicateRate: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
}

/** Peers named in no group of a partition form one together. */
const REST: readonly number[] = [-1]

/** A message underway; `hops` are the peers it passes, sender and receiver included. */
export interface Passage {
  hops: readonly PeerId[]
  sizeBytes: number
  deliver: () => void
}

/** Moves messages over simulated links: delay, bandwidth, loss and partitions, all by clock and seeded random. */
export class MemoryLinks {
  readonly #clock: Clock
  readonly #random: Random
  #defaults: LinkFaults
  readonly #links = new Map<string, Partial<LinkFaults>>()
  /** Directed link → when it has sent what was given to it, on the monotonic scale. */
  readonly #busyUntil = new Map<string, number>()
  /** Peer → numbers of its groups; undefined while there is no partition. */
  #groups: Map<PeerId, number[]> | undefined
  #held: Passage[] = []
  /** Called for every message that arrives; the simulator's trace. */
  onArrival: (passage: Passage) => void = () => {}

  constructor(parts: { clock: Clock; random: Random }, defaults: LinkFaults) {
    this.#clock = parts.clock
    this.#random = parts.random
    this.#defaults = defaults
  }

  set(a: PeerId, b: PeerId, faults: Partial<LinkFaults>): void {
    const known = this.#links.get(linkName(a, b))
    this.#links.set(linkName(a, b), { ...known, ...faults })
  }

  setDefaults(faults: Partial<LinkFaults>): void {
    this.#defaults = { ...this.#defaults, ...faults }
  }

  /** Every link behaves as the defaults again. */
  reset(): void {
    this.#links.clear()
  }

  get(a: PeerId, b: PeerId): LinkFaults {
    return { ...this.#defaults, ...this.#links.get(linkName(a, b)) }
  }

  /** A peer in two groups is a bridge: it reaches both, and they do not reach each other. */
  partition(groups: readonly (readonly PeerId[])[]): void {
    this.#groups = new Map()
    for (const [index, group] of groups.entries()) {
      for (const peer of group) this.#groups.set(peer, [...(this.#groups.get(peer) ?? []), index])
    }
    this.#release()
  }

  heal(): void {
    this.#groups = undefined
    this.#release()
  }

  /** Whether messages pass along all of `hops` now. */
  isOpen(hops: readonly PeerId[]): boolean {
    const groups = this.#groups
    if (groups === undefined) return true
    return pairs(hops).every(([a, b]) => {
      const others = groups.get(b) ?? REST
      return (groups.get(a) ?? REST).some((group) => others.includes(group))
    })
  }

  /** Draws whether a message is lost on its way. */
  losesMessage(hops: readonly PeerId[]): boolean {
    return pairs(hops).some(([a, b]) => this.#draw(this.get(a, b).dropRate))
  }

  /** Draws whether a broadcast is heard twice. */
  doublesMessage(a: PeerId, b: PeerId): boolean {
    return this.#draw(this.get(a, b).duplicateRate)
  }

  /** One way, without jitter and bandwidth. */
  delayMsOf(hops: readonly PeerId[]): number {
    return pairs(hops).reduce((sum, [a, b]) => sum + this.get(a, b).delayMs, 0)
  }

  /** Delivers after the links' time; a message that meets a partition waits for its end. */
  send(passage: Passage): void {
    const now = this.#clock.monotonic()
    const arrivesAt = pairs(passage.hops).reduce((at, hop) => this.#pass(hop, at, passage.sizeBytes), now)
    const arrive = () => {
      if (this.isOpen(passage.hops)) {
        this.onArrival(passage)
        passage.deliver()
      } else this.#held.push(passage)
    }
    // Without any delay nothing needs the clock: callers with a standing clock get their answer, too.
    if (arrivesAt <= now) queueMicrotask(arrive)
    else this.#clock.after(arrivesAt - now, arrive)
  }

  #pass([from, to]: readonly [PeerId, PeerId], at: number, sizeBytes: number): number {
    const { bytesPerSecond, delayMs, jitterMs } = this.get(from, to)
    const jitter = jitterMs > 0 ? this.#random.fraction() * jitterMs : 0
    if (!Number.isFinite(bytesPerSecond)) return at + delayMs + jitter
    const direction = `${from}>${to}`
    const sentAt = Math.max(at, this.#busyUntil.get(direction) ?? 0) + (sizeBytes / bytesPerSecond) * 1000
    this.#busyUntil.set(direction, sentAt)
    return sentAt + delayMs + jitter
  }

  #release(): void {
    for (const passage of this.#held.splice(0)) this.send({ ...passage, sizeBytes: 0 })
  }

  #draw(rate: number): boolean {
    return rate > 0 && this.#random.fraction() < rate
  }
}

function linkName(a: PeerId, b: PeerId): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`
}

function pairs(hops: readonly PeerId[]): [PeerId, PeerId][] {
  return hops.slice(1).map((peer, index) => [hops[index] as PeerId, peer])
}
