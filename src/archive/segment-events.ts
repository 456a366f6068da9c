import { gunzip, gzip } from 'node:zlib'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { ObservedAttachment, ObservedMessage, Preview } from './archived-message.ts'
import { SegmentMalformedError } from './errors.ts'
import { sentAtOf } from './message-log.ts'
import { SEGMENT_EVENTS_MAX } from './segment-rows.ts'

const FORMAT = 'kizuna-archive-segment'
const VERSION = 1
/** A segment from outside, unpacked. Text is counted as it is written, JSON takes more, and two events may be long. */
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024
/** Packed; what is larger is not even fetched. */
export const SEGMENT_PACKED_BYTES_MAX = 16 * 1024 * 1024

/** What became of an attachment. */
export type AttachmentOutcome =
  | { outcome: 'kept'; content: string; key: string; sha256: string; sizeBytes: number }
  | { outcome: 'failed'; reason: string }

/** One line of a segment: something that was seen, with everything needed to understand it. */
export type SegmentEvent =
  | { event: 'channel'; at: number; id: string; name: string; parent?: string; isOpen: boolean }
  | ({ event: 'said'; at: number; message: string } & Omit<ObservedMessage, 'id' | 'editedAt'>)
  | { event: 'deleted'; at: number; channel: string; message: string }
  | ({
      event: 'attachment'
      at: number
      channel: string
      message: string
      attachment: string
    } & AttachmentOutcome)
  | { event: 'erased' | 'left' | 'returned'; at: number; person: string }

interface StoredEvent {
  kind: string
  at: number
  text: string
  rest: string
  row: number | null
  id: string | null
  channel: string | null
  author: string | null
}

/** A segment as it is published: gzip of JSON lines, the first of which says what it is. Undefined when nothing is in it. */
export async function packSegment(
  database: IndexDatabase,
  segment: { no: number; group: string; number: number },
): Promise<Uint8Array | undefined> {
  const rows = database.all<StoredEvent>(
    `SELECT event.kind AS kind, event.at AS at, event.text AS text, event.rest AS rest, message.row AS row,
       message.id AS id, channel.id AS channel, person.id AS author
     FROM event LEFT JOIN message ON message.row = event.message LEFT JOIN channel ON channel.no = message.channel
     LEFT JOIN person ON person.no = message.author WHERE event.segment = ? ORDER BY event.no`,
    segment.no,
  )
  if (rows.length === 0) return undefined
  const head = { format: FORMAT, version: VERSION, group: segment.group, number: segment.number }
  const lines = [head, ...rows.map(lineOf)].map((line) => JSON.stringify(line))
  return zipped(Buffer.from(`${lines.join('\n')}\n`))
}

/** Reads what another node packed; every line is checked. @throws SegmentMalformedError */
export async function unpackSegment(
  packed: Uint8Array,
): Promise<{ group: string; number: number; events: SegmentEvent[] }> {
  const text = await unzipped(packed)
  const lines = text.split('\n').filter((line) => line !== '')
  if (lines.length > 2 * SEGMENT_EVENTS_MAX + 1)
    throw new SegmentMalformedError({ reason: 'it has too many lines' })
  const [head, ...events] = lines.map(parsed)
  if (head?.format !== FORMAT || head.version !== VERSION)
    throw new SegmentMalformedError({ reason: 'it is of another format or version' })
  if (typeof head.group !== 'string' || !Number.isSafeInteger(head.number))
    throw new SegmentMalformedError({ reason: 'its first line is incomplete' })
  return { group: head.group, number: head.number as number, events: events.flatMap(readEvent) }
}

function lineOf({ kind, at, text, rest, row, id, channel, author }: StoredEvent): Record<string, unknown> {
  const facts = JSON.parse(rest) as Record<string, unknown>
  if (kind === 'channel') return { event: kind, at, name: text, ...facts }
  if (kind !== 'said') return { event: kind, at, ...(id === null ? {} : { channel, message: id }), ...facts }
  const { name, ...others } = facts
  return {
    event: kind,
    at,
    channel,
    message: id,
    sentAt: sentAtOf(row ?? 0),
    author: { id: author, name },
    text,
    ...others,
  }
}

/** An event as it must be, or nothing: one bad line does not spoil a segment. */
function readEvent(line: Record<string, unknown>): SegmentEvent[] {
  const { event, at } = line
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at <= 0) return []
  const has = (...fields: string[]) => fields.every((field) => typeof line[field] === 'string')
  switch (event) {
    case 'channel':
      return has('id', 'name') && typeof line.isOpen === 'boolean' ? [line as never] : []
    case 'said': {
      const author = line.author as { id?: unknown; name?: unknown } | null | undefined
      if (!has('channel', 'message', 'text') || !Number.isSafeInteger(line.sentAt)) return []
      if (typeof author?.id !== 'string' || typeof author.name !== 'string') return []
      return [
        {
          ...line,
          attachments: attachmentsOf(line.attachments),
          previews: previewsOf(line.previews),
        } as never,
      ]
    }
    case 'deleted':
      return has('channel', 'message') ? [line as never] : []
    case 'attachment': {
      const isKept =
        line.outcome === 'kept' && has('content', 'key', 'sha256') && Number.isSafeInteger(line.sizeBytes)
      const isFailed = line.outcome === 'failed' && has('reason')
      return has('channel', 'message', 'attachment') && (isKept || isFailed) ? [line as never] : []
    }
    case 'erased':
    case 'left':
    case 'returned':
      return has('person') ? [line as never] : []
    default:
      // A newer version says more; what is understood is taken.
      return []
  }
}

function attachmentsOf(value: unknown): ObservedAttachment[] {
  return itemsOf(value).filter(
    ({ id, name, type, sizeBytes }) =>
      [id, name, type].every((each) => typeof each === 'string') && typeof sizeBytes === 'number',
  ) as unknown as ObservedAttachment[]
}

function previewsOf(value: unknown): Preview[] {
  return itemsOf(value).filter(({ title, text, url }) =>
    [title, text, url].every((each) => typeof each === 'string'),
  ) as unknown as Preview[]
}

function itemsOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : []
}

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new SegmentMalformedError({ reason: 'a line of it is not a JSON object' })
}

function zipped(bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) =>
    gzip(bytes, (error, result) => (error === null ? resolve(result) : reject(error))),
  )
}

function unzipped(bytes: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) =>
    gunzip(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }, (error, result) =>
      error === null
        ? resolve(result.toString())
        : reject(new SegmentMalformedError({ reason: 'it cannot be unpacked', cause: error })),
    ),
  )
}
