import type { IndexDatabase } from '../storage/index-database.ts'
import { boundMessage, type ObservedMessage } from './archived-message.ts'
import type { ChannelRow, Channels } from './channels.ts'
import type { People } from './people.ts'
import type { SegmentRows } from './segment-rows.ts'
import { indexedText } from './words.ts'

/** Numbers for messages of the same millisecond. */
const ROWS_PER_MS = 1_000

/** What became of a message that was seen. */
export type SeenOutcome = 'new' | 'version' | 'known' | 'left out'

/** What the log needs. Every method is part of the caller's transaction. */
export interface MessageLogParts {
  database: IndexDatabase
  segments: SegmentRows
  channels: Channels
  people: People
}

/** What a version says besides its text, as it stands in `event.rest`. */
export interface SaidRest {
  name: string
  replyTo?: string
  attachments?: ObservedMessage['attachments']
  previews?: ObservedMessage['previews']
}

interface MessageRow {
  row: number
  channel: number
  author: number
  said: number
  deleted_at: number | null
}

/** Messages with all their versions. The same thing seen twice, in whatever order, is kept once. */
export class MessageLog {
  readonly #parts: MessageLogParts

  constructor(parts: MessageLogParts) {
    this.#parts = parts
  }

  /**
   * A version of a message was seen. Nothing is kept of somebody who opted out.
   * @param from the segment of another node in which it was read; none for what was seen here.
   */
  said(seen: ObservedMessage, from?: number): SeenOutcome {
    const message = boundMessage(seen)
    const channel = message === undefined ? undefined : this.#parts.channels.find(message.channel)
    if (message === undefined || channel === undefined) return 'left out'
    const person = this.#parts.people.find(message.author.id)
    const leftAt = person?.left_at ?? null
    // What others kept before somebody left may still be read; here nothing more is taken.
    if (leftAt !== null && (from === undefined || message.sentAt > leftAt)) return 'left out'
    if (message.sentAt <= (person?.erased_until ?? 0)) return 'left out'
    const author = this.#parts.people.meet(message.author.id, message.author.name).no
    const known = this.#find(channel.no, message.id)
    if (known === undefined) {
      this.#begin(message, channel, author, from)
      return 'new'
    }
    if (known.author !== author) return 'left out'
    if (from === undefined) this.#await(known.row)
    return this.#addVersion(message, channel, known, from)
  }

  /** A message was deleted where it was said. What it said is kept as a version, or erased where the channel is kept so. */
  deleted(channel: ChannelRow, id: string, at: number, from?: number): boolean {
    const known = this.#find(channel.no, id)
    if (known === undefined || known.deleted_at !== null) return false
    if (channel.erases === 1 && from === undefined) {
      this.erase(known.row)
      return true
    }
    const event = { message: known.row, kind: 'deleted', at, text: '', rest: '{}' } as const
    this.#parts.segments.add(channel.stream, event, from)
    this.#parts.database.run('UPDATE message SET deleted_at = ? WHERE row = ?', at, known.row)
    this.#forgetWords(known.row)
    return true
  }

  /** Nothing of a message stays: no version, no word, no attachment. */
  erase(row: number): void {
    const { database, segments } = this.#parts
    segments.removeOf(row)
    this.#forgetWords(row)
    const contents = database.all<{ content: string }>(
      'SELECT content FROM attachment WHERE message = ? AND content IS NOT NULL',
      row,
    )
    database.run('DELETE FROM attachment WHERE message = ?', row)
    // Let go of when the transaction stands: the same bytes may have come with another message too.
    for (const { content } of contents)
      database.run('INSERT OR IGNORE INTO leftover (content) VALUES (?)', content)
    database.run(
      'UPDATE channel SET messages = messages - 1 WHERE no = (SELECT channel FROM message WHERE row = ?)',
      row,
    )
    database.run('DELETE FROM message WHERE row = ?', row)
  }

  rowOf(channel: number, id: string): number | undefined {
    return this.#find(channel, id)?.row
  }

  #find(channel: number, id: string): MessageRow | undefined {
    return this.#parts.database.get<MessageRow>(
      'SELECT row, channel, author, said, deleted_at FROM message WHERE channel = ? AND id = ?',
      channel,
      id,
    )
  }

  #begin(message: ObservedMessage, channel: ChannelRow, author: number, from?: number): void {
    const { database } = this.#parts
    const row = this.#freeRow(message.sentAt)
    const said = this.#note(message, channel, row, from)
    database.run(
      'INSERT INTO message (row, channel, id, author, said) VALUES (?, ?, ?, ?, ?)',
      row,
      channel.no,
      message.id,
      author,
      said,
    )
    database.run('UPDATE channel SET messages = messages + 1 WHERE no = ?', channel.no)
    this.#noteAttachments(message, row, from)
    this.#noteWords(message, channel, { row, author })
  }

  #addVersion(message: ObservedMessage, channel: ChannelRow, known: MessageRow, from?: number): SeenOutcome {
    const { database } = this.#parts
    const at = message.editedAt ?? message.sentAt
    const same = database.get(
      "SELECT 1 FROM event WHERE message = ? AND kind = 'said' AND at = ?",
      known.row,
      at,
    )
    if (same !== undefined) return 'known'
    const said = this.#note(message, channel, known.row, from)
    this.#noteAttachments(message, known.row, from)
    const current = database.get<{ at: number }>('SELECT at FROM event WHERE no = ?', known.said)
    if (current === undefined || at > current.at) {
      database.run('UPDATE message SET said = ? WHERE row = ?', said, known.row)
      this.#forgetWords(known.row)
      if (known.deleted_at === null) this.#noteWords(message, channel, known)
    }
    return 'version'
  }

  #note(message: ObservedMessage, channel: ChannelRow, row: number, from?: number): number {
    const rest: SaidRest = { name: message.author.name }
    if (message.replyTo !== undefined) rest.replyTo = message.replyTo
    if (message.attachments.length > 0) rest.attachments = message.attachments
    if (message.previews.length > 0) rest.previews = message.previews
    const at = message.editedAt ?? message.sentAt
    const event = { message: row, kind: 'said', at, text: message.text, rest: JSON.stringify(rest) } as const
    return this.#parts.segments.add(channel.stream, event, from)
  }

  #noteAttachments(message: ObservedMessage, row: number, from?: number): void {
    for (const { id, name, type, sizeBytes } of message.attachments) {
      this.#parts.database.run(
        'INSERT OR IGNORE INTO attachment (message, id, name, type, size, state) VALUES (?, ?, ?, ?, ?, ?)',
        row,
        id,
        name,
        type,
        sizeBytes,
        from === undefined ? 'waiting' : 'untold',
      )
    }
  }

  /** Attachments known only from another node, which did not say what became of them, are fetched here. */
  #await(row: number): void {
    this.#parts.database.run(
      "UPDATE attachment SET state = 'waiting' WHERE message = ? AND state = 'untold'",
      row,
    )
  }

  #noteWords(message: ObservedMessage, channel: ChannelRow, at: { row: number; author: number }): void {
    const names = message.attachments.map(({ name }) => name)
    const cards = message.previews.flatMap(({ title, text }) => [title, text])
    const words = indexedText([message.text, ...names, ...cards].join('\n'))
    this.#parts.database.run(
      'INSERT INTO word (rowid, words, facets) VALUES (CAST(? AS INTEGER), ?, ?)',
      at.row,
      words,
      `c${channel.no} r${channel.root} g${channel.stream} a${at.author}`,
    )
  }

  #forgetWords(row: number): void {
    this.#parts.database.run('DELETE FROM word WHERE rowid = CAST(? AS INTEGER)', row)
  }

  #freeRow(sentAt: number): number {
    for (let base = sentAt * ROWS_PER_MS; ; base += ROWS_PER_MS) {
      const last = this.#parts.database.get<{ row: number | null }>(
        'SELECT max(row) AS row FROM message WHERE row >= ? AND row < ?',
        base,
        base + ROWS_PER_MS,
      )?.row
      const row = (last ?? base - 1) + 1
      if (row < base + ROWS_PER_MS) return row
    }
  }
}

/** Bounds of the rows of messages sent from one moment to another, both included (milliseconds since 1970). */
export function rowsBetween(
  from: number | undefined,
  to: number | undefined,
): { first: number; last: number } {
  return {
    first: from === undefined ? 0 : from * ROWS_PER_MS,
    last: to === undefined ? Number.MAX_SAFE_INTEGER : (to + 1) * ROWS_PER_MS - 1,
  }
}

/** When the message of a row was sent, in milliseconds since 1970. */
export function sentAtOf(row: number): number {
  return Math.floor(row / ROWS_PER_MS)
}
