import { hash } from 'node:crypto'
import type { CborValue } from '../core/encoding.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import { ShapeReader } from './cbor-shape.ts'
import { InvalidRecordError } from './errors.ts'
import { ENTRY_BYTES, isSealedTo, type MemberSeal, openMemberSeal, sealToMembers } from './member-seal.ts'
import type { SignedRecord } from './record.ts'
import { isNewer } from './record-codec.ts'
import type { RecordKind } from './record-sets.ts'
import { LASTING_MS } from './space.ts'

/** That the space has a new key; the record's key is `<id of the space key>` or, from the second page on, `<id>.<page>`. */
export const SPACE_KEY_KIND = 'space-key'
/** Recipients in one record, so that it stays within `RECORD_BYTES_MAX`. */
export const RECIPIENTS_PER_PAGE = 800
const PAGES_MAX = 16
/** Pages by one member; the keys themselves stay with those who have them. */
const PAGES_PER_AUTHOR_MAX = 512
const ID_BYTES = 16
const ID_DOMAIN = Buffer.from('kizuna-space-key-id-1\0')
const FIELDS = ['ephemeral', 'pages', 'entries']
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason, kind: SPACE_KEY_KIND }))

/** A key of the space from a moment on, as its author sealed it to those who were members then. */
export interface KeyEpoch {
  /** 32 hex digits: the first 16 bytes of SHA-256 of the key under a domain. */
  keyId: string
  author: PeerId
  /** Milliseconds since 1970; of the first page. */
  createdAt: number
  pages: readonly MemberSeal[]
  /** Its first page. */
  record: SignedRecord
}

/** What names a space key without telling it. */
export function spaceKeyId(key: Uint8Array): string {
  return hash('sha256', Buffer.concat([ID_DOMAIN, key]), 'buffer')
    .subarray(0, ID_BYTES)
    .toString('hex')
}

/** The records of a new key, sealed to these peers; the first page comes last, because it says that all are there. */
export function sealSpaceKey(
  spaceKey: Uint8Array,
  recipients: readonly PeerId[],
  random: Random,
): { key: string; body: CborValue }[] {
  const keyId = spaceKeyId(spaceKey)
  const pages = Math.max(1, Math.ceil(recipients.length / RECIPIENTS_PER_PAGE))
  return Array.from({ length: pages }, (_, page) => {
    const part = recipients.slice(page * RECIPIENTS_PER_PAGE, (page + 1) * RECIPIENTS_PER_PAGE)
    const { ephemeral, entries } = sealToMembers(spaceKey, part, keyId, random)
    return { key: page === 0 ? keyId : `${keyId}.${page}`, body: { ephemeral, pages, entries } }
  }).reverse()
}

/** All epochs of which the first page is here, newest first. */
export function readEpochs(records: readonly SignedRecord[]): KeyEpoch[] {
  const epochs = new Map<string, { record: SignedRecord; pages: MemberSeal[] }>()
  const isFirst = (record: SignedRecord) => !record.key.includes('.')
  const nameOf = ({ author, key }: SignedRecord) => `${author} ${key.split('.')[0]}`
  for (const record of records.filter(isFirst)) {
    epochs.set(nameOf(record), { record, pages: [readPage(record)] })
  }
  for (const record of records) {
    if (!isFirst(record)) epochs.get(nameOf(record))?.pages.push(readPage(record))
  }
  return [...epochs.values()]
    .sort((a, b) => (isNewer(a.record, b.record) ? -1 : 1))
    .map(({ record, pages }) => ({
      keyId: record.key,
      author: record.author,
      createdAt: record.createdAt,
      pages,
      record,
    }))
}

/** The key of an epoch when it was sealed to us and is the one it says; a wrong one is as good as none. */
export function openEpoch(epoch: KeyEpoch, key: SigningKey): Uint8Array | undefined {
  for (const page of epoch.pages) {
    const opened = openMemberSeal(page, key, epoch.keyId)
    if (opened !== undefined && spaceKeyId(opened) === epoch.keyId) return opened
  }
  return undefined
}

/** Whether an epoch was sealed to this peer. */
export function reachesPeer(epoch: KeyEpoch, peer: PeerId): boolean {
  return epoch.pages.some((page) => isSealedTo(page, peer))
}

/** The rules of key records. Whether the author has a say is decided where they are read: it depends on other records. */
export const spaceKeyKind: RecordKind = {
  name: SPACE_KEY_KIND,
  lifetimeMsMax: LASTING_MS,
  newestWins: 'per author and key',
  perAuthorMax: PAGES_PER_AUTHOR_MAX,
  refuse(record) {
    try {
      readPage(record)
      return undefined
    } catch (error) {
      return error instanceof InvalidRecordError ? String(error.details.reason) : 'it is malformed'
    }
  },
}

/** @throws InvalidRecordError */
function readPage(record: SignedRecord): MemberSeal {
  if (!/^[0-9a-f]{32}(\.([1-9]|1[0-5]))?$/.test(record.key)) shape.fail('its key is no id of a space key')
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, FIELDS)
  if (shape.integer(body, 'pages', PAGES_MAX) === 0) shape.fail('it has no pages')
  const entries = shape.bytes(body, 'entries', { max: RECIPIENTS_PER_PAGE * ENTRY_BYTES })
  if (entries.byteLength % ENTRY_BYTES !== 0) shape.fail('its entries are cut short')
  return { ephemeral: shape.bytes(body, 'ephemeral', { exactly: 32 }), entries }
}
