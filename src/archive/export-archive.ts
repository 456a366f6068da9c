import type { Content } from '../content/content.ts'
import type { Clock } from '../core/clock.ts'
import type { Disk } from '../storage/disk.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { ChannelRow, Channels } from './channels.ts'
import { ChannelUnknownError } from './errors.ts'
import { AttachmentFiles, type AttachmentRow } from './export-attachments.ts'
import { ChannelFiles, type ExportedChannel, writeContents } from './export-files.ts'
import type { ExportedMessage } from './export-html.ts'
import { rowsBetween, type SaidRest, sentAtOf } from './message-log.ts'
import { type Visibility, visibleChannels } from './search-messages.ts'

/** Messages in memory at once. */
const WINDOW = 200

/** What is to be exported, and whereto. */
export interface ExportWish {
  sees: Visibility
  /** Only this channel and its threads. */
  channel?: string
  /** Sent from, sent until (milliseconds since 1970), both included. */
  from?: number
  to?: number
  /** Where the folder is made. */
  disk: Disk
  folder: string
  signal: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/** What an export has in it. */
export interface ExportSummary {
  channels: number
  messages: number
  attachments: { written: number; missing: number }
}

interface MessageRow {
  row: number
  id: string
  author: string
  said: number
  deleted_at: number | null
}

/**
 * Writes an archive as a folder: `messages/…/<day>.json` for programs, `pages/…/<day>.html` for people, attachments
 * beside them, `index.html` to begin with. Nothing in it needs us, a network or a script. It may be run again over an
 * older one: attachments that are there are not fetched again.
 * @throws ChannelUnknownError, DiskError, DiskFullError, or the signal's reason
 */
export async function exportArchive(
  parts: { database: IndexDatabase; channels: Channels; content: Content; clock: Clock },
  wish: ExportWish,
): Promise<ExportSummary> {
  const wanted = wantedChannels(parts.channels, wish)
  const total = wanted.reduce((sum, { messages }) => sum + messages, 0)
  const attachments = new AttachmentFiles({ content: parts.content, disk: wish.disk }, wish.folder)
  const written: ExportedChannel[] = []
  let done = 0
  for (const channel of wanted) {
    const described = describe(channel, wanted)
    const files = new ChannelFiles(wish.disk, wish.folder, described)
    for (const message of messagesOf(parts.database, channel, wish)) {
      wish.signal.throwIfAborted()
      await files.write(await exported(parts.database, message, attachments, wish.signal))
      if (++done % WINDOW === 0) wish.onProgress?.(done, total)
    }
    if (described.messages === 0) continue
    await files.finish()
    written.push(described)
  }
  const summary = {
    messages: done,
    attachments: { written: attachments.written, missing: attachments.missing },
  }
  const madeAt = new Date(parts.clock.now()).toISOString()
  await writeContents(wish.disk, wish.folder, { madeAt, channels: written, ...summary })
  return { channels: written.length, ...summary }
}

/** Channels first, each followed by its threads. */
function wantedChannels(channels: Channels, { sees, channel }: ExportWish): ChannelRow[] {
  const visible = [...visibleChannels(channels, sees).values()]
  const only = channel === undefined ? undefined : visible.find(({ id }) => id === channel)
  if (channel !== undefined && only === undefined) throw new ChannelUnknownError({ channel })
  return visible
    .filter(({ no, root }) => only === undefined || no === only.no || root === only.no)
    .sort((a, b) => a.root - b.root || a.no - b.no)
}

function describe({ no, id, name, root }: ChannelRow, all: readonly ChannelRow[]): ExportedChannel {
  const readable = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40)
  const parent = root === no ? undefined : all.find((each) => each.no === root)
  return {
    id,
    name,
    ...(root === no ? {} : { thread: { of: parent?.id ?? 'a channel that is not exported' } }),
    folder: readable === '' ? `channel-${no}` : `${readable}-${no}`,
    messages: 0,
    days: [],
  }
}

/** In the order in which they were sent, a window at a time. */
function* messagesOf(database: IndexDatabase, channel: ChannelRow, wish: ExportWish): Generator<MessageRow> {
  const { first, last } = rowsBetween(wish.from, wish.to)
  let after = first - 1
  for (;;) {
    const rows = database.all<MessageRow>(
      `SELECT row, message.id AS id, person.id AS author, said, deleted_at FROM message
       JOIN person ON person.no = message.author
       WHERE channel = ? AND row > ? AND row <= ? ORDER BY row LIMIT ?`,
      channel.no,
      after,
      last,
      WINDOW,
    )
    yield* rows
    if (rows.length < WINDOW) return
    after = rows.at(-1)?.row ?? last
  }
}

async function exported(
  database: IndexDatabase,
  { row, id, author, said, deleted_at }: MessageRow,
  files: AttachmentFiles,
  signal: AbortSignal,
): Promise<ExportedMessage> {
  const versions = database.all<{ no: number; at: number; text: string; rest: string }>(
    "SELECT no, at, text, rest FROM event WHERE message = ? AND kind = 'said' ORDER BY at, no",
    row,
  )
  const current = versions.find(({ no }) => no === said) ?? { no: said, at: 0, text: '', rest: '{"name":""}' }
  const rest = JSON.parse(current.rest) as SaidRest
  const rows = database.all<AttachmentRow>(
    'SELECT name, type, size, state, reason, content, key, sha256 FROM attachment WHERE message = ? ORDER BY no',
    row,
  )
  const attachments = []
  for (const each of rows) attachments.push(await files.write(each, signal))
  const earlier = versions.filter(({ no }) => no !== said).map(({ at, text }) => ({ at: isoOf(at), text }))
  return {
    id,
    author: { id: author, name: rest.name },
    sentAt: isoOf(sentAtOf(row)),
    text: current.text,
    ...(current.at > sentAtOf(row) ? { editedAt: isoOf(current.at) } : {}),
    ...(deleted_at === null ? {} : { deletedAt: isoOf(deleted_at) }),
    ...(rest.replyTo === undefined ? {} : { replyTo: rest.replyTo }),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(rest.previews === undefined ? {} : { previews: rest.previews }),
    ...(earlier.length === 0 ? {} : { earlier }),
  }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
