import type { Clock, Timer } from '../core/clock.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { SyncResult } from './record-sets.ts'
import type { RecordSync } from './record-sync.ts'

/** Synchronisations that we begin at the same time. */
const PARALLEL_MAX = 4
/** A whole synchronisation with one peer. */
const SYNC_TIMEOUT_MS = 120_000
/** A failed first synchronisation with a connected peer is tried again after this. */
const RETRY_MS = 2_000
const RETRIES_MAX = 5

/** What the schedule is made of. */
export interface SyncScheduleParts {
  network: Network
  sync: RecordSync
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  isMember: (peer: PeerId) => boolean
}

/**
 * When to synchronise with whom: with a member as soon as it is connected (and again while that fails),
 * with a random connected member at intervals, and on demand.
 */
export class SyncSchedule {
  readonly #parts: SyncScheduleParts
  readonly #intervalMs: number
  readonly #running = new Map<PeerId, Promise<unknown>>()
  /** Connected members that we have not synchronised with since they connected → failed attempts. */
  readonly #fresh = new Map<PeerId, number>()
  #closing = new AbortController()
  #stopListening: (() => void) | undefined
  #intervalTimer: Timer | undefined
  #retryTimer: Timer | undefined

  constructor(parts: SyncScheduleParts, options: { intervalMs: number }) {
    this.#parts = parts
    this.#intervalMs = options.intervalMs
  }

  start(): void {
    this.#closing = new AbortController()
    this.#stopListening = this.#parts.network.onPeer(({ kind, peer }) => {
      if (kind === 'disconnected') this.#fresh.delete(peer)
      else this.#fresh.set(peer, 0)
      this.#syncFresh()
    })
    this.syncSoon()
    this.#waitForInterval()
  }

  async stop(): Promise<void> {
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#intervalTimer?.stop()
    this.#retryTimer?.stop()
    this.#retryTimer = undefined
    this.#fresh.clear()
    this.#closing.abort(new DOMException('the node stops', 'AbortError'))
    await Promise.allSettled(this.#running.values())
  }

  /** Treats every connected peer as newly connected. */
  syncSoon(): void {
    for (const { peer } of this.#parts.network.connectedPeers()) this.#fresh.set(peer, 0)
    this.#syncFresh()
  }

  /** Peers that were connected before they were members are due now. */
  onMembersChanged(): void {
    if (this.#stopListening !== undefined) this.#syncFresh()
  }

  async syncNow(options: { peers?: PeerId[]; signal?: AbortSignal }): Promise<SyncResult> {
    const { network, isMember } = this.#parts
    const connected = () =>
      network
        .connectedPeers()
        .map(({ peer }) => peer)
        .filter((peer) => isMember(peer))
    const waiting = [...(options.peers ?? connected())]
    const result: SyncResult = { peers: 0, sent: 0, received: 0 }
    const worker = async () => {
      for (let peer = waiting.shift(); peer !== undefined; peer = waiting.shift()) {
        await this.#running.get(peer)?.catch(() => undefined)
        options.signal?.throwIfAborted()
        const done = await this.#syncWith(peer, options.signal)
        if (done === undefined) continue
        result.peers += 1
        result.sent += done.sent
        result.received += done.received
      }
    }
    await Promise.all(Array.from({ length: PARALLEL_MAX }, worker))
    return result
  }

  #waitForInterval(): void {
    const { clock, random, network, isMember } = this.#parts
    // Spread over a tenth, so that nodes that started together do not stay in step.
    const delayMs = Math.round(this.#intervalMs * (0.9 + random.fraction() * 0.2))
    this.#intervalTimer = clock.after(delayMs, () => {
      this.#waitForInterval()
      const members = network.connectedPeers().filter(({ peer }) => isMember(peer))
      const chosen = members[members.length === 0 ? 0 : random.integer(members.length)]
      if (chosen !== undefined) this.#syncInBackground(chosen.peer)
    })
  }

  #syncFresh(): void {
    for (const peer of this.#fresh.keys()) {
      if (this.#running.size >= PARALLEL_MAX) return
      if (this.#parts.isMember(peer)) this.#syncInBackground(peer)
    }
  }

  #syncInBackground(peer: PeerId): void {
    if (this.#running.has(peer) || this.#closing.signal.aborted) return
    void this.#syncWith(peer).then((done) => {
      const failures = this.#fresh.get(peer)
      if (done !== undefined || failures === undefined) this.#fresh.delete(peer)
      else if (failures + 1 >= RETRIES_MAX) this.#fresh.delete(peer)
      else {
        this.#fresh.set(peer, failures + 1)
        this.#retryLater()
        return
      }
      this.#syncFresh()
    })
  }

  #retryLater(): void {
    if (this.#retryTimer !== undefined || this.#closing.signal.aborted) return
    this.#retryTimer = this.#parts.clock.after(RETRY_MS, () => {
      this.#retryTimer = undefined
      this.#syncFresh()
    })
  }

  /** Undefined when it failed. */
  async #syncWith(
    peer: PeerId,
    signal?: AbortSignal,
  ): Promise<{ sent: number; received: number } | undefined> {
    const { sync, clock, log, metrics } = this.#parts
    const ending = new AbortController()
    const deadline = clock.deadline(SYNC_TIMEOUT_MS, ending.signal, this.#closing.signal, signal)
    const work = sync.syncWith(peer, deadline)
    this.#running.set(peer, work)
    try {
      const done = await work
      metrics.count('kizuna_record_syncs_total', { result: 'done' })
      return done
    } catch (error) {
      signal?.throwIfAborted()
      metrics.count('kizuna_record_syncs_total', { result: 'failed' })
      const code = isKizunaError(error) ? error.code : 'INTERNAL'
      log.debug('records not synchronised', { peer, code, error })
      return undefined
    } finally {
      this.#running.delete(peer)
      // Lets go of the deadline's timer.
      ending.abort()
    }
  }
}
