import { createCipheriv, createDecipheriv } from 'node:crypto'
import { InvalidInputError } from '../core/errors.ts'

/** The scheme's name in the manifest's encryption header. */
export const CIPHER_SCHEME = 'aes-256-gcm-chunked/1'
export const CIPHER_KEY_BYTES = 32
/** GCM's tag, at the end of every chunk. */
export const CIPHER_TAG_BYTES = 16
const NONCE_BYTES = 12

/**
 * Encrypts a stream into pieces of exactly `chunkBytes`, tag included (the last may be shorter): the pieces a
 * fixed-size chunker will cut again. Each object has a key of its own, so the place of a chunk is a nonce that
 * never repeats under one key (NIST SP 800-38D §8.2.1). The source may use its memory again when it is asked for the
 * next.
 */
export async function* encryptStream(
  source: AsyncIterable<Uint8Array>,
  input: { key: Uint8Array; chunkBytes: number },
): AsyncGenerator<Uint8Array> {
  checkKey(input.key)
  const pieceBytes = input.chunkBytes - CIPHER_TAG_BYTES
  const piece = new Uint8Array(pieceBytes)
  let filled = 0
  let index = 0
  for await (const bytes of source) {
    for (let offset = 0; offset < bytes.byteLength; ) {
      const part = bytes.subarray(offset, offset + pieceBytes - filled)
      piece.set(part, filled)
      filled += part.byteLength
      offset += part.byteLength
      if (filled < pieceBytes) continue
      yield encryptChunk(piece, input.key, index++)
      filled = 0
    }
  }
  if (filled > 0) yield encryptChunk(piece.subarray(0, filled), input.key, index)
}

/** One chunk, with its tag behind. */
export function encryptChunk(plain: Uint8Array, key: Uint8Array, index: number): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index))
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** The plain bytes, or undefined when the key is not the one the chunk was sealed with. */
export function decryptChunk(sealed: Uint8Array, key: Uint8Array, index: number): Uint8Array | undefined {
  checkKey(key)
  if (sealed.byteLength < CIPHER_TAG_BYTES) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index))
  const end = sealed.byteLength - CIPHER_TAG_BYTES
  decipher.setAuthTag(sealed.subarray(end))
  const plain = decipher.update(sealed.subarray(0, end))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plain
}

/** Bytes of content behind `sealedBytes` in `chunks` chunks. */
export function plainSizeOf(sealedBytes: number, chunks: number): number {
  return Math.max(sealedBytes - chunks * CIPHER_TAG_BYTES, 0)
}

function nonceOf(index: number): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeBigUInt64BE(BigInt(index), NONCE_BYTES - 8)
  return nonce
}

function checkKey(key: Uint8Array): void {
  if (key.byteLength === CIPHER_KEY_BYTES) return
  throw new InvalidInputError({
    what: 'The content key',
    reason: `it has ${key.byteLength} bytes, not ${CIPHER_KEY_BYTES}`,
  })
}
