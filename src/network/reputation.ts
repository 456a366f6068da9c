import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'

/**
 * What a peer did. `misbehaved` is an answer that no honest program sends, such as one to another question; `forged` is only for what a third party could check too, such as a record with a signature
 * that does not fit: it is the one thing that bans.
 */
export type PeerDeed =
  | 'good-chunk'
  | 'bad-chunk'
  | 'misbehaved'
  | 'slow'
  | 'timeout'
  | 'refused'
  | 'forged'
  | 'spam'

/** What is kept of a peer across restarts; times are whole wall-clock milliseconds since 1970. */
export interface StoredReputation {
  peer: PeerId
  trust: number
  updatedAt: number
  suspendedUntil: number
  suspensions: number
  banned: boolean
}

/** Where reputations survive a restart; `node/` puts it into the index database. */
export interface ReputationStore {
  load(): readonly StoredReputation[]
  /** Replaces what is kept of these peers; the others stay. */
  save(changed: readonly StoredReputation[]): void
}

/** How fast trust is lost and comes back. */
export interface ReputationOptions {
  /** Trust goes half the way to neutral in this time. @default 7 days */
  halfLifeMs: number
  /** The first suspension; each further one doubles. @default 10 minutes */
  suspensionMs: number
  /** @default 24 hours */
  suspensionMsMax: number
}

/** Scores run from −100 to 100; a stranger has 0. */
const SCORE_MAX = 100
const SUSPENDED_AT_OR_BELOW = -50
/** Where a peer stands when its suspension ends: two more bad chunks suspend it again. */
const TRUST_AFTER_SUSPENSION = -20
/** Lasting trust: what somebody did on purpose, or a broken machine does again and again. */
const TRUST_OF: Partial<Record<PeerDeed, number>> = {
  'good-chunk': 1,
  'bad-chunk': -25,
  misbehaved: -25,
  spam: -10,
}
/** Passing strain: what happens to honest peers on bad days. It lowers the score and never suspends. */
const STRAIN_OF: Partial<Record<PeerDeed, number>> = { timeout: 5, slow: 2, refused: 1, 'good-chunk': -2 }
const STRAIN_MAX = 40
const STRAIN_HALF_LIFE_MS = 5 * 60 * 1000
/** After this long without a suspension the next one counts as the first. */
const SUSPENSIONS_FORGOTTEN_MS = 7 * 24 * 60 * 60 * 1000
/** Changes wait this long for others before they are saved together. */
const SAVE_AFTER_MS = 5_000
/** Peers remembered; the ones unheard of for longest are forgotten first, banned ones last. */
const PEERS_MAX = 10_000

const OPTIONS_DEFAULT: ReputationOptions = {
  halfLifeMs: 7 * 24 * 60 * 60 * 1000,
  suspensionMs: 10 * 60 * 1000,
  suspensionMsMax: 24 * 60 * 60 * 1000,
}

/** All times on the monotonic scale, so that a jump of the wall clock neither frees nor locks out anybody. */
interface Entry {
  trust: number
  strain: number
  updatedAt: number
  suspendedUntil: number
  suspensions: number
  banned: boolean
}

/**
 * How far each peer can be relied on. Bad chunks and spam suspend, for a time that doubles with each repetition
 * and always ends; time-outs only lower a peer's place in the row.
 */
export class Reputation {
  readonly #parts: { clock: Clock; store: ReputationStore; log: Logger; metrics: Metrics }
  readonly #options: ReputationOptions
  /** In the order of their last report, oldest first. */
  readonly #entries = new Map<PeerId, Entry>()
  readonly #unsaved = new Set<PeerId>()
  readonly #listeners = new Set<(peer: PeerId) => void>()
  #saveTimer: Timer | undefined
  #isClosed = false

  constructor(
    parts: { clock: Clock; store: ReputationStore; log: Logger; metrics: Metrics },
    options: Partial<ReputationOptions> = {},
  ) {
    this.#parts = parts
    this.#options = { ...OPTIONS_DEFAULT, ...options }
    for (const stored of parts.store.load()) this.#entries.set(stored.peer, this.#fromStored(stored))
  }

  /** From −100 (avoid) over 0 (unknown) to 100 (has served us well). */
  score(peer: PeerId): number {
    const entry = this.#current(peer)
    return entry === undefined ? 0 : within(entry.trust - entry.strain)
  }

  /** Whether we neither ask nor answer this peer now. */
  isSuspended(peer: PeerId): boolean {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return false
    return entry.banned || entry.suspendedUntil > this.#parts.clock.monotonic()
  }

  /** Whether this peer forged something, for which there is no return. */
  isBanned(peer: PeerId): boolean {
    return this.#entries.get(peer)?.banned === true
  }

  /** Milliseconds until a suspension ends; 0 without one, `Infinity` for a ban. */
  suspendedForMs(peer: PeerId): number {
    const entry = this.#entries.get(peer)
    if (entry?.banned === true) return Number.POSITIVE_INFINITY
    return Math.max((entry?.suspendedUntil ?? 0) - this.#parts.clock.monotonic(), 0)
  }

  report(peer: PeerId, deed: PeerDeed): void {
    const { clock, metrics } = this.#parts
    metrics.count('kizuna_peer_deeds_total', { deed })
    const now = clock.monotonic()
    const entry = this.#current(peer) ?? newEntry(now)
    // Who is suspended pays already; what it does meanwhile must not await it at the door.
    const trust = this.isSuspended(peer) ? Math.max(TRUST_OF[deed] ?? 0, 0) : (TRUST_OF[deed] ?? 0)
    // A bad deed spends all credit first: nobody earns the right to harm.
    entry.trust = within(trust < 0 ? Math.min(entry.trust, 0) + trust : entry.trust + trust)
    entry.strain = Math.min(Math.max(entry.strain + (STRAIN_OF[deed] ?? 0), 0), STRAIN_MAX)
    entry.updatedAt = now
    this.#entries.delete(peer)
    this.#entries.set(peer, entry)
    this.#forgetOldest()
    this.#unsaved.add(peer)
    if (deed === 'forged') this.#ban(peer, entry)
    else if (trust < 0 && entry.trust <= SUSPENDED_AT_OR_BELOW) this.#suspend(peer, entry, deed)
    else if (!this.#isClosed) this.#saveTimer ??= clock.after(SAVE_AFTER_MS, () => this.save())
  }

  /** Calls `listener` when a peer is suspended or banned; returns how to stop. */
  onSuspended(listener: (peer: PeerId) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Saves for the last time, when the node stops: what is reported afterwards counts until then, and is not kept. */
  close(): void {
    this.save()
    this.#isClosed = true
  }

  /** Saves what changed since the last time. */
  save(): void {
    if (this.#isClosed) return
    this.#saveTimer?.stop()
    this.#saveTimer = undefined
    const changed = [...this.#unsaved].flatMap((peer) => this.#toStored(peer))
    this.#unsaved.clear()
    if (changed.length > 0) this.#parts.store.save(changed)
  }

  #suspend(peer: PeerId, entry: Entry, deed: PeerDeed): void {
    const { clock, log, metrics } = this.#parts
    const now = clock.monotonic()
    if (now - entry.suspendedUntil > SUSPENSIONS_FORGOTTEN_MS) entry.suspensions = 0
    const durationMs = Math.min(
      this.#options.suspensionMs * 2 ** Math.min(entry.suspensions, 30),
      this.#options.suspensionMsMax,
    )
    entry.suspensions++
    entry.suspendedUntil = now + durationMs
    entry.trust = TRUST_AFTER_SUSPENSION
    metrics.count('kizuna_peer_suspensions_total')
    log.info('peer suspended', { peer, deed, durationMs })
    this.#closeDoor(peer)
  }

  #ban(peer: PeerId, entry: Entry): void {
    entry.banned = true
    entry.trust = -SCORE_MAX
    this.#parts.log.warn('peer banned', { peer })
    this.#closeDoor(peer)
  }

  #closeDoor(peer: PeerId): void {
    this.save()
    for (const listener of [...this.#listeners]) listener(peer)
  }

  /** The entry with time having done its work. */
  #current(peer: PeerId): Entry | undefined {
    const entry = this.#entries.get(peer)
    if (entry === undefined || entry.banned) return entry
    const now = this.#parts.clock.monotonic()
    const passedMs = now - entry.updatedAt
    entry.trust *= 2 ** (-passedMs / this.#options.halfLifeMs)
    entry.strain *= 2 ** (-passedMs / STRAIN_HALF_LIFE_MS)
    entry.updatedAt = now
    return entry
  }

  #forgetOldest(): void {
    if (this.#entries.size <= PEERS_MAX) return
    for (const peer of this.#entries.keys()) {
      if (this.isSuspended(peer)) continue
      this.#entries.delete(peer)
      return
    }
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  #toStored(peer: PeerId): StoredReputation[] {
    const entry = this.#current(peer)
    if (entry === undefined) return []
    const wallOffset = this.#parts.clock.now() - this.#parts.clock.monotonic()
    const { trust, suspensions, banned } = entry
    return [
      {
        peer,
        trust,
        updatedAt: Math.round(entry.updatedAt + wallOffset),
        suspendedUntil: entry.suspendedUntil === 0 ? 0 : Math.round(entry.suspendedUntil + wallOffset),
        suspensions,
        banned,
      },
    ]
  }

  /** Whatever the wall clock did meanwhile, nobody stays out longer than the longest suspension. */
  #fromStored(stored: StoredReputation): Entry {
    const { clock } = this.#parts
    const now = clock.monotonic()
    const leftMs = Math.min(stored.suspendedUntil - clock.now(), this.#options.suspensionMsMax)
    const ageMs = Math.max(clock.now() - stored.updatedAt, 0)
    return {
      trust: within(stored.trust),
      strain: 0,
      updatedAt: now - ageMs,
      suspendedUntil: stored.suspendedUntil === 0 ? 0 : now + leftMs,
      suspensions: stored.suspensions,
      banned: stored.banned,
    }
  }
}

/** Keeps nothing; for tests and for nodes that live once. */
export const forgetfulReputationStore: ReputationStore = { load: () => [], save: () => {} }

function newEntry(now: number): Entry {
  return { trust: 0, strain: 0, updatedAt: now, suspendedUntil: 0, suspensions: 0, banned: false }
}

function within(trust: number): number {
  return Math.min(Math.max(Number.isFinite(trust) ? trust : 0, -SCORE_MAX), SCORE_MAX)
}
