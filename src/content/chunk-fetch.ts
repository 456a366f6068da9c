import type { BufferPool } from '../core/buffer-pool.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { hashChunk } from '../storage/chunk.ts'
import { openChunk } from './dds-client.ts'
import type { RetrieveChunkCode } from './dds-messages.js'
import { PartialChunk } from './partial-chunk.ts'

/** One request for a chunk ends by then however slowly it moves; what came is kept and the rest asked again. */
const REQUEST_TIMEOUT_MS = 60_000
/** A peer that sends less than this per 30 s is no source: 273 bytes a second, whatever the frames look like. */
export const PROGRESS_BYTES_MIN = 8 * 1024
export const PROGRESS_MS = 30_000

/** How asking one peer for one chunk ended. */
export type FetchOutcome =
  /** Verified; `sentBytes` of it came from this peer now. Whoever gets `bytes` is their only user. */
  | { kind: 'right'; bytes: Uint8Array; sentBytes: number }
  /** Whole, and not what its id says; or of a length that cannot be. */
  | { kind: 'wrong'; partial: PartialChunk }
  /** It answered with something else than the chunk. */
  | { kind: 'code'; code: RetrieveChunkCode; retryAfterMs: number }
  /** It broke off, or sent too little for too long. */
  | { kind: 'broken'; partial: PartialChunk; stalled: boolean; error: unknown }
  /** We gave it up. */
  | { kind: 'stopped'; partial: PartialChunk }

/**
 * Asks one peer for a chunk, from where `partial` ends, and checks the whole of it.
 * @param options.stallMs too little in this time ends it; `onBytes` hears of every byte that came.
 */
export async function fetchChunk(
  parts: { network: Network; clock: Clock; digester: Digester; buffers: BufferPool },
  input: { peer: PeerId; id: ContentId; partial: PartialChunk | undefined },
  options: { stallMs: number; signal: AbortSignal; onBytes: (count: number) => void },
): Promise<FetchOutcome> {
  const { peer, id } = input
  const partial = input.partial?.copy() ?? new PartialChunk(parts.buffers)
  const startedWith = partial.filled
  const watch = new StallWatch(parts.clock, options)
  const { signal } = watch
  try {
    const incoming = await openChunk(
      parts.network,
      peer,
      {
        id,
        offset: partial.filled,
        // What comes goes straight to where it belongs. Until it is whole nobody else uses that memory.
        place: (sizeBytes, totalSizeBytes) =>
          partial.setSize(totalSizeBytes) ? partial.place(sizeBytes) : undefined,
      },
      { signal, timeoutMs: REQUEST_TIMEOUT_MS },
    )
    const { code, retryAfterMs, totalSizeBytes, frames } = incoming
    if (code !== 'RETRIEVE_OK' || !partial.setSize(totalSizeBytes)) {
      await frames.return?.()
      return code === 'RETRIEVE_OK' ? { kind: 'wrong', partial } : { kind: 'code', code, retryAfterMs }
    }
    for await (const frame of frames) {
      if (!partial.append(peer, frame)) return { kind: 'wrong', partial }
      watch.moved(frame.byteLength)
      if (frame.byteLength > 0) options.onBytes(frame.byteLength)
    }
    if (!partial.isWhole) return { kind: 'broken', partial, stalled: false, error: undefined }
    if (options.signal.aborted) return { kind: 'stopped', partial }
    // The store takes over this hash and does not compute it again.
    const { bytes } = partial
    const { id: actualId } = await hashChunk(bytes, parts.digester)
    if (options.signal.aborted) return { kind: 'stopped', partial }
    return actualId === id
      ? { kind: 'right', bytes, sentBytes: bytes.byteLength - startedWith }
      : { kind: 'wrong', partial }
  } catch (error) {
    if (options.signal.aborted) return { kind: 'stopped', partial }
    return { kind: 'broken', partial, stalled: watch.isStalled, error }
  } finally {
    watch.stop()
  }
}

/**
 * Aborts when too little came for too long, or with the signal it is given: frames without content, or of a byte each,
 * count as what they carry.
 */
class StallWatch {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #stallMs: number
  readonly #outer: AbortSignal
  #bytes = 0
  #timer: { stop(): void }
  isStalled = false

  constructor(clock: Clock, { stallMs, signal }: { stallMs: number; signal: AbortSignal }) {
    this.#clock = clock
    this.#stallMs = stallMs
    this.#outer = signal
    this.#timer = this.#next()
    // `AbortSignal.any` would do the same for several times as much; there is one of these for each chunk.
    signal.addEventListener('abort', this.#giveUp)
    if (signal.aborted) this.#giveUp()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  moved(bytes: number): void {
    this.#bytes += bytes
  }

  stop(): void {
    this.#timer.stop()
    this.#outer.removeEventListener('abort', this.#giveUp)
  }

  readonly #giveUp = (): void => this.#controller.abort(this.#outer.reason)

  #next(): { stop(): void } {
    return this.#clock.after(this.#stallMs, () => {
      if (this.#bytes < (PROGRESS_BYTES_MIN * this.#stallMs) / PROGRESS_MS) {
        this.isStalled = true
        this.#controller.abort(new Error('too little came for too long'))
        return
      }
      this.#bytes = 0
      this.#timer = this.#next()
    })
  }
}
