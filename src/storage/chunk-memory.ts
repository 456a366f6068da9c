/**
 * Where chunks get their memory while they are published. Whoever takes bytes is their first user; `share` adds one,
 * `release` ends one; once nobody uses them they are handed out again. A forgotten release costs only the reuse.
 * Bytes from elsewhere may be shared and released too: nothing happens.
 */
export interface ChunkMemory {
  /** Exactly so many bytes; what is in them is of no meaning. */
  take(sizeBytes: number): Uint8Array
  share(bytes: Uint8Array): void
  /** Only by a user, once: what somebody else still reads would be spoilt. */
  release(bytes: Uint8Array): void
}

/** Fresh memory every time, left to the garbage collector. */
export const freshMemory: ChunkMemory = {
  take: (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes),
  share() {},
  release() {},
}
