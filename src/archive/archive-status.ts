import type { IndexDatabase } from '../storage/index-database.ts'
import { countAttachments } from './attachment-rows.ts'
import type { ChannelRow } from './channels.ts'
import { sentAtOf } from './message-log.ts'
import type { SegmentSealer } from './segment-sealer.ts'

/** Threads are counted with their channel. */
export interface KeptChannelStatus {
  id: string
  name: string
  /** Whether what is said there now is kept. */
  isKept: boolean
  /** Whether what was said before has been read to its beginning. */
  isComplete: boolean
  messages: number
  threads: number
  /** Of the oldest and the newest message that is kept (milliseconds since 1970). */
  oldestAt: number | null
  newestAt: number | null
  /** What is being done now. */
  activity: string | null
  /** What keeps it from being kept. */
  trouble: string | null
  /** Whether deletions are erased instead of kept as versions. */
  erases: boolean
}

/** How the archive is. */
export interface ArchiveStatus {
  channels: KeptChannelStatus[]
  messages: number
  attachments: { kept: number; waiting: number; failed: number; reasons: Record<string, number> }
  /** Segments of this node: those in the space, and those with news that are not yet. `toRead`: of other members. */
  segments: { published: number; waiting: number; toRead: number }
  optedOut: number
}

/** Puts together how the archive is, for the channels that somebody may see. */
export function archiveStatus(
  parts: {
    database: IndexDatabase
    sealer: SegmentSealer
    activityOf: (channel: string) => string | undefined
  },
  visible: readonly ChannelRow[],
  { toRead }: { toRead: number },
): ArchiveStatus {
  const { database } = parts
  const roots = visible.filter(({ no, root }) => no === root)
  const channels = roots.map((channel) => {
    const family = visible.filter(({ root }) => root === channel.no)
    return {
      id: channel.id,
      name: channel.name,
      isKept: channel.kept === 1,
      isComplete: family.every(({ complete }) => complete === 1),
      messages: family.reduce((sum, { messages }) => sum + messages, 0),
      threads: family.length - 1,
      ...datesOf(database, family),
      activity: parts.activityOf(channel.id) ?? null,
      trouble: channel.trouble,
      erases: channel.erases === 1,
    }
  })
  const streams = new Set(visible.map(({ stream }) => stream))
  const row = database.get<{ count: number }>(
    'SELECT count(*) AS count FROM person WHERE left_at IS NOT NULL',
  )
  return {
    channels,
    messages: channels.reduce((sum, { messages }) => sum + messages, 0),
    attachments: countAttachments(database, [...streams]),
    segments: { ...parts.sealer.counts(), toRead },
    optedOut: row?.count ?? 0,
  }
}

function datesOf(
  database: IndexDatabase,
  family: readonly ChannelRow[],
): { oldestAt: number | null; newestAt: number | null } {
  const row = database.get<{ first: number | null; last: number | null }>(
    `SELECT min((SELECT min(row) FROM message WHERE channel = wanted.value)) AS first,
       max((SELECT max(row) FROM message WHERE channel = wanted.value)) AS last FROM json_each(?) AS wanted`,
    JSON.stringify(family.map(({ no }) => no)),
  )
  const dateOf = (value: number | null | undefined) =>
    value === null || value === undefined ? null : sentAtOf(value)
  return { oldestAt: dateOf(row?.first), newestAt: dateOf(row?.last) }
}
