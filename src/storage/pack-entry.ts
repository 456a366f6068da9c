import { hash } from 'node:crypto'

/** Starts each entry: `KZP1`. */
const MAGIC = Buffer.from('KZP1')
const DIGEST_BYTES = 32

/** Chunks up to this length are packed (bytes); longer ones get a file of their own. */
export const PACKED_CHUNK_BYTES_MAX = 16 * 1024

/** Before each chunk: the magic, its length (uint32, little-endian) and its SHA-256. */
export const PACK_HEADER_BYTES = MAGIC.length + 4 + DIGEST_BYTES

/** One chunk in a pack; `offset` is where its bytes begin. */
export interface PackEntry {
  digest: Uint8Array
  offset: number
  size: number
}

/** The bytes of entries written behind each other. */
export function encodePackEntries(chunks: readonly { digest: Uint8Array; bytes: Uint8Array }[]): Uint8Array {
  const sizeBytes = chunks.reduce((sum, { bytes }) => sum + PACK_HEADER_BYTES + bytes.byteLength, 0)
  const buffer = Buffer.allocUnsafe(sizeBytes)
  let at = 0
  for (const { digest, bytes } of chunks) {
    buffer.set(MAGIC, at)
    buffer.writeUInt32LE(bytes.byteLength, at + MAGIC.length)
    buffer.set(digest, at + MAGIC.length + 4)
    buffer.set(bytes, at + PACK_HEADER_BYTES)
    at += PACK_HEADER_BYTES + bytes.byteLength
  }
  return buffer
}

/**
 * The whole, undamaged entries at the start of `bytes`; stops at the first that is torn or wrong.
 * @param start where `bytes` begin in the pack.
 */
export function scanPackEntries(bytes: Uint8Array, start: number): { entries: PackEntry[]; end: number } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: PackEntry[] = []
  let at = 0
  while (at + PACK_HEADER_BYTES <= view.byteLength) {
    if (!view.subarray(at, at + MAGIC.length).equals(MAGIC)) break
    const size = view.readUInt32LE(at + MAGIC.length)
    const from = at + PACK_HEADER_BYTES
    if (size > PACKED_CHUNK_BYTES_MAX || from + size > view.byteLength) break
    const digest = Uint8Array.from(view.subarray(from - DIGEST_BYTES, from))
    if (hash('sha256', view.subarray(from, from + size), 'buffer').compare(digest) !== 0) break
    entries.push({ digest, offset: start + from, size })
    at = from + size
  }
  return { entries, end: start + at }
}
