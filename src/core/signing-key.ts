import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { InvalidInputError } from './errors.ts'

/**
 * A node's only authority: the libp2p peer id of an Ed25519 key, in its base58 form `12D3KooW…`.
 * The public key can be read out of it (identity multihash, libp2p peer-id specification).
 */
export type PeerId = string & { readonly peerId: unique symbol }

/** An Ed25519 key pair that signs for a peer. */
export interface SigningKey {
  readonly peerId: PeerId
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** The 32-byte seed of RFC 8032; secret. */
  readonly seed: Uint8Array
  /** A 64-byte signature over `bytes`; deterministic (RFC 8032). */
  sign(bytes: Uint8Array): Uint8Array
}

/** Identity multihash (0x00, 0x24) of the protobuf public key: type Ed25519 (0x08 0x01), 32 bytes (0x12 0x20). */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const KEY_BYTES = 32
/** PKCS#8 and SPKI headers of Ed25519 keys (RFC 8410). */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex')
/** Signatures are checked often by few peers; parsing a key costs as much as a check. */
const PUBLIC_KEY_CACHE_MAX = 1024
const publicKeyCache = new Map<PeerId, KeyObject>()
/** Placement hashes every member's key for every group of chunks. */
const publicKeyBytesCache = new Map<PeerId, Uint8Array>()

/** The key pair of a 32-byte seed. */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  if (seed.byteLength !== KEY_BYTES) {
    throw new InvalidInputError({ what: 'A key seed', reason: `it has ${seed.byteLength} bytes, not 32` })
  }
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_HEADER, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = Uint8Array.from(spki.subarray(SPKI_HEADER.length))
  return {
    peerId: peerIdFromPublicKey(publicKey),
    publicKey,
    seed: Uint8Array.from(seed),
    sign: (bytes) => sign(null, bytes, privateKey),
  }
}

/** The peer id of a 32-byte Ed25519 public key. */
export function peerIdFromPublicKey(publicKey: Uint8Array): PeerId {
  if (publicKey.byteLength !== KEY_BYTES) {
    throw new InvalidInputError({
      what: 'A public key',
      reason: `it has ${publicKey.byteLength} bytes, not 32`,
    })
  }
  return base58btc.encode(Buffer.concat([PEER_ID_PREFIX, publicKey])).slice(1) as PeerId
}

/** The 32-byte public key inside a peer id; not to be written to. */
export function publicKeyOf(peerId: PeerId): Uint8Array {
  const known = publicKeyBytesCache.get(peerId)
  if (known !== undefined) return known
  const bytes = base58btc.decode(`z${peerId}`).subarray(PEER_ID_PREFIX.length)
  if (publicKeyBytesCache.size >= PUBLIC_KEY_CACHE_MAX) publicKeyBytesCache.clear()
  publicKeyBytesCache.set(peerId, bytes)
  return bytes
}

/**
 * Checks that `text` is the peer id of an Ed25519 key.
 * @throws InvalidInputError when it is not.
 */
export function parsePeerId(text: string): PeerId {
  if (text.length <= 64) {
    try {
      const bytes = base58btc.decode(`z${text}`)
      const prefixed = PEER_ID_PREFIX.every((byte, index) => bytes[index] === byte)
      if (prefixed && bytes.byteLength === PEER_ID_PREFIX.length + KEY_BYTES) return text as PeerId
    } catch {
      // Not base58: refused below like any other text.
    }
  }
  throw new InvalidInputError({
    what: 'The peer id',
    reason: `“${text.slice(0, 64)}” is not one`,
    hint: 'A peer id starts with `12D3KooW`; `kizuna peers` lists those you know.',
  })
}

/** Whether `signature` over `bytes` was made by the key of `peerId`. */
export function verifySignature(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.byteLength !== 64) return false
  try {
    return verify(null, bytes, publicKeyObject(peerId), signature)
  } catch {
    return false
  }
}

/** Rhizome's 160-bit view of a peer: the first 20 bytes of SHA-256 of the public key. */
export function peerView160(peerId: PeerId): Uint8Array {
  return hash('sha256', publicKeyOf(peerId), 'buffer').subarray(0, 20)
}

function publicKeyObject(peerId: PeerId): KeyObject {
  const known = publicKeyCache.get(peerId)
  if (known !== undefined) return known
  const key = createPublicKey({
    key: Buffer.concat([SPKI_HEADER, publicKeyOf(peerId)]),
    format: 'der',
    type: 'spki',
  })
  if (publicKeyCache.size >= PUBLIC_KEY_CACHE_MAX) publicKeyCache.clear()
  publicKeyCache.set(peerId, key)
  return key
}
