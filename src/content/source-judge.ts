import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import { type Attempt, type ChunkWish, liarsAbout, suspect } from './chunk-wish.ts'
import type { RetrieveChunkCode } from './dds-messages.js'
import type { PartialChunk } from './partial-chunk.ts'
import { reasonOf, type Source, type SourcePool } from './source-pool.ts'

export type PeerReport = 'good-chunk' | 'bad-chunk' | 'misbehaved' | 'slow' | 'timeout' | 'refused' | 'forged'

/** What judging needs. */
export interface SourceJudgeParts {
  clock: Clock
  metrics: Metrics
  pool: SourcePool
  /** Tells the reputation. */
  report: (peer: PeerId, what: PeerReport) => void
  /** A peer alone sent wrong bytes for this chunk. */
  onBadChunk: (id: ContentId, peer: PeerId) => void
}

/** What the end of a request says about the peer that was asked: whether it is asked again, and what others hear of it. */
export class SourceJudge {
  readonly #parts: SourceJudgeParts

  constructor(parts: SourceJudgeParts) {
    this.#parts = parts
  }

  /** It answered with something else than the chunk. */
  code(
    wish: ChunkWish,
    source: Source,
    { code, retryAfterMs }: { code: RetrieveChunkCode; retryAfterMs: number },
  ): void {
    const { pool } = this.#parts
    if (code === 'RETRIEVE_BUSY') pool.noteBusy(source, retryAfterMs)
    else if (code === 'RETRIEVE_UNAUTHORISED') {
      source.excluded = 'refused'
      source.knownHolder = true
      source.reason = 'refused'
    } else if (code === 'RETRIEVE_INVALID_RANGE' && wish.partial !== undefined) {
      suspect(wish, wish.partial)
    } else {
      pool.noteMissing(source, wish.id)
      source.damaged ||= code === 'RETRIEVE_DAMAGED'
      if (source.damaged) source.reason = 'damaged'
    }
  }

  /** It did not answer, or broke off. @param stalled too little came for too long. */
  failure(source: Source, error: unknown, stalled: boolean): void {
    const reason = stalled ? 'timeout' : reasonOf(error)
    if (reason === 'timeout') this.#parts.report(source.peer, 'timeout')
    this.#parts.metrics.count('kizuna_chunk_fetch_failures_total', { reason })
    if (isKizunaError(error) && error.kind === 'busy') this.#parts.pool.noteBusy(source, 500)
    else if (reason === 'refused' || reason === 'misbehaved') {
      source.excluded = 'refused'
      source.reason = reason
      if (reason === 'misbehaved') {
        this.#parts.pool.condemn(source, reason)
        this.#parts.report(source.peer, 'misbehaved')
      }
    } else this.#parts.pool.noteFailure(source, reason)
  }

  /** Wrong bytes: a single sender is to blame; of several nobody knows who yet, so the chunk starts anew. */
  wrong(wish: ChunkWish, source: Source, partial: PartialChunk): void {
    this.#parts.metrics.count('kizuna_chunk_fetch_failures_total', { reason: 'corrupt' })
    const { senders } = partial
    if (senders.size === 0 || (senders.size === 1 && senders.has(source.peer))) {
      wish.partial = undefined
      this.#blame(wish.id, source.peer)
    } else {
      suspect(wish, partial)
      // Going on from what a liar sent happens to the best.
      if (!this.#parts.pool.isProven(source)) this.#parts.pool.doubt(source)
    }
  }

  /** It sent the chunk, or the rest of it; who sent something else before is found out now. */
  good(
    wish: ChunkWish,
    attempt: Attempt,
    { bytes, sentBytes }: { bytes: Uint8Array; sentBytes: number },
  ): void {
    const { source, startedAt } = attempt
    source.chunks++
    // Whoever adds the last bytes to what others sent has shown nothing yet.
    if (sentBytes * 2 > bytes.byteLength) {
      this.#parts.pool.noteGood(source, this.#parts.clock.monotonic() - startedAt)
      this.#parts.report(source.peer, 'good-chunk')
    }
    this.#parts.metrics.count('kizuna_chunks_fetched_total')
    this.#parts.metrics.count('kizuna_chunk_bytes_fetched_total', {}, bytes.byteLength)
    for (const peer of liarsAbout(wish, bytes)) this.#blame(wish.id, peer)
  }

  #blame(id: ContentId, peer: PeerId): void {
    const source = this.#parts.pool.get(peer)
    if (source !== undefined) this.#parts.pool.condemn(source, 'corrupt')
    this.#parts.report(peer, 'bad-chunk')
    this.#parts.onBadChunk(id, peer)
  }
}
