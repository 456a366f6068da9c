import { createHash } from 'node:crypto'
import type { Content } from '../content/content.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { DeadlineError } from '../core/errors.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Disk } from '../storage/disk.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { secretOf } from './archive-database.ts'
import type { ArchiveSource, OpenedAttachment } from './archive-source.ts'
import { noteOutcome } from './attachment-rows.ts'
import type { AttachmentOutcome } from './segment-events.ts'
import type { SegmentRows } from './segment-rows.ts'
import { keyOf } from './segment-sealer.ts'

const FOLDER = 'archive-incoming'
/** Bytes read back from the disk at a time. */
const WINDOW_BYTES = 256 * 1024
/** No bytes for this long: tried again later. */
const STALL_MS = 60_000
/** Opening may include waiting for a rate limit and fetching the message anew. */
const OPEN_MS = 120_000
/** After this many failures it is noted as unreachable. */
const TRIES_MAX = 6
/** Wait after the first failure; doubles each time. */
const RETRY_MS = 5_000
const RETRY_MS_MAX = 3_600_000
/** While the disk is full or nobody is connected to the source. */
const PAUSE_MS = 30_000
/** Places remembered while they are fetched come from the database; so many are looked up at once. */
const BATCH = 32

/** What keeping attachments needs. */
export interface AttachmentKeeperParts {
  database: IndexDatabase
  segments: SegmentRows
  content: Content
  disk: Disk
  clock: Clock
  log: Logger
  metrics: Metrics
  sourceOf: (channel: string) => ArchiveSource | undefined
}

/** Limits of attachments. */
export interface AttachmentOptions {
  /** Whole copies of what gets copies. */
  copies: number
  /** A larger one is noted and not fetched. */
  bytesMax: number
  /** Fetched at once. */
  parallel: number
}

interface Waiting {
  no: number
  row: number
  id: string
  size: number
  tries: number
  message: string
  channel: string
}

/**
 * Fetches attachments as soon as they are known and stores them by their hash. What waits is in the database, so that
 * a crash forgets none; each ends as kept, or as failed with its reason.
 */
export class AttachmentKeeper {
  readonly #parts: AttachmentKeeperParts
  readonly #options: AttachmentOptions
  readonly #secret: Uint8Array
  readonly #underWay = new Map<number, Promise<void>>()
  #stopping: AbortController | undefined
  #timer: Timer | undefined

  constructor(parts: AttachmentKeeperParts, options: AttachmentOptions) {
    this.#parts = parts
    this.#options = options
    this.#secret = secretOf(parts.database)
  }

  async start(): Promise<void> {
    const { disk } = this.#parts
    await disk.makeFolder(FOLDER)
    // What a crash left half fetched.
    for await (const { name } of disk.list(FOLDER)) await disk.remove(`${FOLDER}/${name}`)
    this.#stopping = new AbortController()
    this.wake()
  }

  async stop(): Promise<void> {
    this.#timer?.stop()
    this.#stopping?.abort()
    this.#stopping = undefined
    await Promise.allSettled(this.#underWay.values())
  }

  /** Something may wait: call it after each commit that could have added attachments. */
  wake(): void {
    const signal = this.#stopping?.signal
    if (signal === undefined || this.#underWay.size >= this.#options.parallel) return
    this.#timer?.stop()
    const free = this.#options.parallel - this.#underWay.size
    for (const waiting of this.#due().slice(0, free)) {
      const task = this.#keep(waiting, signal).finally(() => {
        this.#underWay.delete(waiting.no)
        this.wake()
      })
      this.#underWay.set(waiting.no, task)
    }
    if (this.#underWay.size === 0) this.#wakeLater()
  }

  /** Resolves when nothing waits that could be fetched now. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.race(this.#underWay.values())
  }

  #due(): Waiting[] {
    const { database, clock } = this.#parts
    const rows = database.all<Waiting>(
      `SELECT attachment.no AS no, message.row AS row, attachment.id AS id, size, tries, message.id AS message,
         channel.id AS channel
       FROM attachment JOIN message ON message.row = attachment.message JOIN channel ON channel.no = message.channel
       WHERE state = 'waiting' AND next_at <= ? ORDER BY next_at, attachment.no LIMIT ?`,
      clock.now(),
      BATCH + this.#underWay.size,
    )
    return rows.filter(({ no }) => !this.#underWay.has(no))
  }

  #wakeLater(): void {
    const { database, clock } = this.#parts
    const next = database.get<{ at: number | null }>(
      "SELECT min(next_at) AS at FROM attachment WHERE state = 'waiting'",
    )?.at
    if (next === null || next === undefined) return
    this.#timer = clock.after(Math.max(next - clock.now(), 10), () => this.wake())
  }

  async #keep(waiting: Waiting, signal: AbortSignal): Promise<void> {
    const { bytesMax } = this.#options
    const source = this.#parts.sourceOf(waiting.channel)
    try {
      if (waiting.size > bytesMax) this.#finish(waiting, tooLarge(waiting.size, bytesMax))
      else if (source === undefined) this.#postpone(waiting, PAUSE_MS, 0)
      else this.#finish(waiting, await this.#fetch(waiting, source, signal))
    } catch (error) {
      if (!signal.aborted) this.#noteFailure(waiting, error)
    }
  }

  #noteFailure(waiting: Waiting, error: unknown): void {
    const { code, kind, message, details } = toKizunaError(error)
    const { log, metrics } = this.#parts
    metrics.count('kizuna_archive_attachment_failures_total')
    if (code === 'ARCHIVE_ATTACHMENT_GONE') {
      this.#finish(waiting, { outcome: 'failed', reason: `unreachable: ${details.reason}` })
      return
    }
    // The disk is full, or the source is left alone for a while: that is not the attachment's fault.
    if (kind === 'busy' || code === 'CIRCUIT_OPEN' || code === 'ARCHIVE_SOURCE_AWAY') {
      this.#postpone(waiting, PAUSE_MS, 0)
      return
    }
    log.info('archive attachment not fetched', { code, tries: waiting.tries + 1 })
    if (waiting.tries + 1 < TRIES_MAX) {
      this.#postpone(waiting, Math.min(RETRY_MS * 2 ** waiting.tries, RETRY_MS_MAX), 1)
      return
    }
    const reason = kind === 'internal' ? 'it could not be read' : message
    this.#finish(waiting, { outcome: 'failed', reason: `unreachable: ${reason}`.slice(0, 200) })
  }

  #postpone({ no }: Waiting, delayMs: number, tries: number): void {
    const { database, clock } = this.#parts
    database.run(
      'UPDATE attachment SET tries = tries + ?, next_at = ? WHERE no = ?',
      tries,
      clock.now() + delayMs,
      no,
    )
  }

  #finish({ row, id }: Waiting, outcome: AttachmentOutcome): void {
    const { database, clock, segments, metrics } = this.#parts
    const isNoted = database.transaction(() => {
      const noted = noteOutcome({ database, segments }, { row, id, at: clock.now(), outcome })
      // Its message was erased meanwhile.
      if (!noted && outcome.outcome === 'kept')
        database.run('INSERT OR IGNORE INTO leftover (content) VALUES (?)', outcome.content)
      return noted
    })
    if (isNoted) metrics.count('kizuna_archive_attachments_total', { outcome: outcome.outcome })
  }

  /** To a file first: its hash, which makes the key, is known only at the end. */
  async #fetch(waiting: Waiting, source: ArchiveSource, signal: AbortSignal): Promise<AttachmentOutcome> {
    const { disk, clock, content } = this.#parts
    const place = { channel: waiting.channel, message: waiting.message, attachment: waiting.id }
    const opened = await source.openAttachment(place, clock.deadline(OPEN_MS, signal))
    if ((opened.sizeBytes ?? 0) > this.#options.bytesMax)
      return tooLarge(opened.sizeBytes ?? 0, this.#options.bytesMax)
    const path = `${FOLDER}/${waiting.no}`
    await disk.remove(path)
    const file = await disk.open(path, 'create')
    try {
      const hash = createHash('sha256')
      let sizeBytes = 0
      for await (const piece of this.#inTime(opened, signal)) {
        if (sizeBytes + piece.byteLength > this.#options.bytesMax)
          return tooLarge(sizeBytes + piece.byteLength, this.#options.bytesMax)
        hash.update(piece)
        await file.write(sizeBytes, piece)
        sizeBytes += piece.byteLength
      }
      const sha256 = hash.digest()
      const key = keyOf(this.#secret, sha256)
      const published = await content.publish(windowsOf(file, sizeBytes), {
        copies: this.#options.copies,
        acknowledge: 'local',
        encryptionKey: key,
        sizeBytes,
        signal,
      })
      return {
        outcome: 'kept',
        content: published.id,
        key: Buffer.from(key).toString('base64url'),
        sha256: sha256.toString('hex'),
        sizeBytes,
      }
    } finally {
      await file.close()
      await disk.remove(path)
    }
  }

  /** The bytes, which must go on coming and be as many as were promised. */
  async *#inTime({ bytes, sizeBytes }: OpenedAttachment, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { clock } = this.#parts
    const pieces = bytes[Symbol.asyncIterator]()
    let total = 0
    try {
      for (;;) {
        const next = await withTimeout(clock, pieces.next(), signal)
        if (next.done === true) break
        total += next.value.byteLength
        yield next.value
      }
    } finally {
      // Not waited for: a source that hangs would hang us.
      void pieces.return?.(undefined)?.then(undefined, () => {})
    }
    if (sizeBytes !== undefined && total !== sizeBytes)
      throw new DeadlineError({ what: 'The rest of an attachment', timeoutMs: STALL_MS })
  }
}

async function withTimeout<T>(clock: Clock, work: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: Timer | undefined
  let stop: (() => void) | undefined
  const late = new Promise<never>((_, reject) => {
    timer = clock.after(STALL_MS, () =>
      reject(new DeadlineError({ what: 'An attachment', timeoutMs: STALL_MS })),
    )
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, late])
  } finally {
    timer?.stop()
    if (stop !== undefined) signal.removeEventListener('abort', stop)
  }
}

async function* windowsOf(
  file: { read(position: number, length: number): Promise<Uint8Array> },
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < sizeBytes; position += WINDOW_BYTES)
    yield await file.read(position, Math.min(WINDOW_BYTES, sizeBytes - position))
}

function tooLarge(sizeBytes: number, bytesMax: number): AttachmentOutcome {
  const limit = Math.floor(bytesMax / (1024 * 1024))
  const size = Math.ceil(sizeBytes / (1024 * 1024))
  return { outcome: 'failed', reason: `too large: ${size} MiB, the limit is ${limit} MiB` }
}
