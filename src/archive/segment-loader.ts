import type { Content } from '../content/content.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Membership } from '../records/membership.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { openWithSpaceKeys } from '../records/space-seal.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { noteOutcome } from './attachment-rows.ts'
import type { Channels } from './channels.ts'
import { SegmentMalformedError } from './errors.ts'
import type { MessageLog } from './message-log.ts'
import type { People } from './people.ts'
import { SEGMENT_PACKED_BYTES_MAX, type SegmentEvent, unpackSegment } from './segment-events.ts'
import { readSegmentRecord, SEGMENT_KIND, type SegmentRecord } from './segment-record.ts'
import type { SegmentRows } from './segment-rows.ts'

/** No bytes of a segment for this long: the next one. */
const FETCH_TIMEOUT_MS = 10_000

/** What could not be had is asked for again after this; new records are looked at at once. */
const LOOK_AGAIN_MS = 60_000

/** What reading the segments of others needs. */
export interface LoaderParts {
  database: IndexDatabase
  content: Content
  records: RecordSets
  membership: Membership
  segments: SegmentRows
  channels: Channels
  people: People
  messages: MessageLog
  clock: Clock
  log: Logger
  self: PeerId
}

/**
 * Reads segments that other members published, and those of ours that this database lost, so that every member's node
 * can search and export what one of them keeps. Where this node keeps channels of a community itself, it believes
 * what it saw and reads nobody else's.
 */
export class SegmentLoader {
  readonly #parts: LoaderParts

  /** Not tried since the last look, and tried in vain. Looking takes time where there are many. */
  #untried: SegmentRecord[] = []
  #failed = 0
  #lookAt = 0
  readonly #silence: () => void

  constructor(parts: LoaderParts) {
    this.#parts = parts
    this.#silence = parts.records.onRecord(SEGMENT_KIND, () => {
      this.#lookAt = 0
    })
  }

  /** Hears of no more segments. */
  stop(): void {
    this.#silence()
  }

  /** How many segments were not read yet. */
  get left(): number {
    this.#look()
    return this.#untried.length + this.#failed
  }

  /** Reads what is missing until `signal` aborts; a segment that cannot be had now is left for later. */
  async load(signal: AbortSignal): Promise<{ read: number; left: number }> {
    this.#look()
    let read = 0
    while (!signal.aborted) {
      const next = this.#untried.shift()
      if (next === undefined) break
      try {
        await this.#read(next, signal)
        read++
      } catch (error) {
        this.#failed++
        const { code } = toKizunaError(error)
        // Interrupted: looked for again the next time.
        if (signal.aborted) this.#lookAt = 0
        else
          this.#parts.log.warn('archive segment not read', { peer: next.author, number: next.number, code })
      }
    }
    return { read, left: this.left }
  }

  #look(): void {
    const now = this.#parts.clock.monotonic()
    if (now < this.#lookAt) return
    this.#untried = this.#missing()
    this.#failed = 0
    this.#lookAt = now + LOOK_AGAIN_MS
  }

  /** Segments whose records are here and which are not read yet. */
  #missing(): SegmentRecord[] {
    const { records, database, self } = this.#parts
    const known = new Map(
      database
        .all<{ group: string; peer: string; number: number; content: string | null }>(
          'SELECT stream.id AS "group", peer, number, content FROM segment JOIN stream ON stream.no = segment.stream',
        )
        .map(({ group, peer, number, content }) => [`${peer}/${group}/${number}`, content]),
    )
    const keptHere = new Set(
      database
        .all<{ id: string }>(
          'SELECT DISTINCT stream.id AS id FROM channel JOIN stream ON stream.no = stream WHERE kept = 1',
        )
        .map(({ id }) => id),
    )
    const all = records.list(SEGMENT_KIND).map(readSegmentRecord)
    const lacking = all.filter(({ author, group, number, content }) => {
      // Of ours only what the database does not know at all: what it knows is newer than any record.
      if (author === self) return content !== undefined && !known.has(`/${group}/${number}`)
      if (keptHere.has(group)) return false
      return (known.get(`${author}/${group}/${number}`) ?? undefined) !== content
    })
    return lacking.sort((a, b) => a.number - b.number)
  }

  async #read(record: SegmentRecord, signal: AbortSignal): Promise<void> {
    const events = record.content === undefined ? [] : await this.#fetch(record, record.content, signal)
    const { database, channels } = this.#parts
    try {
      database.transaction(() => this.#take(record, events))
    } catch (error) {
      channels.forgetWhatWasRead()
      throw error
    }
  }

  async #fetch(record: SegmentRecord, id: ContentId, signal: AbortSignal): Promise<SegmentEvent[]> {
    const { content, membership } = this.#parts
    const key = openWithSpaceKeys(membership.spaceKeys(), record.sealedKey, id)
    const opened = await content.retrieve(id, { key, signal, timeoutMs: FETCH_TIMEOUT_MS })
    if (opened.sizeBytes > SEGMENT_PACKED_BYTES_MAX)
      throw new SegmentMalformedError({ reason: 'it is too large' })
    const pieces: Uint8Array[] = []
    for await (const piece of opened.bytes) pieces.push(piece)
    const { group, number, events } = await unpackSegment(Buffer.concat(pieces))
    if (group !== record.group || number !== record.number)
      throw new SegmentMalformedError({ reason: 'it is not the one that its record names' })
    return events
  }

  #take(record: SegmentRecord, events: readonly SegmentEvent[]): void {
    const { database, segments, self } = this.#parts
    const isOwn = record.author === self
    const stream = segments.streamOf(record.group)
    const into = segments.adopt(stream, isOwn ? '' : record.author, record.number)
    const saidBefore = new Set(
      database
        .all<{ message: number }>("SELECT message FROM event WHERE segment = ? AND kind = 'said'", into)
        .map(({ message }) => message),
    )
    database.run('DELETE FROM event WHERE segment = ? AND message IS NULL', into)
    for (const event of events) {
      const row = this.#apply(event, { group: record.group, stream, into, isOwn })
      if (row !== undefined) saidBefore.delete(row)
    }
    // What its publisher took out of it is taken out here.
    for (const row of saidBefore) this.#withdraw(row, into)
    database.run(
      `UPDATE segment SET content = ?, changed_at = NULL,
       events = (SELECT count(*) FROM event WHERE segment = ?) WHERE no = ?`,
      record.content ?? null,
      into,
      into,
    )
  }

  /** Returns the row of the message that was said. */
  #apply(
    event: SegmentEvent,
    at: { group: string; stream: number; into: number; isOwn: boolean },
  ): number | undefined {
    const { channels, messages, database, segments } = this.#parts
    const { group, into } = at
    if (event.event === 'channel') channels.describe({ ...event, group }, event.at, into)
    if (event.event === 'erased' || event.event === 'left' || event.event === 'returned')
      this.#applyWish(event, at)
    if (!('channel' in event)) return undefined
    const channel = channels.find(event.channel)
    // Nobody speaks for another community than the one that the segment is of.
    if (channel === undefined || channels.groupOf(channel) !== group) return undefined
    if (event.event === 'said') {
      const { message, at, ...seen } = event
      messages.said({ ...seen, id: message, ...(at === seen.sentAt ? {} : { editedAt: at }) }, into)
      return messages.rowOf(channel.no, message)
    }
    const row = messages.rowOf(channel.no, event.message)
    if (row === undefined) return undefined
    if (event.event === 'deleted') messages.deleted(channel, event.message, event.at, into)
    else
      noteOutcome({ database, segments }, { row, id: event.attachment, at: event.at, outcome: event }, into)
    return undefined
  }

  /** What people asked for is heeded by whoever may come to keep the conversation; only taking part again is asked of each. */
  #applyWish(
    event: Extract<SegmentEvent, { person: string }>,
    { stream, into, isOwn }: { stream: number; into: number; isOwn: boolean },
  ): void {
    const { people, segments } = this.#parts
    if (event.event === 'erased') people.forbidUntil(event.person, event.at)
    else if (event.event === 'left') people.leave(event.person, event.at)
    else if (isOwn) people.comeBack(event.person)
    const rest = JSON.stringify({ person: event.person })
    segments.add(stream, { message: null, kind: event.event, at: event.at, text: '', rest }, into)
  }

  #withdraw(row: number, segment: number): void {
    const { database, messages } = this.#parts
    const elsewhere = database.get(
      "SELECT 1 FROM event WHERE message = ? AND kind = 'said' AND segment <> ?",
      row,
      segment,
    )
    if (elsewhere === undefined) messages.erase(row)
  }
}
