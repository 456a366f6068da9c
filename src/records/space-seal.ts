import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Random } from '../core/random.ts'
import { InvalidRecordError } from './errors.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Added to what is sealed. */
export const SEAL_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES

/**
 * Seals a small secret, such as the key of private content, so that only members of the space can read it: AES-256-GCM
 * under a key derived from the space's, bound to `about` (a content id). Result: nonce (12) ‖ ciphertext ‖ tag (16).
 */
export function sealWithSpaceKey(
  spaceKey: Uint8Array,
  secret: Uint8Array,
  about: string,
  random: Random,
): Uint8Array {
  const nonce = random.bytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', sealingKey(spaceKey), nonce)
  cipher.setAAD(Buffer.from(about))
  return Uint8Array.from(Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]))
}

/**
 * Opens what was sealed with one of the space's keys; the tag tells which.
 * @throws InvalidRecordError when it was sealed for another space or another thing, with a key that is not here, or changed.
 */
export function openWithSpaceKeys(
  spaceKeys: readonly Uint8Array[],
  sealed: Uint8Array,
  about: string,
): Uint8Array {
  for (const spaceKey of sealed.byteLength < SEAL_OVERHEAD_BYTES ? [] : spaceKeys) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', sealingKey(spaceKey), sealed.subarray(0, NONCE_BYTES))
      decipher.setAAD(Buffer.from(about))
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
      const secret = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES))
      return Uint8Array.from(Buffer.concat([secret, decipher.final()]))
    } catch {
      // Another of the keys, or refused below without saying which part was wrong.
    }
  }
  throw new InvalidRecordError({
    reason: 'its sealed key does not open with any key of this space that is here',
  })
}

/** The space's key has one purpose for each derived key. */
function sealingKey(spaceKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', spaceKey, new Uint8Array(0), 'kizuna content keys 1', 32))
}
