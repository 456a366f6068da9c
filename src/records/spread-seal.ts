import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Random } from '../core/random.ts'
import type { SignedRecord } from './record.ts'
import type { SpreadSeal } from './record-sets.ts'
import { SPACE_KEY_KIND } from './space-key-record.ts'

/** The first byte of a sealed message; a record in the open begins with that of a CBOR map. */
const SEALED = 0x01
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Keys tried on a message: it may come from somebody who has not heard of the newest one. */
const KEYS_TRIED_MAX = 3
const INFO = 'kizuna gossip 1'

/** What sealing is done with. */
export interface SpreadSealParts {
  random: Random
  /** Whether what is spread may be read by anybody, because anybody may join. */
  isOpen: () => boolean
  /** Undefined while there is none that is safe; then nothing is spread. */
  sealingKey: () => Uint8Array | undefined
  /** The newest first. */
  openingKeys: () => readonly Uint8Array[]
  /** Kinds that lead to the key, and so have to be readable without it. */
  openKinds: readonly string[]
}

/**
 * Seals what is spread by gossip: a topic is open to whoever knows its name. Message: 0x01 ‖ nonce (12) ‖ ciphertext ‖
 * tag (16), AES-256-GCM under HKDF-SHA-256 of the space's key.
 */
export function createSpreadSeal(parts: SpreadSealParts): SpreadSeal {
  const openKinds = new Set([SPACE_KEY_KIND, ...parts.openKinds])
  return {
    seal(record: SignedRecord) {
      if (openKinds.has(record.kind) || parts.isOpen()) return record.bytes
      const key = parts.sealingKey()
      if (key === undefined) return undefined
      const nonce = parts.random.bytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', gossipKey(key), nonce)
      const sealed = [cipher.update(record.bytes), cipher.final()]
      return Uint8Array.from(Buffer.concat([Buffer.of(SEALED), nonce, ...sealed, cipher.getAuthTag()]))
    },
    open(message: Uint8Array) {
      if (message[0] !== SEALED) return message
      if (message.byteLength < 1 + NONCE_BYTES + TAG_BYTES) return undefined
      for (const key of parts.openingKeys().slice(0, KEYS_TRIED_MAX)) {
        try {
          const decipher = createDecipheriv(
            'aes-256-gcm',
            gossipKey(key),
            message.subarray(1, 1 + NONCE_BYTES),
          )
          decipher.setAuthTag(message.subarray(-TAG_BYTES))
          const text = decipher.update(message.subarray(1 + NONCE_BYTES, -TAG_BYTES))
          return Uint8Array.from(Buffer.concat([text, decipher.final()]))
        } catch {
          // Another of the keys, or not for us: reconciliation brings the record in any case.
        }
      }
      return undefined
    },
  }
}

function gossipKey(spaceKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', spaceKey, new Uint8Array(0), INFO, 32))
}
