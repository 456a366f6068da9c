import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { askHave } from './dds-client.ts'
import { HAVE_IDS_MAX } from './dds-protocol.ts'
import type { AskedPeer } from './errors.ts'
import { DOUBTS_MAX, type PeerDoubts } from './peer-doubts.ts'

/** Sources one transfer knows at once; more are not taken in. */
export const SOURCES_MAX = 256
/** Chunks asked of one peer at once, however fast it is. */
const IN_FLIGHT_PER_PEER_MAX = 8
/** A chunk longer than this many times the peer's best means that requests queue up there. */
const QUEUE_FACTOR = 3
/** A peer that said no is asked again after this long, because it may fetch the chunk meanwhile. */
const PROBE_AGAIN_MS = 5_000
const PROBE_TIMEOUT_MS = 5_000
/** First wait before a peer that failed is tried again; doubles, with jitter, up to the maximum. */
const DOWN_MS_MIN = 250
const DOWN_MS_MAX = 5_000

/** One peer as a source of one transfer. */
export interface Source {
  readonly peer: PeerId
  /** Somebody (the holdings index, the DHT, another peer) says that it has the content. */
  knownHolder: boolean
  /** It sent wrong bytes or refused us: not asked again in this transfer. */
  excluded: 'corrupt' | 'refused' | undefined
  /** It could not be reached at last; tried again at `retryAt`. */
  down: boolean
  /** `clock.monotonic()` before which it is left alone (busy, or down). */
  retryAt: number
  failures: number
  inFlight: number
  /** How many chunks may be asked of it at once now. */
  limit: number
  /** Moving average of milliseconds per chunk; undefined before the first. */
  chunkMs: number | undefined
  chunkMsBest: number | undefined
  /** When it last sent a worthwhile number of bytes, of whatever chunk. */
  movedAt: number
  /** How long it took to say what it has; undefined before it did. */
  answerMs: number | undefined
  /** Refusals for being busy, one after the other. */
  busy: number
  chunks: number
  /** It keeps a chunk that we want and found its own copy damaged. */
  damaged: boolean
  reason: string
}

interface SourceState extends Source {
  /** Block of the catalogue → one flag per id. */
  blocks: Map<number, { held: boolean[]; askedAt: number }>
  /** What was learnt about single ids later. */
  exceptions: Map<ContentId, boolean>
  probing: boolean
}

/** What a pool of sources needs. */
export interface SourcePoolParts {
  network: Network
  clock: Clock
  random: Random
  /** Whether the index of kept keys says that this peer keeps this chunk. */
  keeps: (peer: PeerId, id: ContentId) => boolean
  doubts: PeerDoubts
}

/**
 * The peers of one transfer and what each has of it: learnt by asking (a thousand ids at a time), from the
 * index of kept keys, and from what they answered.
 */
export class SourcePool {
  readonly #parts: SourcePoolParts
  readonly #catalogue: readonly ContentId[]
  readonly #placeOf = new Map<ContentId, number>()
  readonly #sources = new Map<PeerId, SourceState>()
  readonly #onChange: () => void
  readonly #onHint: (peers: PeerId[]) => void
  readonly #onMisbehaved: (peer: PeerId) => void
  #signal: AbortSignal

  /**
   * @param catalogue every id the transfer may want, in order.
   * @param listeners `onChange` when something new is known; `onHint` with peers that others named as holders;
   *   `onMisbehaved` with a peer whose answer was none.
   */
  constructor(
    parts: SourcePoolParts,
    catalogue: readonly ContentId[],
    listeners: {
      onChange: () => void
      onHint: (peers: PeerId[]) => void
      onMisbehaved: (peer: PeerId) => void
      signal: AbortSignal
    },
  ) {
    this.#parts = parts
    this.#catalogue = catalogue
    for (const [place, id] of catalogue.entries()) this.#placeOf.set(id, place)
    this.#onChange = listeners.onChange
    this.#onHint = listeners.onHint
    this.#onMisbehaved = listeners.onMisbehaved
    this.#signal = listeners.signal
  }

  /** Takes a peer in; true when it is new. */
  add(peer: PeerId, options: { knownHolder: boolean }): boolean {
    const known = this.#sources.get(peer)
    if (known !== undefined) known.knownHolder ||= options.knownHolder
    if (known !== undefined) return false
    if (this.#sources.size >= SOURCES_MAX || peer === this.#parts.network.peerId) return false
    const limit = this.#parts.doubts.count(peer) > 0 ? 1 : 2
    this.#sources.set(peer, newSource(peer, options.knownHolder, limit))
    return true
  }

  all(): Iterable<Source> {
    return this.#sources.values()
  }

  get(peer: PeerId): Source | undefined {
    return this.#sources.get(peer)
  }

  /** Milliseconds of the fastest chunk of a peer that is not set aside; `Infinity` while none has sent any. */
  get fastestMs(): number {
    let fastest = Infinity
    for (const source of this.#sources.values()) {
      if (source.excluded === undefined && source.chunkMsBest !== undefined && !this.isSetAside(source)) {
        fastest = Math.min(fastest, source.chunkMsBest)
      }
    }
    return fastest
  }

  /** Whether it gave so many bad answers that only what nobody else has is asked of it. */
  isSetAside(source: Source): boolean {
    return source.busy >= DOUBTS_MAX || this.#parts.doubts.isSetAside(source.peer)
  }

  /** Bad answers of late; fewer are asked first. */
  doubtsOf(source: Source): number {
    return this.#parts.doubts.count(source.peer)
  }

  /** A peer came back: it may be asked at once. */
  revive(peer: PeerId): void {
    const source = this.#sources.get(peer)
    if (source === undefined) return
    source.down = false
    source.retryAt = 0
    source.failures = 0
    source.blocks.clear()
    source.exceptions.clear()
  }

  /** What we know about `peer` having `id`. */
  has(source: Source, id: ContentId): 'yes' | 'no' | 'unknown' {
    const state = source as SourceState
    const exception = state.exceptions.get(id)
    if (exception !== undefined) return exception ? 'yes' : 'no'
    const place = this.#placeOf.get(id)
    if (place !== undefined) {
      const held = state.blocks.get(Math.floor(place / HAVE_IDS_MAX))?.held[place % HAVE_IDS_MAX]
      if (held !== undefined) return held ? 'yes' : 'no'
    }
    return this.#parts.keeps(source.peer, id) ? 'yes' : 'unknown'
  }

  /** A peer sent a chunk as it should be, or most of it. */
  noteGood(source: Source, tookMs: number): void {
    const ms = Math.max(tookMs, 0.1)
    source.chunkMs = source.chunkMs === undefined ? ms : source.chunkMs * 0.7 + ms * 0.3
    source.chunkMsBest = Math.min(source.chunkMsBest ?? ms, ms)
    const queued = ms > source.chunkMsBest * QUEUE_FACTOR
    source.limit = Math.min(Math.max(source.limit + (queued ? -1 : 1), 1), IN_FLIGHT_PER_PEER_MAX)
    source.failures = 0
    source.busy = 0
    source.reason = 'served'
    this.#parts.doubts.clear(source.peer)
  }

  /** A peer answered that it lacks a chunk; a bad answer when it had said that it has it. */
  noteMissing(source: Source, id: ContentId): void {
    const state = source as SourceState
    if (this.has(source, id) === 'yes') this.doubt(source)
    state.exceptions.set(id, false)
    state.reason = 'not-found'
  }

  /** It did not do as it should, which may happen to anybody once. */
  doubt(source: Source): void {
    source.limit = 1
    this.#parts.doubts.note(source.peer)
  }

  /** It sent wrong bytes: not asked again in this transfer, and elsewhere only for what nobody else has. */
  condemn(source: Source, reason: string): void {
    source.excluded = 'corrupt'
    source.reason = reason
    this.#parts.doubts.condemn(source.peer)
  }

  /** Whether it has sent a good chunk of late, to any transfer. */
  isProven(source: Source): boolean {
    return this.#parts.doubts.isProven(source.peer)
  }

  /** A peer did not answer, or broke off; it is left alone for a growing, jittered while. */
  noteFailure(source: Source, reason: string): void {
    source.failures++
    source.reason = reason
    source.down = true
    this.doubt(source)
    const waitMs = Math.min(DOWN_MS_MIN * 2 ** (source.failures - 1), DOWN_MS_MAX)
    source.retryAt = this.#parts.clock.monotonic() + waitMs * (0.5 + this.#parts.random.fraction())
  }

  noteBusy(source: Source, retryAfterMs: number): void {
    source.reason = 'busy'
    source.busy++
    const waitMs = Math.min(Math.max(retryAfterMs, 50 * 2 ** Math.min(source.busy - 1, 10)), DOWN_MS_MAX)
    source.retryAt = this.#parts.clock.monotonic() + waitMs * (1 + this.#parts.random.fraction() / 2)
  }

  /** Whether this peer may be asked for this id, now or soon; a peer that is down does not count. */
  canServe(source: Source, id: ContentId): boolean {
    return source.excluded === undefined && !source.down && this.has(source, id) !== 'no'
  }

  /** Asks every usable peer that is not known to have or lack one of the ids wanted what it has around there. */
  probe(wanted: ReadonlyMap<ContentId, unknown>): void {
    const now = this.#parts.clock.monotonic()
    for (const source of this.#sources.values()) {
      if (source.excluded !== undefined || source.probing || source.retryAt > now) continue
      const block = this.#blockToAsk(source, wanted, now)
      if (block !== undefined) void this.#ask(source, block)
    }
  }

  /** Whether somebody's answer is still awaited. */
  get probing(): boolean {
    for (const source of this.#sources.values()) if (source.probing) return true
    return false
  }

  /** When the next peer that was left alone may be tried, on the monotonic scale. */
  nextRetryAt(): number | undefined {
    const now = this.#parts.clock.monotonic()
    let next: number | undefined
    for (const source of this.#sources.values()) {
      if (source.excluded !== undefined || source.retryAt <= now) continue
      next = Math.min(next ?? source.retryAt, source.retryAt)
    }
    return next
  }

  asked(): AskedPeer[] {
    return [...this.#sources.values()].map(({ peer, reason }) => ({ peer, reason }))
  }

  #blockToAsk(source: SourceState, wanted: ReadonlyMap<ContentId, unknown>, now: number): number | undefined {
    for (const id of wanted.keys()) {
      const place = this.#placeOf.get(id)
      if (place === undefined) continue
      const block = Math.floor(place / HAVE_IDS_MAX)
      const known = source.blocks.get(block)
      if (source.down || known === undefined) return block
      if (now - known.askedAt > PROBE_AGAIN_MS && this.has(source, id) === 'no') return block
    }
    return undefined
  }

  async #ask(source: SourceState, block: number): Promise<void> {
    const ids = this.#catalogue.slice(block * HAVE_IDS_MAX, (block + 1) * HAVE_IDS_MAX)
    const askedAt = this.#parts.clock.monotonic()
    source.probing = true
    try {
      const options = { signal: this.#signal, timeoutMs: PROBE_TIMEOUT_MS }
      const answer = await askHave(this.#parts.network, source.peer, { ids }, options)
      source.blocks.set(block, { held: answer.held, askedAt: this.#parts.clock.monotonic() })
      for (const id of ids) source.exceptions.delete(id)
      source.damaged ||= answer.kept.some((kept, place) => kept && !answer.held[place])
      source.down = false
      source.answerMs = this.#parts.clock.monotonic() - askedAt
      // Being there is no merit: only a good chunk makes up for failures.
      source.retryAt = 0
      source.reason = answer.held.includes(true) ? 'has' : 'not-found'
      if (answer.held.includes(true)) source.knownHolder = true
      if (answer.knownHolders.length > 0) this.#onHint(answer.knownHolders)
    } catch (error) {
      this.#noteProbeError(source, error)
    } finally {
      source.probing = false
      if (!this.#signal.aborted) this.#onChange()
    }
  }

  #noteProbeError(source: SourceState, error: unknown): void {
    if (isKizunaError(error) && (error.kind === 'denied' || error.kind === 'invalid')) {
      // It serves nobody, or does not speak the protocol; a stranger is told so only where what it asks for is.
      source.excluded = 'refused'
      source.knownHolder ||= error.code === 'UNAUTHORISED_PEER'
      source.reason = source.knownHolder ? 'refused' : 'does-not-serve'
    } else if (isKizunaError(error) && error.kind === 'busy') {
      this.noteBusy(source, 500)
    } else if (isKizunaError(error) && error.kind === 'corrupt') {
      this.condemn(source, 'misbehaved')
      this.#onMisbehaved(source.peer)
    } else {
      this.noteFailure(source, reasonOf(error))
    }
  }
}

function newSource(peer: PeerId, knownHolder: boolean, limit: number): SourceState {
  const unknown = { chunkMs: undefined, chunkMsBest: undefined, answerMs: undefined, excluded: undefined }
  const counts = { retryAt: 0, failures: 0, inFlight: 0, busy: 0, chunks: 0, movedAt: -Infinity }
  const state = { down: false, damaged: false, probing: false, reason: 'not-asked' }
  return {
    peer,
    knownHolder,
    limit,
    ...unknown,
    ...counts,
    ...state,
    blocks: new Map(),
    exceptions: new Map(),
  }
}

/** A short stable word for why a peer did not answer. */
export function reasonOf(error: unknown): string {
  if (!isKizunaError(error)) return 'error'
  if (error.code === 'PEER_UNREACHABLE') return 'unreachable'
  if (error.code === 'DEADLINE_EXCEEDED') return 'timeout'
  if (error.code === 'CONNECTION_LOST') return 'connection-lost'
  if (error.kind === 'denied') return 'refused'
  if (error.kind === 'corrupt') return 'misbehaved'
  return error.kind === 'busy' ? 'busy' : 'error'
}
