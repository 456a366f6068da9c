import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import { FILE_KIND, FILE_LIFETIME_MS_MAX, type FileRecord, fileKind, readFileRecord } from './file-record.ts'
import type { Member } from './membership.ts'
import type { SignedRecord } from './record.ts'
import { isNewer } from './record-codec.ts'
import type { RecordKind, RecordSets } from './record-sets.ts'

/** That a content is no longer shared; the key is its id. By its publisher for theirs, or by the founder or an admin for all. */
export const REMOVAL_KIND = 'removal'
const REMOVALS_PER_AUTHOR_MAX = 100_000

/** The rules of removal records. Whether one counts is decided when files are listed. */
export const removalKind: RecordKind = {
  name: REMOVAL_KIND,
  // Not shorter than what it removes, which would come back otherwise.
  lifetimeMsMax: FILE_LIFETIME_MS_MAX,
  newestWins: 'per author and key',
  perAuthorMax: REMOVALS_PER_AUTHOR_MAX,
  refuse: (record) =>
    record.key.startsWith('bafk') && record.body === null
      ? undefined
      : 'it names no content, or says more than that',
}

/** Defines the kinds of records that the shared list of content is made of. */
export function defineFileKinds(records: RecordSets): void {
  records.defineKind(fileKind)
  records.defineKind(removalKind)
}

/** Takes a content off the list: ours, or anybody's when we are the founder or an admin. */
export function putFileRemoval(records: RecordSets, id: ContentId): Promise<SignedRecord> {
  const newest = records.newest(FILE_KIND, id)
  const after = newest === undefined ? {} : { after: newest.createdAt }
  return records.put(REMOVAL_KIND, id, null, { lifetimeMs: FILE_LIFETIME_MS_MAX, ...after })
}

/** A content on the list, with all who say they publish it. */
export interface SharedFile extends FileRecord {
  /** Oldest first; the facts are of the first. */
  publishers: PeerId[]
}

/** What the space shares, newest first: file records that were not removed, one entry for each content. */
export function listSharedFiles(
  records: RecordSets,
  roleOf: (peer: PeerId) => Member['role'] | undefined,
): SharedFile[] {
  const removals = new Map<string, SignedRecord[]>()
  for (const removal of records.list(REMOVAL_KIND)) {
    removals.set(removal.key, [...(removals.get(removal.key) ?? []), removal])
  }
  const isRemoved = (file: SignedRecord) =>
    (removals.get(file.key) ?? []).some((removal) => removes(removal, file, roleOf))
  const byContent = new Map<string, SignedRecord[]>()
  for (const record of records.list(FILE_KIND)) {
    if (!isRemoved(record)) byContent.set(record.key, [...(byContent.get(record.key) ?? []), record])
  }
  const files = [...byContent.values()].map((sharing) => {
    const oldestFirst = sharing.toSorted((a, b) => (isNewer(a, b) ? 1 : -1))
    const first = readOnce(oldestFirst[0] as SignedRecord)
    return { ...first, publishers: oldestFirst.map(({ author }) => author) }
  })
  return files.sort((a, b) => b.publishedAt - a.publishedAt || (a.id < b.id ? -1 : 1))
}

/** The entry of one content on the list. */
export function findSharedFile(
  records: RecordSets,
  id: ContentId,
  roleOf: (peer: PeerId) => Member['role'] | undefined,
): SharedFile | undefined {
  const removals = records.list(REMOVAL_KIND, { key: id })
  const sharing = records
    .list(FILE_KIND, { key: id })
    .filter((file) => !removals.some((removal) => removes(removal, file, roleOf)))
    .sort((a, b) => (isNewer(a, b) ? 1 : -1))
  const [first] = sharing
  if (first === undefined) return undefined
  return { ...readOnce(first), publishers: sharing.map(({ author }) => author) }
}

/** What was read of records that are still at hand: a list of ten thousand is asked for again and again. */
const read = new WeakMap<SignedRecord, FileRecord>()

function readOnce(record: SignedRecord): FileRecord {
  const known = read.get(record)
  if (known !== undefined) return known
  const file = Object.freeze(readFileRecord(record))
  read.set(record, file)
  return file
}

function removes(
  removal: SignedRecord,
  file: SignedRecord,
  roleOf: (peer: PeerId) => Member['role'] | undefined,
): boolean {
  if (removal.createdAt < file.createdAt) return false
  if (removal.author === file.author) return true
  const role = roleOf(removal.author)
  return role === 'founder' || role === 'admin'
}
