import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { AuditLedger } from './audit-ledger.ts'
import type { AuditOutcome } from './audit-standing.ts'
import type { Community } from './community.ts'

/** Whoever fails an audit is asked again so often, … */
const AGAIN_AFTER_FAILURE = 4
const AGAIN_MAX = 40
/** … at this distance; half of it to one and a half, so that nobody knows when. */
const AGAIN_MS = 30_000
/** Suspended peers are asked after this time, and less and less often, until they show that they have recovered. */
const RECOVERY_MS = 5 * 60_000
const RECOVERY_MS_MAX = 3_600_000
const RECOVERY_GROWTH = 1.1
/** A claim found false is asked about again, in case the chunk was healed: soon, and less and less often. */
const DOUBT_GROWTH = 1.5
/** Others' hints about one peer are followed no more often than this. */
const HINT_AGAIN_MS = 10 * 60_000
/** Being unproven for longer does not make a peer's turn come sooner. */
const UNPROVEN_MS_MAX = 24 * 3_600_000
const UNPROVEN_MS_MIN = 60_000
const PEERS_MAX = 1_024

/** What the rota needs. */
export interface AuditRotaParts {
  network: Network
  community: Community
  ledger: AuditLedger
  clock: Clock
  random: Random
}

interface Turn {
  /** How often it is still to be asked again; below 0, how often it failed while suspended. */
  left: number
  /** How often it was asked only because some claim of it was found false. */
  doubts: number
  /** On the monotonic scale. */
  dueAt: number
}

/** Whose turn it is to be audited: everybody's now and then, those unproven for longest first; and those in doubt soon. */
export class AuditRota {
  readonly #parts: AuditRotaParts
  readonly #intervalMs: number
  readonly #again = new Map<PeerId, Turn>()
  readonly #hintedAt = new Map<PeerId, number>()
  #nextAt: number

  /** @param options audits in an hour; 0 for none but those in doubt. */
  constructor(parts: AuditRotaParts, options: { perHour: number }) {
    this.#parts = parts
    this.#intervalMs = options.perHour > 0 ? 3_600_000 / options.perHour : Infinity
    this.#nextAt = parts.clock.monotonic() + this.#around(this.#intervalMs)
    if (options.perHour === 0) return
    for (const peer of parts.ledger.report().suspended) {
      this.#again.set(peer, {
        left: 0,
        doubts: 0,
        dueAt: parts.clock.monotonic() + this.#around(RECOVERY_MS),
      })
    }
  }

  /** Milliseconds until somebody is due; 0 when somebody is. */
  dueInMs(): number {
    const soonest = Math.min(this.#nextAt, ...[...this.#again.values()].map(({ dueAt }) => dueAt))
    return Math.max(soonest - this.#parts.clock.monotonic(), 0)
  }

  /** Those who are due now. */
  takeDue(): PeerId[] {
    const { clock, network } = this.#parts
    const now = clock.monotonic()
    const due: PeerId[] = []
    for (const [peer, turn] of this.#again) {
      if (turn.dueAt > now) continue
      // Moved on before it is asked: an audit that shows nothing must not be repeated at once.
      turn.dueAt = now + this.#around(RECOVERY_MS)
      if (network.isConnected(peer)) due.push(peer)
    }
    if (this.#nextAt <= now) {
      this.#nextAt = now + this.#around(this.#intervalMs)
      const peer = this.#draw()
      if (peer !== undefined && !due.includes(peer)) due.push(peer)
    }
    return due
  }

  /** What an audit showed decides whether the peer is asked again soon. */
  note(peer: PeerId, outcome: AuditOutcome): void {
    const { ledger, clock } = this.#parts
    const now = clock.monotonic()
    const before = this.#again.get(peer)?.left ?? 0
    if (ledger.isSuspended(peer)) {
      const left = outcome === 'proved' ? 0 : Math.min(before, 0) - 1
      const waitMs = Math.min(RECOVERY_MS * RECOVERY_GROWTH ** -left, RECOVERY_MS_MAX)
      // Who passes is soon believed again; who does not costs us little.
      this.#put(peer, {
        left,
        doubts: 0,
        dueAt: now + this.#around(outcome === 'proved' ? AGAIN_MS : waitMs),
      })
      return
    }
    const isGood = outcome === 'proved' || outcome === 'unreachable'
    const left = Math.min(isGood ? before - 1 : Math.max(before, 0) + AGAIN_AFTER_FAILURE, AGAIN_MAX)
    const doubts = (this.#again.get(peer)?.doubts ?? 0) + 1
    if (left > 0) this.#put(peer, { left, doubts: 0, dueAt: now + this.#around(AGAIN_MS) })
    else if (ledger.disprovedOf(peer).size === 0) this.#again.delete(peer)
    else {
      const waitMs = Math.min(AGAIN_MS * DOUBT_GROWTH ** doubts, RECOVERY_MS_MAX)
      this.#put(peer, { left: 0, doubts, dueAt: now + this.#around(waitMs) })
    }
  }

  /** Somebody says that this peer is to be doubted; false when that was heard a moment ago. */
  hint(peer: PeerId): boolean {
    const now = this.#parts.clock.monotonic()
    if (this.#intervalMs === Infinity) return false
    if (this.#again.has(peer) || now - (this.#hintedAt.get(peer) ?? -Infinity) < HINT_AGAIN_MS) return false
    if (this.#hintedAt.size >= PEERS_MAX) this.#hintedAt.clear()
    this.#hintedAt.set(peer, now)
    this.#put(peer, { left: 1, doubts: 0, dueAt: now + this.#around(AGAIN_MS) })
    return true
  }

  #put(peer: PeerId, turn: Turn): void {
    if (this.#again.size >= PEERS_MAX && !this.#again.has(peer)) return
    this.#again.set(peer, turn)
  }

  /** A connected member that claims something, the likelier the longer it has proved nothing. */
  #draw(): PeerId | undefined {
    const { community, network, ledger, clock, random } = this.#parts
    const now = clock.now()
    const members = community.members().filter(({ peer }) => network.isConnected(peer))
    const weights = members.map(({ peer }) => {
      const unprovenMs = now - (ledger.standing(peer).lastProvedAt ?? 0)
      return Math.min(Math.max(unprovenMs, UNPROVEN_MS_MIN), UNPROVEN_MS_MAX)
    })
    let place = random.fraction() * weights.reduce((sum, weight) => sum + weight, 0)
    for (const [index, { peer }] of members.entries()) {
      place -= weights[index] ?? 0
      if (place < 0) return peer
    }
    return undefined
  }

  #around(durationMs: number): number {
    return durationMs * (0.5 + this.#parts.random.fraction())
  }
}
