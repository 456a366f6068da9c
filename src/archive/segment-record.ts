import { type ContentId, parseContentId } from '../core/content-id.ts'
import type { CborValue } from '../core/encoding.ts'
import type { PeerId } from '../core/signing-key.ts'
import { ShapeReader } from '../records/cbor-shape.ts'
import { InvalidRecordError } from '../records/errors.ts'
import type { SignedRecord } from '../records/record.ts'
import type { RecordKind } from '../records/record-sets.ts'

/** That a segment of an archive is content of the space; the key is `<group>/<number>`. */
export const SEGMENT_KIND = 'archive-segment'
/** Ten years. */
export const SEGMENT_LIFETIME_MS = 10 * 365 * 24 * 60 * 60 * 1000
/** Twenty million events of one node. */
const SEGMENTS_PER_AUTHOR_MAX = 20_000
const ID_BYTES_MAX = 100
const SEALED_KEY_BYTES_MAX = 128
const FIELDS = ['content', 'sealedKey', 'events']
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason, kind: SEGMENT_KIND }))

/** A segment as its record names it. */
export interface SegmentRecord {
  author: PeerId
  group: string
  number: number
  /** Undefined when everything in it was erased. */
  content: ContentId | undefined
  /** The content's key, sealed with the space's (`records/space-seal.ts`). */
  sealedKey: Uint8Array
}

/** The rules of segment records. */
export const segmentKind: RecordKind = {
  name: SEGMENT_KIND,
  lifetimeMsMax: SEGMENT_LIFETIME_MS,
  newestWins: 'per author and key',
  perAuthorMax: SEGMENTS_PER_AUTHOR_MAX,
  refuse(record) {
    try {
      readSegmentRecord(record)
      return undefined
    } catch (error) {
      return error instanceof InvalidRecordError ? String(error.details.reason) : 'it is malformed'
    }
  },
}

/** A record's key for a segment of ours. */
export function segmentKey(group: string, number: number): string {
  return `${group}/${number}`
}

/** What a record says of a segment; `content` is empty for one from which everything was erased. */
export function segmentBody(facts: { content: string; sealedKey: Uint8Array; events: number }): CborValue {
  return { content: facts.content, sealedKey: facts.sealedKey, events: facts.events }
}

/** @throws InvalidRecordError when it breaks a rule of its kind. */
export function readSegmentRecord(record: SignedRecord): SegmentRecord {
  const key = /^([!-~]{1,100})\/([1-9]\d{0,8})$/.exec(record.key)
  if (key === null) return shape.fail('its key names no segment')
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, FIELDS)
  const content = shape.text(body, 'content', ID_BYTES_MAX)
  shape.integer(body, 'events')
  return {
    author: record.author,
    group: key[1] as string,
    number: Number(key[2]),
    content: content === '' ? undefined : readId(content),
    sealedKey: shape.bytes(body, 'sealedKey', { max: SEALED_KEY_BYTES_MAX }),
  }
}

function readId(text: string): ContentId {
  try {
    const id = parseContentId(text)
    if (id === text) return id
  } catch {
    // Refused below.
  }
  return shape.fail('its content is not a content id')
}
