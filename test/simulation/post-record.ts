import type { SignedRecord } from '../../src/records/record.ts'
import type { RecordKind, RecordSets } from '../../src/records/record-sets.ts'

/** Its name. */
export const POST_KIND = 'simulated-post'
const LIFETIME_MS = 30 * 24 * 3_600_000

/** Something that a member says, kept until it expires; stands for whatever features keep in records. */
export const postKind: RecordKind = {
  name: POST_KIND,
  lifetimeMsMax: LIFETIME_MS,
  newestWins: 'per author and key',
  perAuthorMax: 20_000,
  refuse: ({ body }) => (typeof body === 'string' && body.length <= 1_000 ? undefined : 'it is no text'),
}

/** Says something in the space. */
export function putPost(records: RecordSets, key: string, text: string): Promise<SignedRecord> {
  return records.put(POST_KIND, key, text, { lifetimeMs: LIFETIME_MS })
}

/** What is posted and alive, as one node has it. */
export function listPosts(records: RecordSets): SignedRecord[] {
  return records.list(POST_KIND)
}

const NOTICE_KIND = 'simulated-notice'
/** How long a notice is of interest. */
export const NOTICE_MS = 30 * 60_000

/** Something that is said for half an hour only. */
export const noticeKind: RecordKind = { ...postKind, name: NOTICE_KIND, lifetimeMsMax: NOTICE_MS }

/** Says something for half an hour. */
export function putNotice(records: RecordSets, key: string): Promise<SignedRecord> {
  return records.put(NOTICE_KIND, key, 'soon over', { lifetimeMs: NOTICE_MS })
}

/** Notices that are alive, as one node has them. */
export function listNotices(records: RecordSets): SignedRecord[] {
  return records.list(NOTICE_KIND)
}
