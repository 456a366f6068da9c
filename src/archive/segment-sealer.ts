import { createHash, createHmac } from 'node:crypto'
import type { Content } from '../content/content.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Membership } from '../records/membership.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { sealWithSpaceKey } from '../records/space-seal.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { secretOf } from './archive-database.ts'
import { packSegment } from './segment-events.ts'
import {
  readSegmentRecord,
  SEGMENT_KIND,
  SEGMENT_LIFETIME_MS,
  segmentBody,
  segmentKey,
} from './segment-record.ts'
import { SEGMENT_BYTES_MAX, SEGMENT_EVENTS_MAX } from './segment-rows.ts'

/** What publishing segments needs. */
export interface SealerParts {
  database: IndexDatabase
  content: Content
  records: RecordSets
  membership: Membership
  clock: Clock
  random: Random
  log: Logger
  self: PeerId
}

/** How segments are published. */
export interface SealerOptions {
  /** Whole copies of what gets copies. */
  copies: number
  /** A segment that is not full is published when its oldest news is this old (milliseconds). */
  sealAfterMs: number
}

interface SegmentRow {
  no: number
  group: string
  number: number
  events: number
  revision: number
  content: string | null
  key: Uint8Array | null
}

const COLUMNS = `segment.no AS no, stream.id AS "group", number, events, revision, content, key
  FROM segment JOIN stream ON stream.no = segment.stream WHERE peer = ''`

/**
 * Publishes segments as private content of the space: full ones at once, others when news has waited long enough, and
 * changed ones anew. So the archive is there when this node is not.
 */
export class SegmentSealer {
  readonly #parts: SealerParts
  readonly #options: SealerOptions
  readonly #secret: Uint8Array
  /** The space in which all our segments have their records. */
  #toldSpace: string | undefined

  constructor(parts: SealerParts, options: SealerOptions) {
    this.#parts = parts
    this.#options = options
    this.#secret = secretOf(parts.database)
  }

  /** Publishes what is due, or with `all` everything that changed. Not twice at once: the caller sees to that. */
  async seal(options: { all?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    const { database, clock, membership } = this.#parts
    const dueBefore = options.all === true ? Number.MAX_SAFE_INTEGER : clock.now() - this.#options.sealAfterMs
    const due = database.all<SegmentRow>(
      `SELECT ${COLUMNS} AND changed_at IS NOT NULL AND (changed_at <= ? OR events >= ? OR bytes >= ?) ORDER BY no`,
      dueBefore,
      SEGMENT_EVENTS_MAX,
      SEGMENT_BYTES_MAX,
    )
    for (const segment of due) {
      options.signal?.throwIfAborted()
      await this.#publish(segment, options.signal)
    }
    const space = membership.space().id
    if (this.#toldSpace !== space) {
      await this.#tellAgain()
      this.#toldSpace = space
    }
    await this.#letGoOfLeftovers()
  }

  /** How many segments are published, and how many wait for it. */
  counts(): { published: number; waiting: number } {
    const row = this.#parts.database.get<{ published: number; waiting: number }>(
      "SELECT count(content) AS published, count(changed_at) AS waiting FROM segment WHERE peer = ''",
    )
    return row ?? { published: 0, waiting: 0 }
  }

  async #publish(segment: SegmentRow, signal: AbortSignal | undefined): Promise<void> {
    const { content, database, clock, log } = this.#parts
    const packed = await packSegment(database, segment)
    let published: { content: string; key: Uint8Array } | undefined
    if (packed !== undefined) {
      const key = keyOf(this.#secret, createHash('sha256').update(packed).digest())
      const { id } = await content.publish(oneOf(packed), {
        copies: this.#options.copies,
        acknowledge: 'local',
        encryptionKey: key,
        sizeBytes: packed.byteLength,
        ...(signal === undefined ? {} : { signal }),
      })
      published = { content: id, key }
    }
    await this.#tell({ ...segment, content: published?.content ?? null, key: published?.key ?? null })
    database.transaction(() => {
      if (segment.content !== null && segment.content !== published?.content)
        database.run('INSERT OR IGNORE INTO leftover (content) VALUES (?)', segment.content)
      database.run(
        `UPDATE segment SET content = ?, key = ?, sealed = ?,
         changed_at = CASE WHEN revision = ? THEN NULL ELSE ? END WHERE no = ?`,
        published?.content ?? null,
        published?.key ?? null,
        segment.revision,
        segment.revision,
        clock.now(),
        segment.no,
      )
    })
    log.debug('archive segment published', { number: segment.number, events: segment.events })
  }

  async #tell({ group, number, content, key, events }: SegmentRow): Promise<void> {
    const { records, membership, random } = this.#parts
    const sealedKey =
      content === null || key === null
        ? new Uint8Array(0)
        : sealWithSpaceKey(membership.spaceKey(), key, content, random)
    const body = segmentBody({ content: content ?? '', sealedKey, events })
    await records.put(SEGMENT_KIND, segmentKey(group, number), body, { lifetimeMs: SEGMENT_LIFETIME_MS })
  }

  /** Another space does not know our segments yet. */
  async #tellAgain(): Promise<void> {
    const { database, records, self } = this.#parts
    for (const segment of database.all<SegmentRow>(`SELECT ${COLUMNS} AND content IS NOT NULL`)) {
      const told = records.newest(SEGMENT_KIND, segmentKey(segment.group, segment.number), self)
      if (told === undefined || readSegmentRecord(told).content !== segment.content) await this.#tell(segment)
    }
  }

  /** Lets go of contents that nothing in the archive refers to any more. */
  async #letGoOfLeftovers(): Promise<void> {
    const { database, content } = this.#parts
    for (const { content: id } of database.all<{ content: string }>('SELECT content FROM leftover')) {
      const isUsed = database.get(
        'SELECT 1 FROM attachment WHERE content = ? UNION ALL SELECT 1 FROM segment WHERE content = ?',
        id,
        id,
      )
      if (isUsed === undefined) await content.forget(id as ContentId)
      database.run('DELETE FROM leftover WHERE content = ?', id)
    }
  }
}

/**
 * The key of a private content, from its plain bytes' hash and the archive's secret: the same bytes always become the
 * same content, also after a crash in the middle, and no key ever serves two contents.
 */
export function keyOf(secret: Uint8Array, sha256: Uint8Array): Uint8Array {
  return createHmac('sha256', secret).update(sha256).digest()
}

async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
