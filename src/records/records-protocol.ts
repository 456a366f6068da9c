import { type CborValue, encodeCanonical } from '../core/encoding.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { RECONCILIATION_BYTES_MAX } from '../core/reconciliation-message.ts'
import { ShapeReader } from './cbor-shape.ts'
import { MalformedMessageError } from './errors.ts'
import type { SpaceId } from './record.ts'
import { RECONCILIATION_KEY_BYTES, spaceIdBytes, spaceIdFromBytes } from './record-codec.ts'
import type { IntakeOutcome } from './record-intake.ts'

/** The wire of record synchronisation; described with vectors in `docs/protocol/records.md`. */
export const RECORDS_PROTOCOL = '/kizuna/records/1.0.0'

/** Records asked for by one request, and sent by one. */
export const RECORDS_PER_REQUEST_MAX = 1_000
/** Room in a frame for the head of the list around its records. */
const LIST_HEAD_BYTES = 64
/** Records in one frame; each takes at least this many bytes. */
const RECORDS_PER_FRAME_MAX = 1_000

/** The first frame of a request; `put` and `introduce` are followed by frames of records. */
export type RecordsRequest =
  /** Does your set have this fingerprint? */
  | { op: 'compare'; space: SpaceId; fingerprint: string }
  | { op: 'reconcile'; space: SpaceId; message: Uint8Array }
  | { op: 'get'; space: SpaceId; keys: Uint8Array[] }
  | { op: 'put'; space: SpaceId }
  /** From somebody whom the answerer does not know as a member: the certificates that make it one. */
  | { op: 'introduce'; space: SpaceId }

/** What a byte of the answer to `put` says about one record. */
const OUTCOME_CODES = ['new', 'known', 'superseded', 'waiting', 'refused'] as const
const OPS = ['compare', 'reconcile', 'get', 'put', 'introduce'] as const
const shape = new ShapeReader((reason) => new MalformedMessageError({ protocol: RECORDS_PROTOCOL, reason }))

/** The bytes of a request’s first frame. */
export function encodeRequest(request: RecordsRequest): Uint8Array {
  return encodeCanonical({ ...request, space: spaceIdBytes(request.space) } as CborValue)
}

/** @throws MalformedMessageError */
export function decodeRequest(bytes: Uint8Array): RecordsRequest {
  const map = shape.decodeMap(bytes, FRAME_BYTES_MAX)
  const op = shape.oneOf(map, 'op', OPS)
  const space = spaceIdFromBytes(shape.bytes(map, 'space', { exactly: 32 }))
  if (op === 'compare') return { op, space, fingerprint: shape.text(map, 'fingerprint', 32) }
  if (op === 'reconcile') {
    return { op, space, message: shape.bytes(map, 'message', { max: RECONCILIATION_BYTES_MAX }) }
  }
  if (op !== 'get') return { op, space }
  const keys = shape.list(map, 'keys', RECORDS_PER_REQUEST_MAX).map((key) => {
    if (key instanceof Uint8Array && key.byteLength === RECONCILIATION_KEY_BYTES) return key
    return shape.fail('it has a key of the wrong form')
  })
  return { op, space, keys }
}

/** The answer to `compare` and `reconcile`: a message of `core/set-reconciliation.ts`; no bytes when nothing is left to say. */
export function encodeMessage(message: Uint8Array | undefined): Uint8Array {
  return encodeCanonical({ message: message ?? new Uint8Array(0) })
}

/** @throws MalformedMessageError */
export function decodeMessage(bytes: Uint8Array): Uint8Array {
  return shape.bytes(shape.decodeMap(bytes, FRAME_BYTES_MAX), 'message', { max: RECONCILIATION_BYTES_MAX })
}

/** Packs records into as few frames as hold them. */
export function* packRecords(records: Iterable<Uint8Array>): Generator<Uint8Array> {
  let batch: Uint8Array[] = []
  let bytes = 0
  for (const record of records) {
    // Five bytes are the longest head of a byte string this size.
    const cost = record.byteLength + 5
    if (
      batch.length > 0 &&
      (bytes + cost > FRAME_BYTES_MAX - LIST_HEAD_BYTES || batch.length >= RECORDS_PER_FRAME_MAX)
    ) {
      yield encodeCanonical({ records: batch })
      batch = []
      bytes = 0
    }
    batch.push(record)
    bytes += cost
  }
  if (batch.length > 0) yield encodeCanonical({ records: batch })
}

/** @throws MalformedMessageError */
export function unpackRecords(frame: Uint8Array): Uint8Array[] {
  const list = shape.list(shape.decodeMap(frame, FRAME_BYTES_MAX), 'records', RECORDS_PER_FRAME_MAX)
  return list.map((record) =>
    record instanceof Uint8Array ? record : shape.fail('it has a record that is not bytes'),
  )
}

/** One byte for each record, in the order they came. */
export function encodeOutcomes(outcomes: readonly IntakeOutcome['state'][]): Uint8Array {
  return encodeCanonical({ outcomes: Uint8Array.from(outcomes, (state) => OUTCOME_CODES.indexOf(state)) })
}

/** @throws MalformedMessageError */
export function decodeOutcomes(frame: Uint8Array): IntakeOutcome['state'][] {
  const bytes = shape.bytes(shape.decodeMap(frame, FRAME_BYTES_MAX), 'outcomes', {
    max: RECORDS_PER_REQUEST_MAX,
  })
  return [...bytes].map((code) => OUTCOME_CODES[code] ?? shape.fail('it has an unknown outcome'))
}
