import type { BufferPool } from '../core/buffer-pool.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { PROGRESS_BYTES_MIN, PROGRESS_MS } from './chunk-fetch.ts'
import { ChunkScheduler } from './chunk-scheduler.ts'
import type { Community } from './community.ts'
import { findSources } from './find-sources.ts'
import type { Holdings } from './holdings.ts'
import type { PeerDoubts } from './peer-doubts.ts'
import { readOwnChunk } from './read-own-chunk.ts'
import type { PeerReport } from './source-judge.ts'
import { SourcePool } from './source-pool.ts'
import { collectShards, type Stripe } from './stripe-rebuild.ts'
import { mayStillCome, whyTransferEnds } from './transfer-end.ts'
import { UnstoredChunks } from './unstored-chunks.ts'

/** Between two searches for peers while a chunk is stuck. */
const SEARCH_AGAIN_MS = 2_000
/** Peers named to us as holders that one transfer takes in. */
const HINTS_MAX = 64

/** What every transfer of a node shares. */
export interface TransferParts {
  network: Network
  chunks: ChunkStore
  community: Community
  holdings: Holdings
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  digester: Digester
  buffers: BufferPool
  report: (peer: PeerId, what: PeerReport) => void
  doubts: PeerDoubts
  onBadChunk: (id: ContentId, peer: PeerId) => void
  /** Whether a chunk is kept on our own disk; kept and not there means that it was damaged. */
  isKept: (id: ContentId) => boolean
  /** A chunk on our own disk was found damaged. */
  onDamaged: (id: ContentId) => void
}

/** What one transfer is about. */
export interface TransferOptions {
  /** The object asked for; for errors and the look-up in the DHT. */
  root: ContentId
  /** Every id the transfer may want, in order, parity included. */
  catalogue: readonly ContentId[]
  /** No bytes for this long while some are awaited ends the transfer. */
  timeoutMs: number
  peersMax: number
  signal?: AbortSignal
  /** Peers to ask first, such as those a manifest came from. */
  hints?: readonly PeerId[]
  /** The manifest was found, so somebody has the content: its chunks are at worst out of reach. */
  foundBefore: boolean
  stripeOf?: (id: ContentId) => Stripe | undefined
  onRebuilt?: (id: ContentId) => void
}

/**
 * One transfer: gives chunks of one object from this disk, from peers, or rebuilt from parity, and ends with
 * exactly one reason when nothing more can be had. Peers may come and go meanwhile.
 */
export class ContentTransfer {
  readonly #parts: TransferParts
  readonly #options: TransferOptions
  readonly #pool: SourcePool
  readonly #scheduler: ChunkScheduler
  readonly #unstored: UnstoredChunks
  readonly #ending = new AbortController()
  readonly #stuck = new Set<ContentId>()
  readonly #rebuilding = new Set<string>()
  readonly #hinted = new Set<PeerId>()
  #stops: (() => void)[] = []
  #watch: Timer | undefined
  #progressAt: number
  #bytesSinceProgress = 0
  #searching = false
  #searchedAt: number | undefined
  #damagedHere = false

  constructor(parts: TransferParts, options: TransferOptions) {
    this.#parts = parts
    this.#options = options
    this.#unstored = new UnstoredChunks(parts)
    const { clock, network, random, holdings, doubts } = parts
    this.#progressAt = clock.monotonic()
    const signal = this.#ending.signal
    this.#pool = new SourcePool(
      { network, clock, random, doubts, keeps: (peer, id) => holdings.keeps(peer, id) },
      options.catalogue,
      {
        signal,
        onChange: () => this.#poolChanged(),
        onHint: (peers) => this.#addHints(peers),
        onMisbehaved: (peer) => parts.report(peer, 'misbehaved'),
      },
    )
    this.#scheduler = new ChunkScheduler(
      { ...parts, pool: this.#pool },
      {
        signal,
        peersMax: options.peersMax,
        stallMs: Math.max(options.timeoutMs / 3, 500),
        onStuck: (id) => this.#onStuck(id),
        onProgress: (bytes) => this.#noteBytes(bytes),
        onVerified: (id, bytes) => this.#store(id, bytes),
      },
    )
    options.signal?.addEventListener('abort', this.#abort, { once: true })
    if (options.signal?.aborted === true) this.#abort()
    for (const peer of options.hints ?? []) this.#pool.add(peer, { knownHolder: true })
    this.#stops.push(network.onPeer(({ kind, peer }) => this.#peerChanged(kind, peer)))
    this.#stops.push(parts.community.onChange(() => this.#addMembers()))
    this.#addMembers()
  }

  /** Peers that sent chunks, best first; hints for a transfer that follows. */
  get sources(): PeerId[] {
    return [...this.#pool.all()]
      .filter(({ knownHolder, excluded, down }) => knownHolder && excluded === undefined && !down)
      .sort((a, b) => (a.chunkMs ?? Infinity) - (b.chunkMs ?? Infinity))
      .map(({ peer }) => peer)
  }

  get activePeers(): number {
    return this.#scheduler.activePeers
  }

  /**
   * A chunk's verified bytes; those fetched are stored here as well. The caller is a user of them (`buffer-pool.ts`).
   * @throws the one error that ended the transfer.
   */
  async get(id: ContentId, options: { order: number; signal?: AbortSignal }): Promise<Uint8Array> {
    this.#ending.signal.throwIfAborted()
    return (await this.#readLocal(id)) ?? this.#fetch(id, options)
  }

  /**
   * Resolves when the chunk is whole and durable on this disk, fetched if need be.
   * @throws the one error that ended the transfer; what the store says, such as DiskFullError.
   */
  async store(id: ContentId, options: { order: number; signal?: AbortSignal }): Promise<void> {
    this.#ending.signal.throwIfAborted()
    const { buffers, chunks } = this.#parts
    const local = await this.#readLocal(id)
    if (local !== undefined) return buffers.release(local)
    const bytes = await this.#fetch(id, options)
    try {
      // Rebuilt ones may not have been asked to be stored.
      await (this.#unstored.stored(bytes) ?? chunks.put(id, bytes))
    } finally {
      buffers.release(bytes)
    }
  }

  async #fetch(id: ContentId, options: { order: number; signal?: AbortSignal }): Promise<Uint8Array> {
    this.#ending.signal.throwIfAborted()
    await this.#unstored.room()
    this.#ending.signal.throwIfAborted()
    if (this.#scheduler.waiting === 0) this.#noteProgress()
    const promise = this.#scheduler.want(id, options)
    this.#watchTime()
    return promise
  }

  /** From our own disk; undefined when it is not there whole. */
  async #readLocal(id: ContentId): Promise<Uint8Array | undefined> {
    const { bytes, isDamaged } = await readOwnChunk(this.#parts, id)
    this.#damagedHere ||= isDamaged
    return bytes
  }

  /** Waits until everything fetched is on the disk. */
  flush(): Promise<void> {
    return this.#unstored.flush()
  }

  /** Ends it; idempotent. Whoever still waits gets `reason`. */
  close(reason: unknown = new DOMException('closed', 'AbortError')): void {
    if (this.#ending.signal.aborted) return
    this.#watch?.stop()
    this.#options.signal?.removeEventListener('abort', this.#abort)
    for (const stop of this.#stops.splice(0)) stop()
    this.#ending.abort(reason)
    this.#unstored.wake()
  }

  readonly #abort = () => this.close(this.#options.signal?.reason)

  #peerChanged(kind: 'connected' | 'disconnected', peer: PeerId): void {
    if (kind !== 'connected') return
    this.#pool.add(peer, { knownHolder: false })
    this.#pool.revive(peer)
    this.#scheduler.pump()
  }

  #addMembers(): void {
    const { community, network, holdings } = this.#parts
    for (const { peer, online } of community.members()) {
      const knownHolder = this.#options.catalogue.some(
        (id, place) => place < HINTS_MAX && holdings.keeps(peer, id),
      )
      if (knownHolder || online || network.isConnected(peer)) this.#pool.add(peer, { knownHolder })
    }
    for (const { peer } of network.connectedPeers()) this.#pool.add(peer, { knownHolder: false })
    this.#scheduler.pump()
  }

  #addHints(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      if (this.#hinted.size >= HINTS_MAX) return
      this.#hinted.add(peer)
      if (this.#pool.add(peer, { knownHolder: true })) this.#scheduler.pump()
    }
  }

  #poolChanged(): void {
    this.#scheduler.pump()
    queueMicrotask(() => this.#judge())
  }

  #noteProgress(): void {
    this.#progressAt = this.#parts.clock.monotonic()
    this.#bytesSinceProgress = 0
  }

  /** A trickle is no progress: who sends a byte now and then must not keep a reader waiting for ever. */
  #noteBytes(count: number): void {
    this.#bytesSinceProgress += count
    const enough = (PROGRESS_BYTES_MIN * this.#options.timeoutMs) / PROGRESS_MS
    if (this.#bytesSinceProgress >= enough) this.#noteProgress()
  }

  #onStuck(id: ContentId): void {
    this.#stuck.add(id)
    const stripe = this.#options.stripeOf?.(id)
    if (stripe !== undefined) void this.#rebuild(stripe)
    void this.#search()
    queueMicrotask(() => this.#judge())
  }

  /** Looks for more peers, in the index and on the DHT, while something is stuck. */
  async #search(): Promise<void> {
    const now = this.#parts.clock.monotonic()
    if (this.#searching || (this.#searchedAt !== undefined && now - this.#searchedAt < SEARCH_AGAIN_MS))
      return
    this.#searching = true
    try {
      this.#addMembers()
      const ids = [this.#options.root, ...this.#stuck]
      const options = { signal: this.#ending.signal, timeoutMs: this.#options.timeoutMs }
      for await (const peer of findSources(this.#parts, ids, options)) {
        if (this.#pool.add(peer, { knownHolder: true })) this.#scheduler.pump()
      }
    } finally {
      this.#searching = false
      this.#searchedAt = this.#parts.clock.monotonic()
      if (!this.#ending.signal.aborted) {
        this.#scheduler.pump()
        queueMicrotask(() => this.#judge())
      }
    }
  }

  /** Any k shards of the stripe, from disk or peers, give back what is missing. */
  async #rebuild(stripe: Stripe): Promise<void> {
    const name = stripe.ids[0] ?? ''
    if (this.#rebuilding.has(name)) return
    this.#rebuilding.add(name)
    const enough = new AbortController()
    const signal = AbortSignal.any([enough.signal, this.#ending.signal])
    try {
      const held = await collectShards(stripe, (id) => this.get(id, { order: 0, signal }), signal)
      enough.abort()
      const rebuilt = stripe.rebuild(held)
      for (const bytes of held.values()) this.#parts.buffers.release(bytes)
      for (const { id, bytes } of rebuilt) {
        this.#parts.metrics.count('kizuna_chunks_rebuilt_total')
        this.#options.onRebuilt?.(id)
        if (this.#stuck.delete(id)) this.#store(id, bytes)
        this.#scheduler.fulfil(id, bytes)
      }
    } catch (error) {
      if (!signal.aborted) this.#parts.log.warn('stripe not rebuilt', { root: this.#options.root, error })
    } finally {
      enough.abort()
      this.#rebuilding.delete(name)
    }
  }

  #store(id: ContentId, bytes: Uint8Array): void {
    this.#noteProgress()
    this.#stuck.delete(id)
    this.#unstored.store(id, bytes)
  }

  #watchTime(): void {
    if (this.#watch !== undefined || this.#ending.signal.aborted) return
    const waitMs = Math.min(SEARCH_AGAIN_MS, this.#options.timeoutMs / 4)
    this.#watch = this.#parts.clock.after(waitMs, () => {
      this.#watch = undefined
      if (this.#scheduler.waiting === 0) return
      if (this.#stuck.size > 0) void this.#search()
      this.#scheduler.pump()
      this.#judge()
      this.#watchTime()
    })
  }

  /** Ends the transfer when it is certain that nothing more will come, or when nothing came for too long. */
  #judge(): void {
    if (this.#ending.signal.aborted || this.#scheduler.waiting === 0) return
    const quietMs = this.#parts.clock.monotonic() - this.#progressAt
    if (quietMs >= this.#options.timeoutMs) {
      this.close(this.#reason())
      return
    }
    const settled =
      this.#scheduler.allStuck && !this.#pool.probing && !this.#searching && this.#searchedAt !== undefined
    if (settled && !mayStillCome(this.#pool)) this.close(this.#reason())
  }

  #reason(): Error {
    return whyTransferEnds(this.#pool, {
      root: this.#options.root,
      stuck: this.#stuck,
      missingChunks: this.#scheduler.waiting,
      damagedHere: this.#damagedHere,
      foundBefore: this.#options.foundBefore,
    })
  }
}
