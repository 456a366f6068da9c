import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import type { Random } from '../core/random.ts'
import { type PeerId, publicKeyOf, type SigningKey } from '../core/signing-key.ts'

/** What is sealed: a key. */
export const SEALED_SECRET_BYTES = 32
/** Tells a recipient which entry is theirs without trying them all. */
const MARK_BYTES = 8
const TAG_BYTES = 16
/** One recipient's entry: mark ‖ ciphertext ‖ tag. */
export const ENTRY_BYTES = MARK_BYTES + SEALED_SECRET_BYTES + TAG_BYTES
const KEY_BYTES = 32
/** The field of Curve25519. */
const P = 2n ** 255n - 19n
/** PKCS#8 and SPKI headers of X25519 keys (RFC 8410). */
const PKCS8_HEADER = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI_HEADER = Buffer.from('302a300506032b656e032100', 'hex')
/** Every entry has a key of its own, so its nonce never repeats. */
const NONCE = new Uint8Array(12)
const INFO = 'kizuna member seal 1'

/** A secret sealed to several peers. */
export interface MemberSeal {
  /** 32 bytes: the public half of a key that was made for this alone. */
  ephemeral: Uint8Array
  /** One entry of 56 bytes for each recipient, in their order. */
  entries: Uint8Array
}

/**
 * Seals a 32-byte secret so that each of these peers, and nobody else, can open it with its node key: X25519 between a
 * fresh key and the peer's (RFC 7748; the Ed25519 key on the other curve), HKDF-SHA-256, AES-256-GCM. Whoever takes the
 * author's key later cannot open it. @param about bound to it, such as the secret's id.
 */
export function sealToMembers(
  secret: Uint8Array,
  recipients: readonly PeerId[],
  about: string,
  random: Random,
): MemberSeal {
  const own = privateKeyOf(random.bytes(KEY_BYTES))
  const ephemeral = rawPublicKeyOf(own)
  const entries = recipients.map((peer) => {
    const theirs = montgomeryOf(publicKeyOf(peer))
    const cipher = createCipheriv('aes-256-gcm', wrappingKey(own, theirs, ephemeral, theirs), NONCE)
    cipher.setAAD(Buffer.from(about))
    const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
    return Buffer.concat([markOf(ephemeral, peer), sealed])
  })
  return { ephemeral, entries: Uint8Array.from(Buffer.concat(entries)) }
}

/** The secret, or undefined when it was not sealed to this key, or was changed. */
export function openMemberSeal(seal: MemberSeal, key: SigningKey, about: string): Uint8Array | undefined {
  const entry = entryOf(seal, key.peerId)
  if (entry === undefined) return undefined
  try {
    const own = privateKeyOf(hash('sha512', key.seed, 'buffer').subarray(0, KEY_BYTES))
    const wrapping = wrappingKey(own, seal.ephemeral, seal.ephemeral, montgomeryOf(key.publicKey))
    const decipher = createDecipheriv('aes-256-gcm', wrapping, NONCE)
    decipher.setAAD(Buffer.from(about))
    decipher.setAuthTag(entry.subarray(-TAG_BYTES))
    const sealed = entry.subarray(MARK_BYTES, -TAG_BYTES)
    return Uint8Array.from(Buffer.concat([decipher.update(sealed), decipher.final()]))
  } catch {
    return undefined
  }
}

/** Whether a peer is among those it was sealed to. */
export function isSealedTo(seal: MemberSeal, peer: PeerId): boolean {
  return entryOf(seal, peer) !== undefined
}

function entryOf({ ephemeral, entries }: MemberSeal, peer: PeerId): Uint8Array | undefined {
  const mark = markOf(ephemeral, peer)
  for (let start = 0; start + ENTRY_BYTES <= entries.byteLength; start += ENTRY_BYTES) {
    if (mark.equals(entries.subarray(start, start + MARK_BYTES)))
      return entries.subarray(start, start + ENTRY_BYTES)
  }
  return undefined
}

function markOf(ephemeral: Uint8Array, peer: PeerId): Buffer {
  const digest = createHash('sha256').update(ephemeral).update(publicKeyOf(peer)).digest()
  return digest.subarray(0, MARK_BYTES)
}

function wrappingKey(
  own: KeyObject,
  theirs: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
): Uint8Array {
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_HEADER, theirs]),
    format: 'der',
    type: 'spki',
  })
  const shared = diffieHellman({ privateKey: own, publicKey })
  return new Uint8Array(hkdfSync('sha256', shared, Buffer.concat([ephemeral, recipient]), INFO, KEY_BYTES))
}

function privateKeyOf(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, secret]), format: 'der', type: 'pkcs8' })
}

function rawPublicKeyOf(key: KeyObject): Uint8Array {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return Uint8Array.from(spki.subarray(SPKI_HEADER.length))
}

/** An Ed25519 public key as an X25519 one: u = (1 + y) / (1 − y), RFC 7748 section 4.1. */
function montgomeryOf(publicKey: Uint8Array): Uint8Array {
  const little = Buffer.from(publicKey).reverse()
  // The top bit is the sign of x, which u does not depend on.
  const y = BigInt(`0x${little.toString('hex')}`) & (2n ** 255n - 1n)
  const u = ((1n + y) * inverse((((1n - y) % P) + P) % P)) % P
  return Uint8Array.from(Buffer.from(u.toString(16).padStart(2 * KEY_BYTES, '0'), 'hex').reverse())
}

/** Of `value` modulo P by the extended Euclidean algorithm; 0 for 0. Only ever of public values. */
function inverse(value: bigint): bigint {
  let [low, high, a, b] = [value, P, 1n, 0n]
  while (low > 1n) {
    const times = high / low
    ;[high, low] = [low, high - times * low]
    ;[b, a] = [a, b - times * a]
  }
  return low === 0n ? 0n : ((a % P) + P) % P
}
