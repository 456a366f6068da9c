import { hash } from 'node:crypto'
import { base32 } from 'multiformats/bases/base32'
import type { Clock } from '../core/clock.ts'
import { type CborValue, encodeCanonical } from '../core/encoding.ts'
import { RECORD_BYTES_MAX } from '../core/limits.ts'
import { type PeerId, peerIdFromPublicKey, type SigningKey, verifySignature } from '../core/signing-key.ts'
import { refuseNesting } from './cbor-nesting.ts'
import { DEPTH_MAX, ShapeReader } from './cbor-shape.ts'
import { InvalidRecordError } from './errors.ts'
import type { RecordId, SignedRecord, SpaceId } from './record.ts'

/** Longest key in UTF-8 bytes. */
export const RECORD_KEY_BYTES_MAX = 128
/** A record from further ahead is refused: clocks differ, but not by more (docs/protocol/records.md). */
export const FUTURE_MS_MAX = 5 * 60 * 1000
/** Times fit six bytes, because the reconciliation key holds `createdAt` in six. */
export const RECORD_TIME_MAX = 2 ** 48 - 1
/** `createdAt` (6 bytes, big endian) and the record's id (32 bytes). */
export const RECONCILIATION_KEY_BYTES = 38

const VERSION = 1
const FIELDS = ['v', 'kind', 'space', 'key', 'author', 'createdAt', 'expiresAt', 'body', 'sig']
const KIND_FORM = /^[a-z][a-z0-9-]{0,31}$/
/** Keeps signatures of records apart from all other signatures of the same key. */
const SIGNATURE_DOMAIN = Buffer.from('kizuna-record-1\0')
const SIGNATURE_BYTES = 64
const PEERS_REMEMBERED_MAX = 4_096
const peersByKey = new Map<string, PeerId>()
/** A body has the record around it. */
const BODY_LIMITS = { depthMax: DEPTH_MAX - 1, itemsMax: 8_000 }
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason }))

/** What is said, before it is signed. */
export interface RecordDraft {
  space: SpaceId
  kind: string
  key: string
  /** Milliseconds since 1970. */
  createdAt: number
  expiresAt: number
  body: CborValue
}

/** A record whose form is right and whose signature is still to be checked with {@link isSigned}. */
export interface ReadRecord {
  record: SignedRecord
  signature: Uint8Array
  /** The canonical bytes without the signature. */
  unsigned: Uint8Array
}

/**
 * Signs a draft.
 * @throws InvalidRecordError when it breaks a rule of the format.
 */
export function signRecord(key: SigningKey, draft: RecordDraft): SignedRecord {
  checkTexts(draft.kind, draft.key)
  checkTimes(draft)
  const fields = {
    v: VERSION,
    kind: draft.kind,
    space: spaceIdBytes(draft.space),
    key: draft.key,
    author: key.publicKey,
    createdAt: draft.createdAt,
    expiresAt: draft.expiresAt,
    body: draft.body,
  }
  const unsigned = encodeCanonical(fields)
  const sig = key.sign(Buffer.concat([SIGNATURE_DOMAIN, unsigned]))
  const bytes = Uint8Array.from(encodeCanonical({ ...fields, sig }))
  if (bytes.byteLength > RECORD_BYTES_MAX)
    shape.fail(`it has ${bytes.byteLength} bytes, over the limit of ${RECORD_BYTES_MAX}`)
  const wrong = refuseNesting(encodeCanonical(draft.body), BODY_LIMITS)
  if (wrong !== undefined) shape.fail(wrong)
  return { ...draft, id: recordIdOf(unsigned), author: key.peerId, bytes }
}

/**
 * Reads a record's form: limits first, then canonical CBOR, then every field. Does not check the signature,
 * because what is known or replaced already need not cost one.
 * @throws InvalidRecordError with the reason.
 */
export function readRecord(bytes: Uint8Array): ReadRecord {
  const map = shape.decodeMap(bytes, RECORD_BYTES_MAX)
  shape.onlyFields(map, FIELDS)
  if (map.v !== VERSION) shape.fail('its version is unknown')
  const kind = shape.text(map, 'kind', 32)
  const key = shape.text(map, 'key', RECORD_KEY_BYTES_MAX)
  checkTexts(kind, key)
  const times = { createdAt: shape.integer(map, 'createdAt'), expiresAt: shape.integer(map, 'expiresAt') }
  checkTimes(times)
  const space = spaceIdFromBytes(shape.bytes(map, 'space', { exactly: 32 }))
  const author = peerOf(shape.bytes(map, 'author', { exactly: 32 }))
  if (!shape.has(map, 'body')) shape.fail('it has no body')
  const signature = shape.bytes(map, 'sig', { exactly: SIGNATURE_BYTES })
  const { sig: _, ...fields } = map
  const unsigned = encodeCanonical(fields)
  const body = map.body as CborValue
  return {
    record: {
      id: recordIdOf(unsigned),
      space,
      kind,
      key,
      author,
      ...times,
      body,
      bytes: Uint8Array.from(bytes),
    },
    signature,
    unsigned,
  }
}

/** Whether the author's key made the signature. */
export function isSigned({ record, signature, unsigned }: ReadRecord): boolean {
  return verifySignature(record.author, Buffer.concat([SIGNATURE_DOMAIN, unsigned]), signature)
}

/**
 * Reads a record and checks its signature.
 * @throws InvalidRecordError with the reason.
 */
export function decodeRecord(bytes: Uint8Array): SignedRecord {
  const read = readRecord(bytes)
  if (!isSigned(read)) shape.fail('its signature is not its author’s')
  return read.record
}

/** The wall clock in whole milliseconds, as dates in records are; a simulated clock may stand between two. */
export function dateNow(clock: Clock): number {
  return Math.floor(clock.now())
}

/** Whether `a` replaces `b` when both are about the same thing: the later one, or the larger id. */
export function isNewer(a: RecordOrder, b: RecordOrder): boolean {
  return a.createdAt === b.createdAt ? a.id > b.id : a.createdAt > b.createdAt
}

/** What decides between two records about the same thing. */
export interface RecordOrder {
  createdAt: number
  id: RecordId
}

/** The key under which a record is reconciled. */
export function reconciliationKey(record: RecordOrder): Uint8Array {
  const key = Buffer.alloc(RECONCILIATION_KEY_BYTES)
  key.writeUIntBE(record.createdAt, 0, 6)
  key.write(record.id, 6, 'hex')
  return key
}

/** The order of records inside a reconciliation key. */
export function orderOfKey(key: Uint8Array): RecordOrder {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  return { createdAt: bytes.readUIntBE(0, 6), id: bytes.toString('hex', 6) as RecordId }
}

/** The peer of a 32-byte public key; remembered, because few peers write many records and base58 is slow. */
export function peerOf(publicKey: Uint8Array): PeerId {
  const slot = Buffer.from(publicKey).toString('latin1')
  const known = peersByKey.get(slot)
  if (known !== undefined) return known
  const peer = peerIdFromPublicKey(publicKey)
  if (peersByKey.size >= PEERS_REMEMBERED_MAX) peersByKey.clear()
  peersByKey.set(slot, peer)
  return peer
}

/** The 32 bytes in a space's id. */
export function spaceIdBytes(space: SpaceId): Uint8Array {
  return base32.decode(space)
}

/**
 * The id of a space from its 32 bytes. In one piece: base32 puts it together character by character, and V8 would keep
 * the pieces, 2 KiB for every record that is kept.
 */
export function spaceIdFromBytes(bytes: Uint8Array): SpaceId {
  return Buffer.from(base32.encode(bytes), 'latin1').toString('latin1') as SpaceId
}

function recordIdOf(unsigned: Uint8Array): RecordId {
  return hash('sha256', unsigned, 'hex') as RecordId
}

function checkTexts(kind: string, key: string): void {
  if (!KIND_FORM.test(kind)) shape.fail('its kind is not lower-case letters, digits and dashes')
  if (Buffer.byteLength(key) > RECORD_KEY_BYTES_MAX)
    shape.fail(`its key is longer than ${RECORD_KEY_BYTES_MAX} bytes`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the purpose.
  if (key === '' || /[\u0000-\u001f\u007f]/.test(key))
    shape.fail('its key is empty or has control characters')
  if (!key.isWellFormed()) shape.fail('its key is not well-formed text')
}

function checkTimes({ createdAt, expiresAt }: { createdAt: number; expiresAt: number }): void {
  if (!Number.isSafeInteger(createdAt) || createdAt < 0 || createdAt > RECORD_TIME_MAX) {
    shape.fail('its date is out of range')
  }
  if (!Number.isSafeInteger(expiresAt) || expiresAt > RECORD_TIME_MAX)
    shape.fail('its expiry is out of range')
  if (expiresAt <= createdAt) shape.fail('it expires before it was made')
}
