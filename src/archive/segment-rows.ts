import type { Clock } from '../core/clock.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

/** Events of one segment; about 100 KiB compressed. */
export const SEGMENT_EVENTS_MAX = 1_000
/** Text of one segment before compression, as far as it is counted (bytes). */
export const SEGMENT_BYTES_MAX = 4 * 1024 * 1024

/** What is noted about something that was seen. */
export interface EventRow {
  message: number | null
  kind: 'channel' | 'said' | 'deleted' | 'attachment' | 'erased' | 'left' | 'returned'
  /** Milliseconds since 1970. */
  at: number
  text: string
  /** JSON of what belongs to this kind (`segment-events.ts`). */
  rest: string
}

/** Our own segments and what is in them, as rows. Everything here is part of the caller's transaction. */
export class SegmentRows {
  readonly #database: IndexDatabase
  readonly #clock: Clock

  constructor(parts: { database: IndexDatabase; clock: Clock }) {
    this.#database = parts.database
    this.#clock = parts.clock
  }

  /** The number of a community's stream of segments, made if need be. */
  streamOf(group: string): number {
    this.#database.run('INSERT OR IGNORE INTO stream (id) VALUES (?)', group)
    const row = this.#database.get<{ no: number }>('SELECT no FROM stream WHERE id = ?', group)
    return (row as { no: number }).no
  }

  /** Every stream of ours. */
  streams(): number[] {
    return this.#database.all<{ no: number }>('SELECT no FROM stream').map(({ no }) => no)
  }

  /** Adds an event to the segment that is being filled, or to a given one. Returns the event's number. */
  add(stream: number, event: EventRow, into?: number): number {
    const segment = into ?? this.#filling(stream)
    const { no } = this.#database.get<{ no: number }>(
      'INSERT INTO event (segment, message, kind, at, text, rest) VALUES (?, ?, ?, ?, ?, ?) RETURNING no',
      segment,
      event.message,
      event.kind,
      event.at,
      event.text,
      event.rest,
    ) as { no: number }
    if (into === undefined) this.#count(segment, 1, event.text.length + event.rest.length)
    return no
  }

  /** Takes away every event about a message; the segments they were in are to be published anew. */
  removeOf(message: number): void {
    const rows = this.#database.all<{ segment: number; events: number; bytes: number }>(
      `SELECT segment, count(*) AS events, sum(length(text) + length(rest)) AS bytes FROM event
       WHERE message = ? GROUP BY segment`,
      message,
    )
    for (const { segment, events, bytes } of rows) this.#count(segment, -events, -bytes)
    this.#database.run('DELETE FROM event WHERE message = ?', message)
  }

  /** The row of a segment of another node, or of one of ours that was lost here; made if need be. */
  adopt(stream: number, peer: string, number: number): number {
    this.#database.run(
      'INSERT OR IGNORE INTO segment (stream, peer, number) VALUES (?, ?, ?)',
      stream,
      peer,
      number,
    )
    const row = this.#database.get<{ no: number }>(
      'SELECT no FROM segment WHERE stream = ? AND peer = ? AND number = ?',
      stream,
      peer,
      number,
    )
    return (row as { no: number }).no
  }

  #filling(stream: number): number {
    const row = this.#database.get<{ no: number; number: number; events: number; bytes: number }>(
      "SELECT no, number, events, bytes FROM segment WHERE stream = ? AND peer = '' ORDER BY number DESC LIMIT 1",
      stream,
    )
    if (row !== undefined && row.events < SEGMENT_EVENTS_MAX && row.bytes < SEGMENT_BYTES_MAX) return row.no
    return this.adopt(stream, '', (row?.number ?? 0) + 1)
  }

  #count(segment: number, events: number, bytes: number): void {
    this.#database.run(
      `UPDATE segment SET events = events + ?, bytes = bytes + ?, revision = revision + 1,
       changed_at = CASE WHEN peer = '' THEN coalesce(changed_at, ?) END WHERE no = ?`,
      events,
      bytes,
      this.#clock.now(),
      segment,
    )
  }
}
