import { createHash, hash } from 'node:crypto'

/**
 * The seam to hashing many bytes: here in this thread (the simulator, and whatever is short), or beside it
 * (`thread-digester.ts`). Both pass `digester.suite.ts`.
 */
export interface Digester {
  /** How many digests are made at once, or wait so that nothing stands still; asking for more ahead is of no use. */
  readonly atOnce: number
  /** The SHA-256 digest. `bytes` must not change before it resolves. */
  sha256(bytes: Uint8Array): Promise<Uint8Array>
  /** One digest over bytes that come piece by piece. @param sizeBytes how many will come in all, when known. */
  stream(sizeBytes?: number): DigestStream
}

/** A SHA-256 digest in the making. Call `digest` or `end` in the end, always. */
export interface DigestStream {
  /** Adds bytes, in the order of the calls; they must not change before it resolves. */
  update(bytes: Uint8Array): Promise<void>
  /** The digest of everything added; nothing can be added afterwards. */
  digest(): Promise<Uint8Array>
  /** Gives it up; may be called again. */
  end(): void
}

/** Hashes in this thread, at once. */
export const inlineDigester: Digester = {
  atOnce: 1,
  async sha256(bytes) {
    return hash('sha256', bytes, 'buffer')
  },
  stream() {
    const whole = createHash('sha256')
    return {
      async update(bytes) {
        whole.update(bytes)
      },
      async digest() {
        return whole.digest()
      },
      end() {},
    }
  },
}
