import type { Clock, Timer } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import { answerReconciliation, ReconciliationSet, startReconciliation } from '../core/set-reconciliation.ts'
import type { PeerId } from '../core/signing-key.ts'
import { PeerMisbehavedError } from '../network/errors.ts'
import type { CallOptions, Network } from '../network/network.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { Community } from './community.ts'
import { UnauthorisedPeerError } from './errors.ts'
import { HoldingTable } from './holding-table.ts'
import {
  ASK_YOURS,
  COME_FOR_MINE,
  DIGEST_BYTES,
  decodeCount,
  encodeCount,
  HOLDINGS_PROTOCOL,
  type HoldingsChange,
  MESSAGE_BYTES_MAX,
  onlyFrame,
} from './holdings-protocol.ts'

/** Rounds of one reconciliation: at about 1,400 keys a round this is some 5 million keys. */
const ROUNDS_MAX = 4096
/** Keys one member may claim; a claim costs us 32 bytes of disk and about 100 of memory. */
const KEYS_PER_MEMBER_MAX = 2_000_000
/** Reconciliations at once, so that a large space does not start them all in one moment. */
const SYNCS_AT_ONCE_MAX = 8
/** News that a member's set changed make us compare no more often than this. */
const SYNC_AGAIN_MS = 1_000
/** A member that could not be asked, by a connection made for it, is left alone for so long. */
const UNREACHABLE_MS = 60_000
const SYNC_TIMEOUT_MS = 60_000
const ROUND_TIMEOUT_MS = 10_000

/** What holdings need. */
export interface HoldingsParts {
  index: IndexDatabase
  network: Network
  community: Community
  clock: Clock
  log: Logger
  metrics: Metrics
}

/** How holdings are kept current. */
export interface HoldingsOptions {
  /** How often every connected member's set is compared with what we know. @default 30_000 */
  intervalMs: number
  /** Whether we answer others about our own set. */
  serves: boolean
}

/**
 * Who keeps which chunk: our own set of kept chunk ids, and a copy of every member's, kept current by range
 * reconciliation whenever a member's fingerprint differs and every interval. Cache copies are not in it.
 */
export class Holdings {
  readonly #parts: HoldingsParts
  readonly #options: HoldingsOptions
  readonly #own = new ReconciliationSet(DIGEST_BYTES)
  readonly #members = new Map<PeerId, ReconciliationSet>()
  readonly #running = new Map<PeerId, Promise<HoldingsChange>>()
  /** When each member was compared with at last, on the monotonic scale. */
  readonly #syncedAt = new Map<PeerId, number>()
  /** Members that could not be asked are left alone until then, on the monotonic scale. */
  readonly #unreachableUntil = new Map<PeerId, number>()
  readonly #listeners = new Set<() => void>()
  readonly #stopping = new AbortController()
  readonly #table: HoldingTable
  #timer: Timer | undefined
  #stops: (() => void)[] = []
  #version = 0

  constructor(parts: HoldingsParts, options: HoldingsOptions) {
    this.#parts = parts
    this.#options = options
    this.#table = new HoldingTable(parts, { keeps: (peer, digest) => this.#setOf(peer).has(digest) })
    for (const { peer, digest } of this.#table.load()) this.#setOf(peer).add(digest)
  }

  start(): void {
    const { network, community } = this.#parts
    if (this.#options.serves) {
      this.#stops.push(
        network.handle(HOLDINGS_PROTOCOL, (frames, { from, signal }) => this.#answer(frames, from, signal)),
      )
    }
    this.#stops.push(community.onChange(() => this.#syncChanged()))
    this.#tick()
  }

  stop(): void {
    this.#timer?.stop()
    this.#table.write()
    this.#stopping.abort()
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** Grows with every change of any set; who saw this version has seen everything. */
  get version(): number {
    return this.#version
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Our own set, for the status record. */
  own(): { count: number; fingerprint: string } {
    return { count: this.#own.size, fingerprint: this.#own.fingerprint() }
  }

  noteOwn(ids: Iterable<ContentId>): void {
    for (const id of ids) this.#own.add(digestOf(id))
    this.#changed()
  }

  forgetOwn(ids: Iterable<ContentId>): void {
    for (const id of ids) this.#own.delete(digestOf(id))
    this.#changed()
  }

  /** Whether `peer` keeps the chunk, as far as we know. */
  keeps(peer: PeerId, id: ContentId): boolean {
    const set = peer === this.#parts.network.peerId ? this.#own : this.#members.get(peer)
    return set?.has(digestOf(id)) === true
  }

  /** One of the chunks that `peer`, or we, keep as far as we know, each as likely as any other. */
  sampleOf(peer: PeerId, random: Random): ContentId | undefined {
    const set = peer === this.#parts.network.peerId ? this.#own : this.#members.get(peer)
    if (set === undefined || set.size === 0) return undefined
    return contentIdFromDigest(set.sorted.keyAt(random.integer(set.size)))
  }

  /** Everybody known to keep the chunk, us included, members and former members alike. */
  keepersOf(id: ContentId): PeerId[] {
    const digest = digestOf(id)
    const peers: PeerId[] = this.#own.has(digest) ? [this.#parts.network.peerId] : []
    for (const [peer, set] of this.#members) if (set.has(digest)) peers.push(peer)
    return peers
  }

  /** A member confirmed that it keeps these. */
  noteKept(peer: PeerId, ids: readonly ContentId[]): void {
    this.#apply(peer, ids.map(digestOf), [])
  }

  /** A member was found not to have these any more. */
  noteLost(peer: PeerId, ids: readonly ContentId[]): void {
    this.#apply(peer, [], ids.map(digestOf))
  }

  /**
   * Brings our copy of one member's set up to date; calls for the same member at once share one run.
   * @throws the network's errors; PeerMisbehavedError when the other does not keep to the protocol.
   */
  sync(peer: PeerId, options: CallOptions = {}): Promise<HoldingsChange> {
    const running = this.#running.get(peer)
    if (running !== undefined) return running
    const run = this.#sync(peer, options).finally(() => this.#running.delete(peer))
    this.#running.set(peer, run)
    return run
  }

  /** Every connected member, several at once; members that fail are left for the next time. */
  async syncAll(options: CallOptions = {}): Promise<{ peers: number } & HoldingsChange> {
    const total = { peers: 0, added: 0, removed: 0 }
    const waiting = this.#connectedMembers()
    const worker = async () => {
      for (let peer = waiting.shift(); peer !== undefined; peer = waiting.shift()) {
        try {
          const change = await this.sync(peer, options)
          total.peers++
          total.added += change.added
          total.removed += change.removed
        } catch (error) {
          if (options.signal?.aborted === true) throw options.signal.reason
          this.#parts.log.debug('holdings not compared', { peer, error })
        }
      }
    }
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE_MAX }, worker))
    return total
  }

  /** Compares with those connected members whose set we may not know: news of it differ, or there are none. */
  async refresh(options: CallOptions = {}): Promise<void> {
    await Promise.all(
      this.#outdatedMembers().map((peer) =>
        this.sync(peer, { timeoutMs: ROUND_TIMEOUT_MS, ...options }).catch((error) =>
          this.#parts.log.debug('holdings not compared', { peer, error }),
        ),
      ),
    )
  }

  /** Asks a member to take over our set now; returns how many keys it learnt. */
  async offer(peer: PeerId, options: CallOptions = {}): Promise<number> {
    const { network } = this.#parts
    const answer = await onlyFrame(
      network.request(peer, HOLDINGS_PROTOCOL, [Uint8Array.of(COME_FOR_MINE)], options),
    )
    return decodeCount(answer)
  }

  /** Asks every connected member to take over our set now; returns how many keys they learnt together. */
  async offerAll(options: CallOptions = {}): Promise<number> {
    const counts = this.#connectedMembers().map((peer) => this.offer(peer, options).catch(() => 0))
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
  }

  async #sync(peer: PeerId, options: CallOptions): Promise<HoldingsChange> {
    const { network, clock, metrics } = this.#parts
    const signal = clock.deadline(options.timeoutMs ?? SYNC_TIMEOUT_MS, options.signal, this.#stopping.signal)
    const set = this.#setOf(peer)
    const change: HoldingsChange = { added: 0, removed: 0 }
    let message: Uint8Array | undefined = startReconciliation(set)
    for (let round = 0; message !== undefined; round++) {
      if (round >= ROUNDS_MAX) throw new PeerMisbehavedError({ peer, reason: 'the comparison does not end' })
      signal.throwIfAborted()
      const request: Uint8Array = Buffer.concat([Uint8Array.of(ASK_YOURS), message])
      metrics.count('kizuna_holdings_bytes_sent_total', {}, request.byteLength)
      const answer = await onlyFrame(
        network.request(peer, HOLDINGS_PROTOCOL, [request], { signal, timeoutMs: ROUND_TIMEOUT_MS }),
      )
      if (answer === undefined || answer.byteLength === 0) break
      metrics.count('kizuna_holdings_bytes_received_total', {}, answer.byteLength)
      let step: ReturnType<typeof answerReconciliation>
      try {
        step = answerReconciliation(set, answer)
      } catch (cause) {
        const error = new PeerMisbehavedError({ peer, reason: 'its holdings message is malformed' })
        error.cause = cause
        throw error
      }
      if (set.size + step.need.length > KEYS_PER_MEMBER_MAX) {
        throw new PeerMisbehavedError({ peer, reason: `it claims more than ${KEYS_PER_MEMBER_MAX} keys` })
      }
      this.#apply(peer, step.need, step.have)
      change.added += step.need.length
      change.removed += step.have.length
      message = step.reply
    }
    this.#syncedAt.set(peer, clock.monotonic())
    return change
  }

  async *#answer(
    frames: AsyncIterable<Uint8Array>,
    from: PeerId,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    if (!this.#parts.community.isMember(from)) throw new UnauthorisedPeerError({ peer: from })
    const message = await onlyFrame(frames)
    if (message === undefined || message.byteLength === 0 || message.byteLength > MESSAGE_BYTES_MAX) {
      throw new InvalidInputError({ what: 'The holdings message', reason: 'it is empty or too long' })
    }
    if (message[0] === COME_FOR_MINE) {
      const change = await this.sync(from, { signal })
      yield encodeCount(change.added)
      return
    }
    if (message[0] !== ASK_YOURS) {
      throw new InvalidInputError({ what: 'The holdings message', reason: 'it is of an unknown kind' })
    }
    const { reply } = answerReconciliation(this.#own, message.subarray(1))
    yield reply ?? new Uint8Array(0)
  }

  #syncChanged(): void {
    const now = this.#parts.clock.monotonic()
    // Those we have no connection to as well, or a member that nobody near us knows would seem to keep nothing.
    for (const peer of this.#outdatedMembers((peer) => (this.#unreachableUntil.get(peer) ?? 0) <= now)) {
      if (this.#running.size >= SYNCS_AT_ONCE_MAX) return
      // A status may be older than what we learnt since; news come in bursts.
      if (now - (this.#syncedAt.get(peer) ?? -Infinity) < SYNC_AGAIN_MS) continue
      this.sync(peer).catch((error) => {
        this.#unreachableUntil.set(peer, now + UNREACHABLE_MS)
        this.#parts.log.debug('holdings not compared', { peer, error })
      })
    }
  }

  /** Connected members, and others that are online and `mayDial`, whose own fingerprint differs from our copy's. */
  #outdatedMembers(mayDial: (peer: PeerId) => boolean = () => false): PeerId[] {
    const connected = new Set(this.#connectedMembers())
    return this.#parts.community
      .members()
      .filter(({ peer, online, holdings }) => {
        if (!connected.has(peer) && !(online && holdings !== undefined && mayDial(peer))) return false
        if (holdings === undefined) return !this.#syncedAt.has(peer)
        const set = this.#setOf(peer)
        return set.size !== holdings.count || set.fingerprint() !== holdings.fingerprint
      })
      .map(({ peer }) => peer)
  }

  #tick(): void {
    this.#timer = this.#parts.clock.after(this.#options.intervalMs, () => {
      this.syncAll({ signal: this.#stopping.signal })
        .catch(() => {})
        .finally(() => {
          if (!this.#stopping.signal.aborted) this.#tick()
        })
    })
  }

  #connectedMembers(): PeerId[] {
    const { community, network } = this.#parts
    return community
      .members()
      .map(({ peer }) => peer)
      .filter((peer) => network.isConnected(peer))
  }

  #apply(peer: PeerId, added: readonly Uint8Array[], removed: readonly Uint8Array[]): void {
    if (added.length === 0 && removed.length === 0) return
    const set = this.#setOf(peer)
    for (const digest of added) set.add(digest)
    for (const digest of removed) set.delete(digest)
    this.#table.note(peer, [...added, ...removed])
    this.#changed()
  }

  #setOf(peer: PeerId): ReconciliationSet {
    let set = this.#members.get(peer)
    if (set === undefined) {
      set = new ReconciliationSet(DIGEST_BYTES)
      this.#members.set(peer, set)
    }
    return set
  }

  #changed(): void {
    this.#version++
    for (const listener of this.#listeners) listener()
  }

  /** Every id of our own set. */
  *ownIds(): Generator<ContentId> {
    for (const key of this.#own.keys()) yield contentIdFromDigest(key)
  }
}
