/** Shorter ones are not worth keeping. */
const POOLED_BYTES_MIN = 64 * 1024
/** Longer ones are never asked for; a chunk is the longest. */
const POOLED_BYTES_MAX = 2 * 1024 * 1024
/** Buffers that nobody uses now, all lengths together. */
const SPARE_BYTES_MAX = 32 * 1024 * 1024

/**
 * Memory for chunks that is used again: fresh memory costs more than hashing what comes into it. It is shared memory,
 * so that another thread can read it where it lies (`thread-digester.ts`).
 *
 * Whoever takes a buffer is its first user; `share` adds one, `release` ends one. Once nobody uses it, it is handed
 * out again. Forgetting a release costs only the reuse: what is not reachable any more is collected like everything
 * else. Releasing what somebody else still reads spoils it, so only a user of its own may do so, once.
 */
export class BufferPool {
  readonly #isPoisoned: boolean
  readonly #spare = new Map<number, SharedArrayBuffer[]>()
  readonly #users = new WeakMap<ArrayBufferLike, number>()
  #spareBytes = 0

  /** @param options `poison` overwrites what is released, so that tests find who reads on. */
  constructor(options: { poison?: boolean } = {}) {
    this.#isPoisoned = options.poison ?? false
  }

  /** A buffer of exactly this length; what is in it is of no meaning. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes < POOLED_BYTES_MIN || sizeBytes > POOLED_BYTES_MAX) return freshBytes(sizeBytes)
    const roomBytes = roomFor(sizeBytes)
    const spare = this.#spare.get(roomBytes)?.pop()
    if (spare !== undefined) this.#spareBytes -= roomBytes
    const memory = spare ?? new SharedArrayBuffer(roomBytes)
    this.#users.set(memory, 1)
    return new Uint8Array(memory, 0, sizeBytes)
  }

  /** One more user of these bytes; nothing happens with memory from elsewhere. */
  share(bytes: Uint8Array): void {
    const users = this.#users.get(bytes.buffer)
    if (users !== undefined) this.#users.set(bytes.buffer, users + 1)
  }

  /** A user is done with these bytes; nothing happens with memory from elsewhere. */
  release(bytes: Uint8Array): void {
    const memory = bytes.buffer
    const users = this.#users.get(memory)
    if (users === undefined) return
    if (users > 1) {
      this.#users.set(memory, users - 1)
      return
    }
    this.#users.delete(memory)
    if (this.#isPoisoned) new Uint8Array(memory).fill(0xdd)
    if (this.#spareBytes + memory.byteLength > SPARE_BYTES_MAX) return
    this.#spareBytes += memory.byteLength
    const spare = this.#spare.get(memory.byteLength)
    if (spare === undefined) this.#spare.set(memory.byteLength, [memory as SharedArrayBuffer])
    else spare.push(memory as SharedArrayBuffer)
  }
}

/** The pool of this process: many nodes in one keep no more spare memory than one. */
export const sharedBuffers = new BufferPool()

function freshBytes(sizeBytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer)
}

/** A power of two, so that chunks of nearly one length serve each other. */
function roomFor(sizeBytes: number): number {
  return 2 ** Math.ceil(Math.log2(sizeBytes))
}
