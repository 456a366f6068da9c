import { type ContentId, digestOf, parseContentId } from '../core/content-id.ts'
import type { CborValue } from '../core/encoding.ts'
import type { Random } from '../core/random.ts'
import { type PeerId, publicKeyOf } from '../core/signing-key.ts'
import { ShapeReader } from './cbor-shape.ts'
import { InvalidRecordError } from './errors.ts'
import type { SignedRecord } from './record.ts'
import { peerOf } from './record-codec.ts'
import type { RecordKind, RecordSets } from './record-sets.ts'
import { displayText } from './space.ts'
import { openWithSpaceKeys, sealWithSpaceKey } from './space-seal.ts'

/** What the space shares; the key is the content's id. */
export const FILE_KIND = 'file'
/** Ten years; a file that is still shared is written anew long before. */
export const FILE_LIFETIME_MS_MAX = 10 * 365 * 24 * 60 * 60 * 1000
/** Longest name in UTF-8 bytes, as file systems have it. */
export const FILE_NAME_BYTES_MAX = 255
/** Contents that one member may share. */
const FILES_PER_AUTHOR_MAX = 100_000
const MEDIA_TYPE_BYTES_MAX = 127
const POLICY_BYTES_MAX = 32
const SEALED_KEY_BYTES_MAX = 128
const KINDS = ['file', 'folder'] as const
const FIELDS = [
  'name',
  'mediaType',
  'sizeBytes',
  'policy',
  'sha256',
  'chunks',
  'parityChunks',
  'kind',
  'publishedBy',
  'sealedKey',
]
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason, kind: FILE_KIND }))

/** A shared content as its publisher describes it. */
export interface FileFacts {
  id: ContentId
  /** A single name: no path, no control characters. Untrusted text all the same. */
  name: string
  /** Such as `image/png`; untrusted. */
  mediaType: string
  sizeBytes: number
  /** `replica:3` or `rs:10+4`. */
  policy: string
  /** SHA-256 of the content as chunked, 64 hex digits. */
  sha256: string
  /** Data chunks. */
  chunks: number
  parityChunks: number
  kind: 'file' | 'folder'
  /** The key of private content, sealed with the space's key (`space-seal.ts`). */
  sealedKey: Uint8Array | undefined
}

/** A file record read and checked. */
export interface FileRecord extends FileFacts {
  publishedBy: PeerId
  /** Milliseconds since 1970. */
  publishedAt: number
  expiresAt: number
}

/** The rules of file records. */
export const fileKind: RecordKind = {
  name: FILE_KIND,
  lifetimeMsMax: FILE_LIFETIME_MS_MAX,
  newestWins: 'per author and key',
  perAuthorMax: FILES_PER_AUTHOR_MAX,
  refuse(record) {
    try {
      readFileRecord(record)
      return undefined
    } catch (error) {
      return error instanceof InvalidRecordError ? String(error.details.reason) : 'it is malformed'
    }
  },
}

/** Says in the space that we share a content. */
export function putFileRecord(
  records: RecordSets,
  publisher: PeerId,
  facts: FileFacts,
  options: { lifetimeMs?: number } = {},
): Promise<SignedRecord> {
  const lifetimeMs = options.lifetimeMs ?? FILE_LIFETIME_MS_MAX
  return records.put(FILE_KIND, facts.id, encodeFacts(facts, publisher), { lifetimeMs })
}

/** @throws InvalidRecordError when it breaks a rule of its kind, such as a publisher other than its author. */
export function readFileRecord(record: SignedRecord): FileRecord {
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, FIELDS)
  const publishedBy = peerOf(shape.bytes(body, 'publishedBy', { exactly: 32 }))
  if (publishedBy !== record.author) shape.fail('its publisher is not its author')
  const name = shape.text(body, 'name', FILE_NAME_BYTES_MAX)
  if (name !== safeFileName(name)) shape.fail('its name is not fit for a file')
  const policy = shape.text(body, 'policy', POLICY_BYTES_MAX)
  if (!/^(replica:[1-9]\d{0,2}|rs:[1-9]\d{0,2}\+[1-9]\d{0,2})$/.test(policy))
    shape.fail('its policy is unknown')
  const mediaType = shape.text(body, 'mediaType', MEDIA_TYPE_BYTES_MAX)
  if (mediaType !== safeMediaType(mediaType)) shape.fail('its media type is malformed')
  return {
    id: readId(record.key),
    name,
    mediaType,
    sizeBytes: shape.integer(body, 'sizeBytes'),
    policy,
    sha256: Buffer.from(shape.bytes(body, 'sha256', { exactly: 32 })).toString('hex'),
    chunks: shape.integer(body, 'chunks'),
    parityChunks: shape.integer(body, 'parityChunks'),
    kind: shape.oneOf(body, 'kind', KINDS),
    sealedKey: shape.has(body, 'sealedKey')
      ? shape.bytes(body, 'sealedKey', { max: SEALED_KEY_BYTES_MAX })
      : undefined,
    publishedBy,
    publishedAt: record.createdAt,
    expiresAt: record.expiresAt,
  }
}

/** The metadata with the field names of the beginnings (`file_metadata:<hash>`). */
export function toFileMetadataJson(file: FileRecord) {
  return {
    file_hash: Buffer.from(digestOf(file.id)).toString('hex'),
    original_name: file.name,
    size: file.sizeBytes,
    data_chunks: file.chunks,
    parity_chunks: file.parityChunks,
    published_by: file.publishedBy,
  }
}

/**
 * One name fit for a file on any system, made from untrusted text: the last part of a path, without control or direction
 * characters, at most 255 bytes; `unnamed` when nothing is left.
 */
export function safeFileName(text: string): string {
  const last = text.split(/[/\\]/).findLast((part) => part.trim() !== '') ?? ''
  const clean = displayText(last.replaceAll('\0', ''), FILE_NAME_BYTES_MAX)
  return clean === '' || clean === '.' || clean === '..' ? 'unnamed' : clean
}

/** A media type that has the form of one, or `application/octet-stream`. */
export function safeMediaType(text: string): string {
  const isWellFormed = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?[\w-]+=[\w.-]+)*$/.test(text)
  return isWellFormed && text.length <= MEDIA_TYPE_BYTES_MAX ? text : 'application/octet-stream'
}

/** The same file for another space: its content key is sealed anew. */
export function moveFileFacts(
  file: FileRecord,
  keys: { from: readonly Uint8Array[]; to: Uint8Array; random: Random },
): FileFacts {
  if (file.sealedKey === undefined) return file
  const contentKey = openWithSpaceKeys(keys.from, file.sealedKey, file.id)
  return { ...file, sealedKey: sealWithSpaceKey(keys.to, contentKey, file.id, keys.random) }
}

function encodeFacts(facts: FileFacts, publisher: PeerId): CborValue {
  const { sizeBytes, policy, sha256, chunks, parityChunks, kind, sealedKey } = facts
  return {
    name: safeFileName(facts.name),
    mediaType: safeMediaType(facts.mediaType),
    sizeBytes,
    policy,
    sha256: Uint8Array.from(Buffer.from(sha256, 'hex')),
    chunks,
    parityChunks,
    kind,
    publishedBy: publicKeyOf(publisher),
    ...(sealedKey === undefined ? {} : { sealedKey }),
  }
}

/** Only the canonical form, so that one content has one key. */
function readId(key: string): ContentId {
  try {
    const id = parseContentId(key)
    if (id === key) return id
  } catch {
    // Refused below.
  }
  return shape.fail('its key is not a content id')
}
