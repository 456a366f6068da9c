import { type PeerId, parsePeerId } from '../core/signing-key.ts'
import type { Address } from '../network/network.ts'
import { ShapeReader } from './cbor-shape.ts'
import { InvalidRecordError } from './errors.ts'
import type { SignedRecord } from './record.ts'
import type { RecordKind, RecordSets } from './record-sets.ts'
import { displayText } from './space.ts'

/** How a node is just now; the key is its own peer id. */
export const STATUS_KIND = 'status'
/** A status says nothing about a node that has been silent for longer. */
export const STATUS_LIFETIME_MS = 2 * 60 * 1000
export const STATUS_ADDRESSES_MAX = 8
const ADDRESS_BYTES_MAX = 256
const WORD_BYTES_MAX = 64
const FINGERPRINT_BYTES = 16
const ROLES = ['full', 'light', 'seed', 'mobile'] as const
const FIELDS = [
  'addresses',
  'role',
  'stores',
  'freeBytes',
  'loadPercent',
  'version',
  'holdings',
  'failureDomain',
  'leaving',
]
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason, kind: STATUS_KIND }))

/** What a node tells about itself every 30 s. Its word only: nothing that matters may rest on it alone. */
export interface NodeStatus {
  addresses: Address[]
  role: (typeof ROLES)[number]
  /** Whether it offers to store for others. */
  stores: boolean
  /** Bytes it still offers. */
  freeBytes: number
  /** 0 to 100. */
  loadPercent: number
  /** Of its software. */
  version: string
  /** How many ids it holds, and their fingerprint (32 hex digits, `core/set-reconciliation.ts`). */
  holdings: { count: number; fingerprint: string }
  /** Nodes with the same one may fail together. */
  failureDomain: string
  /** It leaves for good, and has handed over what it kept: nothing of it counts any more. @default false */
  leaving?: boolean
}

/** A status read and checked. */
export interface StatusRecord extends NodeStatus {
  peer: PeerId
  /** Milliseconds since 1970, by the node's own clock. */
  saidAt: number
}

/** The rules of status records. */
export const statusKind: RecordKind = {
  name: STATUS_KIND,
  lifetimeMsMax: STATUS_LIFETIME_MS,
  newestWins: 'per author and key',
  perAuthorMax: 1,
  refuse(record) {
    try {
      readStatus(record)
      return undefined
    } catch (error) {
      return error instanceof InvalidRecordError ? String(error.details.reason) : 'it is malformed'
    }
  },
}

/** Tells the space how we are. */
export function putStatus(records: RecordSets, self: PeerId, status: NodeStatus): Promise<SignedRecord> {
  const { role, stores, freeBytes, holdings } = status
  const body = {
    addresses: status.addresses
      .filter((address) => Buffer.byteLength(address) <= ADDRESS_BYTES_MAX)
      .slice(0, STATUS_ADDRESSES_MAX),
    role,
    stores,
    freeBytes: Math.max(0, Math.floor(freeBytes)),
    loadPercent: Math.min(100, Math.max(0, Math.round(status.loadPercent))),
    version: displayText(status.version, WORD_BYTES_MAX),
    holdings: {
      count: holdings.count,
      fingerprint: Uint8Array.from(Buffer.from(holdings.fingerprint, 'hex')),
    },
    failureDomain: displayText(status.failureDomain, WORD_BYTES_MAX),
    ...(status.leaving === true ? { leaving: true } : {}),
  }
  return records.put(STATUS_KIND, self, body, { lifetimeMs: STATUS_LIFETIME_MS })
}

/** @throws InvalidRecordError when it breaks a rule of its kind. */
export function readStatus(record: SignedRecord): StatusRecord {
  if (parsePeerId(record.key) !== record.author) shape.fail('it is about another peer than its author')
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, FIELDS)
  const holdings = shape.map(body.holdings, 'its holdings')
  return {
    peer: record.author,
    saidAt: record.createdAt,
    addresses: shape.list(body, 'addresses', STATUS_ADDRESSES_MAX).map((address) => {
      const isShort = typeof address === 'string' && Buffer.byteLength(address) <= ADDRESS_BYTES_MAX
      return isShort && address.startsWith('/') ? address : shape.fail('an address in it is malformed')
    }),
    role: shape.oneOf(body, 'role', ROLES),
    stores: shape.boolean(body, 'stores'),
    freeBytes: shape.integer(body, 'freeBytes'),
    loadPercent: shape.integer(body, 'loadPercent', 100),
    version: displayText(shape.text(body, 'version', WORD_BYTES_MAX), WORD_BYTES_MAX),
    holdings: {
      count: shape.integer(holdings, 'count'),
      fingerprint: Buffer.from(shape.bytes(holdings, 'fingerprint', { exactly: FINGERPRINT_BYTES })).toString(
        'hex',
      ),
    },
    failureDomain: displayText(shape.text(body, 'failureDomain', WORD_BYTES_MAX), WORD_BYTES_MAX),
    ...(body.leaving === undefined ? {} : { leaving: shape.boolean(body, 'leaving') }),
  }
}

/** Every node's newest status that has not run out. */
export function listStatuses(records: RecordSets): StatusRecord[] {
  return records.list(STATUS_KIND).map(readStatus)
}
