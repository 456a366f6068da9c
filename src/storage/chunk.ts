import { type ContentId, contentIdFromDigest, contentIdOf, formatContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import { LimitExceededError } from '../core/errors.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import { InvalidChunkError } from './errors.ts'

/** A piece of content with its identity. Its bytes are never changed after it was made. */
export interface Chunk {
  readonly id: ContentId
  readonly bytes: Uint8Array
  /** The id as the DDS plan writes it: bare base58btc of the SHA-256 digest. Computed when asked. */
  readonly cidBase58: string
}

/**
 * Ids of bytes that this process hashed and has not stored yet. Hashing is the dearest step of publishing,
 * so a store that is handed the very same array next does not repeat it. Each entry serves once.
 */
const freshlyHashed = new WeakMap<Uint8Array, ContentId>()

class HashedChunk implements Chunk {
  readonly id: ContentId
  readonly bytes: Uint8Array

  constructor(id: ContentId, bytes: Uint8Array) {
    this.id = id
    this.bytes = bytes
  }

  get cidBase58(): string {
    return formatContentId(this.id, 'dds')
  }
}

/**
 * Hashes `bytes`, which must not change from now on; the store that takes them next relies on this hash.
 * @throws LimitExceededError when longer than `CHUNK_BYTES_MAX`.
 */
export function chunkOf(bytes: Uint8Array): Chunk {
  checkLength(bytes)
  return hashed(contentIdOf(bytes), bytes)
}

/** The same by a digester, which may work beside this thread. @throws LimitExceededError */
export async function hashChunk(bytes: Uint8Array, digester: Digester): Promise<Chunk> {
  checkLength(bytes)
  return hashed(contentIdFromDigest(await digester.sha256(bytes)), bytes)
}

/**
 * Checks that `bytes` may be stored as `id`.
 * @throws LimitExceededError, InvalidChunkError
 */
export function checkChunk(id: ContentId, bytes: Uint8Array): void {
  checkLength(bytes)
  checkId(id, takeFreshId(bytes) ?? contentIdOf(bytes))
}

/** The same by a digester, which may work beside this thread; `bytes` must not change meanwhile. */
export async function checkChunkWith(digester: Digester, id: ContentId, bytes: Uint8Array): Promise<void> {
  checkLength(bytes)
  checkId(id, takeFreshId(bytes) ?? contentIdFromDigest(await digester.sha256(bytes)))
}

function hashed(id: ContentId, bytes: Uint8Array): Chunk {
  freshlyHashed.set(bytes, id)
  return new HashedChunk(id, bytes)
}

function takeFreshId(bytes: Uint8Array): ContentId | undefined {
  const id = freshlyHashed.get(bytes)
  freshlyHashed.delete(bytes)
  return id
}

function checkId(id: ContentId, actualId: ContentId): void {
  if (actualId !== id) throw new InvalidChunkError({ id, actualId })
}

function checkLength(bytes: Uint8Array): void {
  if (bytes.byteLength <= CHUNK_BYTES_MAX) return
  throw new LimitExceededError({ what: 'A chunk', limit: CHUNK_BYTES_MAX, actual: bytes.byteLength })
}
