import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { base32 } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { InvalidInputError } from './errors.ts'

/**
 * The identity of bytes: CIDv1, codec `raw`, hash `sha2-256`, in its base32 form `bafk…`.
 * Always canonical once it has this type, so that ids can be compared and used as keys as strings.
 */
export type ContentId = string & { readonly contentId: unique symbol }

/** The forms in which a content id can be shown. `dds` is the bare base58btc digest of the DDS plan. */
export const CONTENT_ID_FORMS = ['base32', 'base58btc', 'dds', 'hex'] as const
export type ContentIdForm = (typeof CONTENT_ID_FORMS)[number]

/** CIDv1 (0x01), raw (0x55), sha2-256 (0x12), 32 bytes (0x20). */
const PREFIX = Uint8Array.of(0x01, 0x55, 0x12, 0x20)
const DIGEST_BYTES = 32
/** No form of an id is longer than hex; anything longer is refused before decoding. */
const TEXT_LENGTH_MAX = 72

/** The letter `b` and 58 digits of five bits. */
const ID_LENGTH = 59
const BASE32_CODES = Buffer.from('abcdefghijklmnopqrstuvwxyz234567')
const BASE32_VALUES = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, BASE32_CODES.indexOf(code)))
/** Where ids are written before they become strings; only within one call. */
const idText = Buffer.alloc(ID_LENGTH, 'b')

/** The id of these bytes. */
export function contentIdOf(bytes: Uint8Array): ContentId {
  return contentIdFromDigest(hash('sha256', bytes, 'buffer'))
}

/** The id whose SHA-256 digest (32 bytes) is `digest`. */
export function contentIdFromDigest(digest: Uint8Array): ContentId {
  if (digest.byteLength !== DIGEST_BYTES) {
    throw new InvalidInputError({ what: 'A digest', reason: `it has ${digest.byteLength} bytes, not 32` })
  }
  // Our own loop: ids are made by the million, and a string put together piece by piece costs kilobytes.
  let held = 0
  let heldBits = 0
  let at = 1
  for (let index = 0; index < PREFIX.length + DIGEST_BYTES; index++) {
    const byte = (index < PREFIX.length ? PREFIX[index] : digest[index - PREFIX.length]) as number
    held = ((held & 0xff) << 8) | byte
    heldBits += 8
    for (; heldBits >= 5; heldBits -= 5) idText[at++] = BASE32_CODES[(held >> (heldBits - 5)) & 31] as number
  }
  idText[at] = BASE32_CODES[(held << (5 - heldBits)) & 31] as number
  return idText.toString('latin1') as ContentId
}

/** The 32-byte SHA-256 digest inside an id. */
export function digestOf(id: ContentId): Uint8Array {
  assert(id.length === ID_LENGTH, 'not a content id')
  const digest = new Uint8Array(DIGEST_BYTES)
  let held = 0
  let heldBits = 0
  let at = -PREFIX.length
  for (let index = 1; index < ID_LENGTH; index++) {
    held = ((held & 0xff) << 5) | (BASE32_VALUES[id.charCodeAt(index)] ?? 0)
    heldBits += 5
    if (heldBits < 8) continue
    heldBits -= 8
    if (at >= 0) digest[at] = held >> heldBits
    at++
  }
  return digest
}

/** Whether `bytes` are the bytes that `id` names. */
export function matchesContentId(bytes: Uint8Array, id: ContentId): boolean {
  return contentIdOf(bytes) === id
}

/**
 * Reads any accepted form: `bafk…`, `zb2rh…`, bare base58btc of the digest, or 64 hex digits.
 * @throws InvalidInputError when it is none of them.
 */
export function parseContentId(text: string): ContentId {
  const trimmed = text.trim()
  const id = trimmed.length <= TEXT_LENGTH_MAX ? tryParse(trimmed) : undefined
  if (id !== undefined) return id
  throw new InvalidInputError({
    what: 'The content id',
    reason: `“${trimmed.slice(0, TEXT_LENGTH_MAX)}” is not one`,
    hint: 'An id starts with `bafk` (or `zb2rh`), or is 43–44 base58 characters, or 64 hex digits. Copy it whole.',
  })
}

/** An id in another form. */
export function formatContentId(id: ContentId, form: ContentIdForm): string {
  if (form === 'base32') return id
  if (form === 'base58btc') return base58btc.encode(base32.decode(id))
  if (form === 'dds') return base58btc.encode(digestOf(id)).slice(1)
  return Buffer.from(digestOf(id)).toString('hex')
}

function tryParse(text: string): ContentId | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return contentIdFromDigest(Buffer.from(text, 'hex'))
  try {
    if (text.startsWith('bafk')) return fromCidBytes(base32.decode(text))
    if (text.startsWith('zb2rh')) return fromCidBytes(base58btc.decode(text))
    const digest = base58btc.decode(`z${text}`)
    return digest.byteLength === DIGEST_BYTES ? contentIdFromDigest(digest) : undefined
  } catch {
    return undefined
  }
}

function fromCidBytes(bytes: Uint8Array): ContentId | undefined {
  if (bytes.byteLength !== PREFIX.length + DIGEST_BYTES) return undefined
  if (PREFIX.some((byte, index) => bytes[index] !== byte)) return undefined
  return contentIdFromDigest(bytes.subarray(PREFIX.length))
}
