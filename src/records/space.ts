import { hash } from 'node:crypto'
import { encodeCanonical } from '../core/encoding.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import { publicKeyOf } from '../core/signing-key.ts'
import { ShapeReader } from './cbor-shape.ts'
import { InvalidRecordError } from './errors.ts'
import type { Admission } from './membership.ts'
import type { SignedRecord, SpaceId } from './record.ts'
import { signRecord, spaceIdFromBytes } from './record-codec.ts'

/** The kind of a space's founding record; its key is always {@link FOUNDING_KEY}. */
export const SPACE_KIND = 'space'
export const FOUNDING_KEY = 'founding'
/** Longest name of a space in UTF-8 bytes. */
export const SPACE_NAME_BYTES_MAX = 64
/** Longest label of a member in UTF-8 bytes. */
export const LABEL_BYTES_MAX = 64
/** Longest life of what makes a community: founding, certificates, policy. A hundred years. */
export const LASTING_MS = 100 * 365 * 24 * 60 * 60 * 1000

/** Random bytes that make two spaces of one founder different. */
export const SPACE_NONCE_BYTES = 16
const ADMISSIONS: readonly Admission[] = ['open', 'invite']
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason, kind: SPACE_KIND }))

/** What a founding record says. */
export interface Founding {
  space: SpaceId
  founder: PeerId
  founderLabel: string
  name: string
  /** At first; the policy record changes it. */
  admission: Admission
  foundedAt: number
}

/**
 * The id of a space: SHA-256 of its founder's key and a nonce. Whoever knows the id can check the founding record
 * from anybody, and nobody else can found the same space.
 */
export function spaceIdOf(founder: PeerId, nonce: Uint8Array): SpaceId {
  const text = encodeCanonical(['kizuna-space-1', publicKeyOf(founder), nonce])
  return spaceIdFromBytes(hash('sha256', text, 'buffer'))
}

/** Founds a space. @param nonce 16 random bytes. */
export function foundSpace(
  key: SigningKey,
  facts: { name: string; label: string; admission: Admission; nonce: Uint8Array; now: number },
): SignedRecord {
  const { name, label, admission, nonce, now } = facts
  return signRecord(key, {
    space: spaceIdOf(key.peerId, nonce),
    kind: SPACE_KIND,
    key: FOUNDING_KEY,
    createdAt: now,
    expiresAt: now + LASTING_MS,
    body: {
      name: displayText(name, SPACE_NAME_BYTES_MAX),
      label: displayText(label, LABEL_BYTES_MAX),
      admission,
      nonce,
    },
  })
}

/**
 * What a founding record says, once it is clear that it founds the space it is in.
 * @throws InvalidRecordError when it does not.
 */
export function readFounding(record: SignedRecord): Founding {
  if (record.kind !== SPACE_KIND || record.key !== FOUNDING_KEY) shape.fail('it is no founding record')
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, ['name', 'label', 'admission', 'nonce'])
  const name = shape.text(body, 'name', SPACE_NAME_BYTES_MAX)
  const admission = shape.oneOf(body, 'admission', ADMISSIONS)
  const nonce = shape.bytes(body, 'nonce', { exactly: SPACE_NONCE_BYTES })
  if (spaceIdOf(record.author, nonce) !== record.space) shape.fail('its author did not found this space')
  return {
    space: record.space,
    founder: record.author,
    founderLabel: displayText(shape.text(body, 'label', LABEL_BYTES_MAX), LABEL_BYTES_MAX),
    name: displayText(name, SPACE_NAME_BYTES_MAX),
    admission,
    foundedAt: record.createdAt,
  }
}

/**
 * Text from outside made fit to show: control and direction characters and line breaks become spaces, the ends are trimmed, and
 * it is cut at a character within `bytesMax` UTF-8 bytes.
 */
export function displayText(text: string, bytesMax: number): string {
  const clean = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, ' ')
    .trim()
  if (Buffer.byteLength(clean) <= bytesMax) return clean
  let cut = ''
  let bytes = 0
  for (const character of clean) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytesMax) break
    cut += character
  }
  return cut.trim()
}
