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
    buffer.set(packHeader(digest, bytes.byteLength), at)
    buffer.set(bytes, at + PACK_HEADER_BYTES)
    at += PACK_HEADER_BYTES + bytes.byteLength
  }
  return buffer
}

/** What stands before a chunk of so many bytes. */
export function packHeader(digest: Uint8Array, sizeBytes: number): Buffer {
  const header = Buffer.alloc(PACK_HEADER_BYTES)
  header.set(MAGIC)
  header.writeUInt32LE(sizeBytes, MAGIC.length)
  header.set(digest, MAGIC.length + 4)
  return header
}

/**
 * The whole, undamaged entries in `bytes`; goes on behind one that is torn or wrong where the next begins.
 * @param start where `bytes` begin in the pack.
 * @returns them, and where the last ends: `start` when there is none.
 */
export function scanPackEntries(bytes: Uint8Array, start: number): { entries: PackEntry[]; end: number } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: PackEntry[] = []
  let end = 0
  for (let at = view.indexOf(MAGIC); at >= 0; ) {
    const entry = entryAt(view, at, start)
    if (entry === undefined) at = view.indexOf(MAGIC, at + 1)
    else {
      entries.push(entry)
      end = at + PACK_HEADER_BYTES + entry.size
      at = view.indexOf(MAGIC, end)
    }
  }
  return { entries, end: start + end }
}

function entryAt(view: Buffer, at: number, start: number): PackEntry | undefined {
  const from = at + PACK_HEADER_BYTES
  if (from > view.byteLength) return undefined
  const size = view.readUInt32LE(at + MAGIC.length)
  if (size > PACKED_CHUNK_BYTES_MAX || from + size > view.byteLength) return undefined
  const digest = Uint8Array.from(view.subarray(from - DIGEST_BYTES, from))
  const isWhole = hash('sha256', view.subarray(from, from + size), 'buffer').compare(digest) === 0
  return isWhole ? { digest, offset: start + from, size } : undefined
}
