import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { signCorruptionNotice } from './corruption-notice.ts'
import { sendCorruptionNotice } from './dds-client.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObjects } from './kept-objects.ts'

/** Damaged chunks waiting to be healed; a disk with more is lost, and repair elsewhere takes over. */
const WAITING_MAX = 10_000
/** Between attempts at a chunk that nobody could give; doubles up to the maximum. */
const RETRY_MS_MIN = 30_000
const RETRY_MS_MAX = 600_000
/** Others told about one wrong chunk: the holder and some who keep it too. */
const NOTIFIED_MAX = 8
const NOTICE_TIMEOUT_MS = 5_000
/** Notices remembered, so that one lying peer does not make us flood its neighbours. */
const NOTICES_REMEMBERED_MAX = 1_000

/** What healing needs. */
export interface DamagedChunksParts {
  chunks: ChunkStore
  kept: KeptObjects
  holdings: Holdings
  network: Network
  key: SigningKey
  clock: Clock
  log: Logger
  metrics: Metrics
}

/**
 * Heals what is damaged here and tells others what is damaged there. A damaged chunk stops counting as kept at
 * once, is fetched again or rebuilt from parity, and counts again when it is whole.
 */
export class DamagedChunks {
  readonly #parts: DamagedChunksParts
  readonly #heal: (id: ContentId, signal: AbortSignal) => Promise<void>
  readonly #waiting = new Map<ContentId, { attempts: number; dueAt: number }>()
  readonly #noticed = new Set<string>()
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #working = false

  /** @param options.heal fetches a chunk kept here from anybody and stores it. */
  constructor(
    parts: DamagedChunksParts,
    options: { heal: (id: ContentId, signal: AbortSignal) => Promise<void> },
  ) {
    this.#parts = parts
    this.#heal = options.heal
  }

  stop(): void {
    this.#timer?.stop()
    this.#stopping.abort()
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Finds chunks that are kept by our books and that the store lost, as a power cut on a bad disk can leave it. */
  async findLost(): Promise<void> {
    const { chunks, holdings } = this.#parts
    for (const id of [...holdings.ownIds()]) {
      if (this.#stopping.signal.aborted) return
      if (!(await chunks.has(id))) this.note(id)
    }
  }

  /** A chunk of ours was read and found damaged or missing. */
  note(id: ContentId): void {
    if (this.#stopping.signal.aborted || this.#waiting.has(id) || this.#waiting.size >= WAITING_MAX) return
    this.#parts.metrics.count('kizuna_chunks_damaged_total')
    this.#parts.log.warn('chunk damaged here', { id })
    this.#parts.holdings.forgetOwn([id])
    this.#waiting.set(id, { attempts: 0, dueAt: this.#parts.clock.monotonic() })
    this.#workIn(0)
  }

  /** A peer sent wrong bytes for a chunk: it, and others who keep the chunk, are told to look at theirs. */
  readonly noteBadChunk = (id: ContentId, holder: PeerId): void => {
    const name = `${id} ${holder}`
    if (this.#noticed.has(name)) return
    if (this.#noticed.size >= NOTICES_REMEMBERED_MAX) this.#noticed.clear()
    this.#noticed.add(name)
    const { key, clock, holdings, network, log } = this.#parts
    const notice = signCorruptionNotice(key, { id, holder, noticedAt: clock.now() })
    const others = holdings.keepersOf(id).filter((peer) => peer !== network.peerId && peer !== holder)
    const options = { signal: this.#stopping.signal, timeoutMs: NOTICE_TIMEOUT_MS }
    for (const peer of [holder, ...others].slice(0, NOTIFIED_MAX)) {
      sendCorruptionNotice(network, peer, notice, options).then(
        (damaged) => {
          if (damaged) holdings.noteLost(peer, [id])
        },
        (error) => log.debug('corruption notice not delivered', { peer, id, error }),
      )
    }
  }

  #workIn(delayMs: number): void {
    if (this.#working || this.#stopping.signal.aborted) return
    this.#timer?.stop()
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#working = true
      void this.#work().finally(() => {
        this.#working = false
        const dueAt = Math.min(...[...this.#waiting.values()].map((entry) => entry.dueAt))
        if (dueAt !== Infinity) this.#workIn(Math.max(dueAt - this.#parts.clock.monotonic(), 0))
      })
    })
  }

  /** One after the other: healing must not take the line from readers. */
  async #work(): Promise<void> {
    const { clock, chunks, kept, holdings, log } = this.#parts
    for (const [id, entry] of [...this.#waiting]) {
      if (this.#stopping.signal.aborted) return
      if (entry.dueAt > clock.monotonic()) continue
      try {
        await this.#removeDamaged(id)
        if (kept.isKept(id)) {
          await this.#heal(id, this.#stopping.signal)
          if (!(await chunks.has(id))) throw new Error('not healed')
          holdings.noteOwn([id])
          log.info('chunk healed', { id })
        }
        this.#waiting.delete(id)
      } catch (error) {
        entry.attempts++
        entry.dueAt = clock.monotonic() + Math.min(RETRY_MS_MIN * 2 ** (entry.attempts - 1), RETRY_MS_MAX)
        log.debug('chunk not healed yet', { id, error })
      }
    }
  }

  /** Takes the bytes away only when they are wrong now: the store may have been repaired meanwhile. */
  async #removeDamaged(id: ContentId): Promise<void> {
    const { chunks } = this.#parts
    if (!(await chunks.has(id))) return
    try {
      await chunks.get(id)
    } catch (error) {
      // Any other failure says nothing about the bytes, which may be the last copy: they are looked at again later.
      if (!isKizunaError(error, 'CHUNK_CORRUPT') && !isKizunaError(error, 'CHUNK_NOT_FOUND')) throw error
      await chunks.delete(id)
    }
  }
}
