import { InvalidInputError } from '../core/errors.ts'
import type { ChunkRange } from './chunk-store.ts'

/**
 * The part of `bytes` that a range names; the end is cut at the end of the bytes.
 * @throws InvalidInputError when offset or length is not a whole number from 0 up.
 */
export function sliceRange(bytes: Uint8Array, range: ChunkRange = {}): Uint8Array {
  const { offset = 0, length = bytes.byteLength } = range
  for (const number of [offset, length]) {
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new InvalidInputError({ what: 'The range', reason: `${number} is not a whole number from 0 up` })
    }
  }
  if (offset === 0 && length >= bytes.byteLength) return bytes
  return bytes.subarray(offset, offset + length)
}
