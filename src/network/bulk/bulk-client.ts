import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { PeerId } from '../../core/signing-key.ts'
import type { TlsIdentity } from '../native-tls/tls-identity.ts'
import { BulkAsking } from './bulk-asking.ts'
import { type BulkAddress, dialBulk } from './bulk-dial.ts'
import { FramePool } from './frame-pool.ts'

/** A direct connection that nobody uses is closed after this. */
const IDLE_MS = 30_000
/** Who has let us in says so within this. */
const FIRST_WORD_MS = 3_000
/** After a dial that failed, or a connection that broke, the next one waits so long, doubled each time. */
const RETRY_MS_MIN = 5_000
const RETRY_MS_MAX = 10 * 60_000
/** A peer of whom we do not know that it can is looked up again after this; it costs no dial. */
const UNKNOWN_MS = 200
/** Peers whose direct connections are remembered to have failed. */
const REMEMBERED_MAX = 1_000

/** What asking needs. */
export interface BulkClientParts {
  clock: Clock
  log: Logger
  metrics: Metrics
  identity: TlsIdentity
  /** Where this peer may be dialled directly, best first; none when it does not know how, or is behind a relay. */
  addressesOf: (peer: PeerId) => Promise<BulkAddress[]>
}

/** Our direct connections to peers. Nobody waits for one: until it stands, requests go by libp2p. */
export class BulkClient {
  readonly #parts: BulkClientParts
  readonly #links = new Map<PeerId, BulkAsking>()
  readonly #dialling = new Set<PeerId>()
  readonly #retryAt = new Map<PeerId, { at: number; waitMs: number }>()
  readonly #pool = new FramePool()
  readonly #life = new AbortController()

  constructor(parts: BulkClientParts) {
    this.#parts = parts
  }

  /** The direct connection to a peer when it can be used now; otherwise one is tried for the next time. */
  linkTo(peer: PeerId): BulkAsking | undefined {
    const link = this.#links.get(peer)
    if (link !== undefined && !link.ended.aborted) return link.hasRoom ? link : undefined
    if (!this.#life.signal.aborted && !this.#dialling.has(peer) && this.#mayTry(peer)) {
      this.#dialling.add(peer)
      void this.#dial(peer).finally(() => this.#dialling.delete(peer))
    }
    return undefined
  }

  /** Closes those that nobody used for a while; to be called now and then. */
  closeIdle(): void {
    for (const link of this.#links.values()) {
      if (link.idleMs >= IDLE_MS) link.close(new Error('idle'))
    }
  }

  /** Closes the connection to a peer that is no longer connected, and forgets what failed. */
  drop(peer: PeerId): void {
    this.#links.get(peer)?.close(new Error('no longer connected'))
    this.#retryAt.delete(peer)
  }

  stop(): void {
    this.#life.abort(new Error('this node stops'))
    for (const link of this.#links.values()) link.close(new Error('this node stops'))
  }

  async #dial(peer: PeerId): Promise<void> {
    const { clock, log, metrics, identity, addressesOf } = this.#parts
    try {
      const addresses = await addressesOf(peer)
      if (addresses.length === 0) {
        // It may not have said yet what it speaks.
        this.#retryAt.set(peer, { at: clock.monotonic() + UNKNOWN_MS, waitMs: RETRY_MS_MIN / 2 })
        return
      }
      const socketOf = await dialBulk({ clock, identity }, { peer, addresses, signal: this.#life.signal })
      const link = new BulkAsking({ clock, metrics, peer, pool: this.#pool, ...socketOf })
      await link.letIn(clock.deadline(FIRST_WORD_MS, this.#life.signal))
      this.#links.set(peer, link)
      const ended = () => {
        if (this.#links.get(peer) === link) this.#links.delete(peer)
        // One that closed before it was any use would only be opened again and again.
        if (link.wasUseful) this.#retryAt.delete(peer)
        else this.#failed(peer)
      }
      link.ended.addEventListener('abort', ended, { once: true })
      if (link.ended.aborted) ended()
      else {
        metrics.count('kizuna_bulk_connections_total')
        log.debug('direct connection open', { peer })
      }
    } catch (error) {
      this.#failed(peer)
      log.debug('no direct connection', { peer, error })
    }
  }

  #mayTry(peer: PeerId): boolean {
    return this.#parts.clock.monotonic() >= (this.#retryAt.get(peer)?.at ?? 0)
  }

  #failed(peer: PeerId): void {
    const before = this.#retryAt.get(peer)?.waitMs ?? RETRY_MS_MIN / 2
    const waitMs = Math.min(2 * before, RETRY_MS_MAX)
    this.#retryAt.delete(peer)
    this.#retryAt.set(peer, { at: this.#parts.clock.monotonic() + waitMs, waitMs })
    const [oldest] = this.#retryAt.keys()
    if (this.#retryAt.size > REMEMBERED_MAX && oldest !== undefined) this.#retryAt.delete(oldest)
  }
}
