import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { PartialChunk } from './partial-chunk.ts'
import type { Source } from './source-pool.ts'

/** Wrong bytes of several senders kept of one chunk until the right ones are there. */
const SUSPECTS_MAX = 8

/** One peer being asked for one chunk. */
export interface Attempt {
  source: Source
  controller: AbortController
  startedAt: number
  /** When it last brought a worthwhile number of bytes. */
  movedAt: number
  /** Bytes that came since. */
  unmarked: number
  /** It was found not to move, and that was noted. */
  doubted: boolean
}

/** A chunk that somebody waits for. */
export interface ChunkWish {
  id: ContentId
  /** Place in the stream: lower is needed sooner. */
  order: number
  attempts: Attempt[]
  /** What came of it so far, and from whom. */
  partial: PartialChunk | undefined
  /** Wrong bytes of several senders: when the right ones are there, it shows who lied. */
  suspects: PartialChunk[]
  /** Attempts that failed; the more, the more are asked at once. */
  failures: number
  /** How many might give it, when last counted. */
  sources: number
  /** Nobody can give it now. */
  stuck: boolean
  users: number
  /** All who ever asked for it; each gets the same bytes. */
  readers: number
  promise: Promise<Uint8Array>
  resolve: (bytes: Uint8Array) => void
  reject: (error: unknown) => void
}

/** A wish nobody has been asked for yet. */
export function newWish(id: ContentId, order: number): ChunkWish {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  // Somebody may have stopped waiting for it; that is no unhandled error.
  promise.catch(() => {})
  return {
    id,
    order,
    attempts: [],
    partial: undefined,
    suspects: [],
    failures: 0,
    sources: 0,
    stuck: false,
    users: 0,
    readers: 0,
    promise,
    resolve,
    reject,
  }
}

/**
 * Keeps what came, for the next peer to go on from. Once several senders' bytes did not fit together, every one has
 * to send all of it: then it shows who lies.
 */
export function keepPartial(wish: ChunkWish, partial: PartialChunk): void {
  if (wish.suspects.length > 0 || partial.isWhole) return
  if (partial.filled > (wish.partial?.filled ?? 0)) wish.partial = partial
}

/** Several peers sent bytes that are wrong together; nobody knows who yet, so the chunk starts anew. */
export function suspect(wish: ChunkWish, partial: PartialChunk): void {
  if (wish.suspects.length < SUSPECTS_MAX) wish.suspects.push(partial)
  wish.partial = undefined
}

/** Those who sent something else than the right bytes in their place. */
export function liarsAbout(wish: ChunkWish, right: Uint8Array): Iterable<PeerId> {
  if (wish.suspects.length === 0) return []
  return new Set(wish.suspects.splice(0).flatMap((partial) => partial.liars(right)))
}
