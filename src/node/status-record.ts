import type { CborValue } from '../core/encoding.ts'
import { ShapeReader } from '../records/cbor-shape.ts'
import { InvalidRecordError } from '../records/errors.ts'
import type { SignedRecord } from '../records/record.ts'
import type { RecordKind } from '../records/record-sets.ts'

/** What a member says about itself; its key is the member's peer id. */
export const STATUS_KIND = 'status'
/** A status older than this says nothing any more. Short, so that records keep it in memory only. */
export const STATUS_LIFETIME_MS = 10 * 60_000
const ADDRESSES_MAX = 16
const ADDRESS_BYTES_MAX = 256
const LABEL_BYTES_MAX = 256
const DOMAIN_BYTES_MAX = 256
const VERSION_BYTES_MAX = 32
const ROLES = ['full', 'light', 'seed', 'mobile'] as const
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason }))

/** A member's word about itself: true only as far as the member is honest. */
export interface MemberStatus {
  role: (typeof ROLES)[number]
  label: string
  version: string
  addresses: string[]
  /** Whether it stores for others, and how many bytes it still offers. */
  stores: boolean
  freeBytes: number
  failureDomain: string
  holdings: { count: number; fingerprint: string }
  /** Chunks held in all, cache included. */
  chunks: number
}

/** The body of a status record. */
export function encodeStatus(status: MemberStatus): CborValue {
  return {
    ...status,
    addresses: status.addresses
      .filter((address) => Buffer.byteLength(address) <= ADDRESS_BYTES_MAX)
      .slice(0, ADDRESSES_MAX),
    holdings: { count: status.holdings.count, fingerprint: status.holdings.fingerprint },
  }
}

/** @throws InvalidRecordError when it breaks a rule of its kind. Unknown fields are for newer versions. */
export function readStatus(record: SignedRecord): MemberStatus {
  const body = shape.map(record.body, 'its body')
  const holdings = shape.map(body.holdings, 'its holdings')
  const fingerprint = shape.text(holdings, 'fingerprint', 64)
  if (!/^[0-9a-f]*$/.test(fingerprint)) shape.fail('its fingerprint is not hex')
  if (typeof body.stores !== 'boolean') shape.fail('its stores is not true or false')
  return {
    role: shape.oneOf(body, 'role', ROLES),
    label: shape.text(body, 'label', LABEL_BYTES_MAX),
    version: shape.text(body, 'version', VERSION_BYTES_MAX),
    addresses: shape.list(body, 'addresses', ADDRESSES_MAX).map((address) => {
      if (typeof address !== 'string' || Buffer.byteLength(address) > ADDRESS_BYTES_MAX) {
        return shape.fail('an address in it is not short text')
      }
      return address
    }),
    stores: body.stores === true,
    freeBytes: shape.integer(body, 'freeBytes'),
    failureDomain: shape.text(body, 'failureDomain', DOMAIN_BYTES_MAX),
    holdings: { count: shape.integer(holdings, 'count'), fingerprint },
    chunks: shape.integer(body, 'chunks'),
  }
}

/** The rules of status records: each member speaks for itself only. */
export const statusKind: RecordKind = {
  name: STATUS_KIND,
  lifetimeMsMax: STATUS_LIFETIME_MS,
  newestWins: 'per author and key',
  perAuthorMax: 1,
  refuse(record) {
    if (record.key !== record.author) return 'its key is not its author'
    try {
      readStatus(record)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : 'it is malformed'
    }
  },
}
