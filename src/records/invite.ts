import { hash } from 'node:crypto'
import { type CborValue, encodeCanonical, fromBase64Url, toBase64Url } from '../core/encoding.ts'
import { type PeerId, peerIdFromPublicKey, type SigningKey, verifySignature } from '../core/signing-key.ts'
import type { Address } from '../network/network.ts'
import { type CborMap, ShapeReader } from './cbor-shape.ts'
import { InvalidInviteError } from './errors.ts'
import type { SpaceId } from './record.ts'
import { RECORD_TIME_MAX, spaceIdBytes, spaceIdFromBytes } from './record-codec.ts'
import { displayText, SPACE_NAME_BYTES_MAX } from './space.ts'

/** How every invite link begins. */
export const INVITE_LINK_START = 'kizuna://join/'
export const INVITE_ADDRESSES_MAX = 8
/** Of a link, before anything is decoded. */
const LINK_LENGTH_MAX = 4_096
const ADDRESS_BYTES_MAX = 256
const TERMS_BYTES_MAX = 1_024
const VERSION = 1
const SECRET_BYTES = 16
const ID_BYTES = 16
/** Keeps signatures of invites apart from all other signatures of the same key. */
const SIGNATURE_DOMAIN = Buffer.from('kizuna-invite-1\0')
const ID_DOMAIN = Buffer.from('kizuna-invite-id-1\0')
const USES = ['single', 'many'] as const
const TERMS_FIELDS = ['v', 'space', 'inviter', 'id', 'expiresAt', 'uses', 'details', 'sig']
const LINK_FIELDS = ['terms', 'secret', 'name', 'addresses']
const shape = new ShapeReader((reason) => new InvalidInviteError({ reason }))

/**
 * What the inviter signed. Certificates carry it as evidence, so that every member can check why a newcomer
 * was let in; it lacks the secret, so that nobody can enter with what is in a certificate.
 */
export interface InviteTerms {
  space: SpaceId
  inviter: PeerId
  /** 32 hex digits: the first 16 bytes of SHA-256 of the secret. */
  id: string
  /** Milliseconds since 1970. */
  expiresAt: number
  uses: 'single' | 'many'
  /** The canonical signed bytes. */
  bytes: Uint8Array
}

/** A whole invite as the link holds it. */
export interface InviteLink {
  terms: InviteTerms
  /** 16 bytes; whoever has them may enter. */
  secret: Uint8Array
  spaceName: string
  /** Where the inviter may be reached; each ends in `/p2p/<inviter>`. */
  addresses: Address[]
}

/** Makes an invite. @param facts.secret 16 random bytes. */
export function makeInvite(
  key: SigningKey,
  facts: {
    space: SpaceId
    spaceName: string
    addresses: readonly Address[]
    expiresAt: number
    uses: 'single' | 'many'
    secret: Uint8Array
  },
): { link: string; terms: InviteTerms } {
  const end = `/p2p/${key.peerId}`
  const addresses = facts.addresses
    .filter((address) => address.endsWith(end) && Buffer.byteLength(address) <= ADDRESS_BYTES_MAX)
    .slice(0, INVITE_ADDRESSES_MAX)
  const name = displayText(facts.spaceName, SPACE_NAME_BYTES_MAX)
  const fields = {
    v: VERSION,
    space: spaceIdBytes(facts.space),
    inviter: key.publicKey,
    id: inviteIdOf(facts.secret),
    expiresAt: facts.expiresAt,
    uses: facts.uses,
    details: detailsDigest(name, addresses),
  }
  const unsigned = encodeCanonical(fields)
  const bytes = encodeCanonical({ ...fields, sig: key.sign(Buffer.concat([SIGNATURE_DOMAIN, unsigned])) })
  const link = encodeCanonical({ terms: bytes, secret: facts.secret, name, addresses })
  return { link: INVITE_LINK_START + toBase64Url(link), terms: readInviteTerms(bytes) }
}

/**
 * Reads a link, with white space around it or within it as mail programs leave it, and checks all signatures.
 * Whether it has expired is the user's business.
 * @throws InvalidInviteError with the reason.
 */
export function parseInvite(text: string): InviteLink {
  if (text.length > 2 * LINK_LENGTH_MAX) shape.fail('it is too long')
  const link = text.replace(/\s+/g, '')
  if (link.length > LINK_LENGTH_MAX) shape.fail('it is too long')
  if (!link.toLowerCase().startsWith(INVITE_LINK_START))
    shape.fail(`it does not start with ${INVITE_LINK_START}`)
  const bytes = decodeLinkText(link.slice(INVITE_LINK_START.length))
  const map = shape.decodeMap(bytes, LINK_LENGTH_MAX)
  shape.onlyFields(map, LINK_FIELDS)
  const terms = readInviteTerms(shape.bytes(map, 'terms', { max: TERMS_BYTES_MAX }))
  const secret = shape.bytes(map, 'secret', { exactly: SECRET_BYTES })
  if (!opensInvite(secret, terms)) shape.fail('its secret does not belong to it')
  const spaceName = shape.text(map, 'name', SPACE_NAME_BYTES_MAX)
  const addresses = readAddresses(map, terms.inviter)
  const details = shape.bytes(termsMap(terms.bytes), 'details', { exactly: 32 })
  if (Buffer.compare(details, detailsDigest(spaceName, addresses)) !== 0) {
    shape.fail('its name or addresses were changed')
  }
  return { terms, secret, spaceName: displayText(spaceName, SPACE_NAME_BYTES_MAX), addresses }
}

/**
 * Reads the signed part of an invite and checks the inviter's signature.
 * @throws InvalidInviteError with the reason.
 */
export function readInviteTerms(bytes: Uint8Array): InviteTerms {
  const map = termsMap(bytes)
  shape.onlyFields(map, TERMS_FIELDS)
  if (map.v !== VERSION) shape.fail('its version is unknown')
  const inviter = peerIdFromPublicKey(shape.bytes(map, 'inviter', { exactly: 32 }))
  const signature = shape.bytes(map, 'sig', { exactly: 64 })
  const { sig: _, ...fields } = map
  const signed = Buffer.concat([SIGNATURE_DOMAIN, encodeCanonical(fields)])
  if (!verifySignature(inviter, signed, signature)) shape.fail('its signature is not its maker’s')
  shape.bytes(map, 'details', { exactly: 32 })
  return {
    space: spaceIdFromBytes(shape.bytes(map, 'space', { exactly: 32 })),
    inviter,
    id: Buffer.from(shape.bytes(map, 'id', { exactly: ID_BYTES })).toString('hex'),
    expiresAt: shape.integer(map, 'expiresAt', RECORD_TIME_MAX),
    uses: shape.oneOf(map, 'uses', USES),
    bytes,
  }
}

/** Whether this secret is the one of the invite. */
export function opensInvite(secret: Uint8Array, terms: InviteTerms): boolean {
  return secret.byteLength === SECRET_BYTES && Buffer.from(inviteIdOf(secret)).toString('hex') === terms.id
}

function termsMap(bytes: Uint8Array): CborMap {
  return shape.decodeMap(bytes, TERMS_BYTES_MAX)
}

function inviteIdOf(secret: Uint8Array): Uint8Array {
  return Uint8Array.from(hash('sha256', Buffer.concat([ID_DOMAIN, secret]), 'buffer').subarray(0, ID_BYTES))
}

function detailsDigest(name: string, addresses: readonly Address[]): Uint8Array {
  return hash('sha256', encodeCanonical([name, addresses] as CborValue), 'buffer')
}

function readAddresses(map: CborMap, inviter: PeerId): Address[] {
  return shape.list(map, 'addresses', INVITE_ADDRESSES_MAX).map((address) => {
    if (typeof address !== 'string' || Buffer.byteLength(address) > ADDRESS_BYTES_MAX) {
      return shape.fail('an address in it is not short text')
    }
    if (!/^\/[\x21-\x7e]+$/.test(address) || !address.endsWith(`/p2p/${inviter}`)) {
      return shape.fail('an address in it is not the inviter’s')
    }
    return address
  })
}

/** Base64url has spare bits at the end; only one spelling is taken. */
function decodeLinkText(text: string): Uint8Array {
  try {
    const bytes = fromBase64Url(text)
    if (toBase64Url(bytes) === text) return bytes
  } catch {
    // Refused below.
  }
  return shape.fail('it has characters that no link has, or is cut short')
}

/** Whether `text` has the form of an invite's id. */
export function isInviteId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text)
}
