import type { Timer } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { PersonalDataSource } from '../core/personal-data.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { openArchiveDatabase } from './archive-database.ts'
import type { ArchiveOptions, ArchiveParts } from './archive-options.ts'
import { archivePersonalData } from './archive-personal-data.ts'
import type { ArchiveSource } from './archive-source.ts'
import { type ArchiveStatus, archiveStatus } from './archive-status.ts'
import type { ObservedChannel, ObservedMessage } from './archived-message.ts'
import { AttachmentKeeper } from './attachment-keeper.ts'
import { type ChannelRow, Channels, type Checkpoint, type CheckpointChange } from './channels.ts'
import { type EraseParts, erasePerson, finishErasing, leaveOut, takeIn } from './erase.ts'
import { ArchiveSourceAwayError, ChannelUnknownError } from './errors.ts'
import { type ExportSummary, type ExportWish, exportArchive } from './export-archive.ts'
import { MessageLog, rowsBetween, type SeenOutcome } from './message-log.ts'
import { People } from './people.ts'
import {
  type Found,
  type SearchWish,
  searchMessages,
  type Visibility,
  visibleChannels,
} from './search-messages.ts'
import { SegmentLoader } from './segment-loader.ts'
import { segmentKind } from './segment-record.ts'
import { SegmentRows } from './segment-rows.ts'
import { SegmentSealer } from './segment-sealer.ts'

/** How often it looks whether segments are to be published. */
const SEAL_CHECK_MS = 30_000

/**
 * Keeps a conversation that happens elsewhere: messages with their versions, attachments by their hash, words to find
 * them by. What was seen is published in segments as private content of the space, so that it outlives this node.
 */
export class Archive {
  readonly #parts: ArchiveParts
  readonly #database: IndexDatabase
  readonly #segments: SegmentRows
  readonly #channels: Channels
  readonly #people: People
  readonly #messages: MessageLog
  readonly #attachments: AttachmentKeeper
  readonly #sealer: SegmentSealer
  readonly #loader: SegmentLoader
  readonly #sources = new Set<ArchiveSource>()
  readonly #stopping = new AbortController()
  /** Sealing and loading take turns. */
  #work: Promise<unknown> = Promise.resolve()
  #timer: Timer | undefined

  /** Opens the archive of a node; before the records start. @throws DiskError, DiskFullError */
  static async open(parts: ArchiveParts, options: ArchiveOptions): Promise<Archive> {
    parts.records.defineKind(segmentKind)
    return new Archive(parts, await openArchiveDatabase(parts), options)
  }

  private constructor(parts: ArchiveParts, database: IndexDatabase, options: ArchiveOptions) {
    const { clock } = parts
    const { copies, attachmentBytesMax, attachmentsAtOnce, sealAfterMs } = options
    this.#parts = parts
    this.#database = database
    this.#segments = new SegmentRows({ database, clock })
    this.#channels = new Channels({ database, segments: this.#segments })
    this.#people = new People(database)
    const kept = { database, segments: this.#segments, channels: this.#channels, people: this.#people }
    this.#messages = new MessageLog(kept)
    this.#attachments = new AttachmentKeeper(
      { ...parts, ...kept, sourceOf: (channel) => this.#sourceOf(channel) },
      { copies, bytesMax: attachmentBytesMax ?? 100 * 1024 * 1024, parallel: attachmentsAtOnce ?? 4 },
    )
    this.#sealer = new SegmentSealer(
      { ...parts, database },
      { copies, sealAfterMs: sealAfterMs ?? 5 * 60_000 },
    )
    this.#loader = new SegmentLoader({ ...parts, ...kept, messages: this.#messages })
  }

  async start(): Promise<void> {
    await finishErasing(this.#eraseParts())
    await this.#attachments.start()
    this.#lookAgain()
  }

  /** Ends what is under way, and closes the database. */
  async stop(): Promise<void> {
    this.#timer?.stop()
    this.#stopping.abort()
    await this.#attachments.stop()
    await this.#work.catch(() => {})
    this.#loader.stop()
    this.#database.close()
  }

  /** Connects a place of conversation; returns how to disconnect it. */
  addSource(source: ArchiveSource): () => void {
    this.#sources.add(source)
    this.#attachments.wake()
    return () => this.#sources.delete(source)
  }

  /**
   * Begins to keep a channel, with its threads and what was said there before.
   * @param options.erases what is deleted there is erased here too, instead of being kept as a version.
   * @param options.group only when the channel is in this community.
   * @throws ArchiveSourceAwayError, ChannelUnreadableError, ChannelUnknownError when it is in another community
   */
  async keepChannel(
    id: string,
    options: { erases: boolean; group?: string; signal: AbortSignal },
  ): Promise<ObservedChannel> {
    const source = this.#sourceOf(id)
    if (source === undefined) throw new ArchiveSourceAwayError({ channel: id })
    const seen = await source.describe(id, options.signal)
    const isElsewhere = options.group !== undefined && seen.group !== options.group
    if (isElsewhere || seen.parent !== undefined) throw new ChannelUnknownError({ channel: id })
    this.#commit(() => {
      this.#channels.describe(seen, this.#parts.clock.now())
      this.#channels.keep(id, options)
    })
    source.keptChanged()
    return seen
  }

  /** Keeps nothing more of a channel; what is kept stays. @throws ChannelUnknownError */
  letGoOfChannel(id: string, group?: string): void {
    const channel = this.#channels.find(id)
    const isElsewhere =
      group !== undefined && channel !== undefined && this.#channels.groupOf(channel) !== group
    if (channel === undefined || channel.kept === 0 || isElsewhere)
      throw new ChannelUnknownError({ channel: id })
    this.#channels.letGo(id)
    this.#sourceOf(id)?.keptChanged()
  }

  /** The channels that are kept now, without threads, whose ids begin so. */
  keptChannels(prefix: string): string[] {
    return this.#channels.list().flatMap(({ id, kept }) => (kept === 1 && id.startsWith(prefix) ? [id] : []))
  }

  /** Whether what is said there is to be kept: the channel, or the one in which it is a thread. */
  keeps(id: string): boolean {
    const channel = this.#channels.find(id)
    return channel !== undefined && this.#channels.rootOf(channel).kept === 1
  }

  /** Notes how a channel or thread is now. False when it is a thread of nothing that is known. */
  describeChannel(seen: ObservedChannel): boolean {
    return this.#commit(() => this.#channels.describe(seen, this.#parts.clock.now())) !== undefined
  }

  /**
   * Keeps messages that were seen, and moves the channel's checkpoint in the same transaction: after a crash either
   * both stand or neither does.
   */
  see(
    messages: readonly ObservedMessage[],
    moved?: { channel: string; change: CheckpointChange },
  ): Record<SeenOutcome, number> {
    const counts: Record<SeenOutcome, number> = { new: 0, version: 0, known: 0, 'left out': 0 }
    this.#commit(() => {
      // The word index likes its rows in order.
      for (const message of messages.toSorted((a, b) => a.sentAt - b.sentAt))
        counts[this.#messages.said(message)]++
      if (moved !== undefined) this.#channels.moveCheckpoint(moved.channel, moved.change)
    })
    this.#parts.metrics.count('kizuna_archive_messages_total', {}, counts.new)
    this.#attachments.wake()
    return counts
  }

  /** Notes that messages were deleted where they were said; returns how many were known. */
  seeDeleted(channel: string, ids: readonly string[]): number {
    const row = this.#channels.find(channel)
    if (row === undefined) return 0
    const at = this.#parts.clock.now()
    return this.#commit(() => ids.filter((id) => this.#messages.deleted(row, id, at)).length)
  }

  /** Ids of messages that are kept and not known to be deleted, sent after one moment and before another. */
  knownBetween(channel: string, afterMs: number, beforeMs: number): string[] {
    const row = this.#channels.find(channel)
    if (row === undefined) return []
    const { first, last } = rowsBetween(afterMs + 1, beforeMs - 1)
    return this.#database
      .all<{ id: string }>(
        'SELECT id FROM message WHERE channel = ? AND row BETWEEN ? AND ? AND deleted_at IS NULL',
        row.no,
        first,
        last,
      )
      .map(({ id }) => id)
  }

  checkpoint(channel: string): Checkpoint {
    return this.#channels.checkpoint(channel)
  }

  /** Notes what keeps a channel from being kept, in a sentence for people; undefined when nothing does. */
  setTrouble(channel: string, trouble: string | undefined): void {
    this.#channels.setTrouble(channel, trouble)
  }

  search(wish: SearchWish): Found {
    return searchMessages({ database: this.#database, channels: this.#channels }, wish)
  }

  status(sees: Visibility): ArchiveStatus {
    const visible = [...visibleChannels(this.#channels, sees).values()]
    return archiveStatus(
      {
        database: this.#database,
        sealer: this.#sealer,
        activityOf: (id) => this.#sourceOf(id)?.activityOf(id),
      },
      visible,
      { toRead: this.#loader.left },
    )
  }

  export(wish: ExportWish): Promise<ExportSummary> {
    const { content, clock } = this.#parts
    return exportArchive({ database: this.#database, channels: this.#channels, content, clock }, wish)
  }

  /** The channel that goes by this id or name, among those that may be seen. @throws ChannelUnknownError */
  channelNamed(text: string, sees: Visibility): ChannelRow {
    const visible = [...visibleChannels(this.#channels, sees).values()]
    const name = text.replace(/^#/, '')
    const found =
      visible.find(({ id }) => id === text || id.endsWith(`:${text}`)) ??
      visible.find((channel) => channel.name === name)
    if (found === undefined) throw new ChannelUnknownError({ channel: text })
    return found
  }

  /** Nothing of theirs is kept from now on; attachments of theirs that still wait are left. */
  optOut(person: string): void {
    this.#commit(() => leaveOut(this.#eraseParts(), person))
  }

  optIn(person: string): void {
    this.#commit(() => takeIn(this.#eraseParts(), person))
  }

  isOptedOut(person: string): boolean {
    return typeof this.#people.find(person)?.left_at === 'number'
  }

  /** Erases what is kept of somebody, here and in the segments; returns how many messages that were. */
  async erase(person: string): Promise<number> {
    const count = await erasePerson(this.#eraseParts(), person)
    await this.seal().catch((error) =>
      this.#parts.log.warn('archive segments not published', { code: toKizunaError(error).code }),
    )
    return count
  }

  personalData(): PersonalDataSource {
    return archivePersonalData(this.#database, (person) => this.erase(person))
  }

  /** Publishes everything that is not published yet. */
  seal(): Promise<void> {
    return this.#inTurn(() => this.#sealer.seal({ all: true, signal: this.#stopping.signal }))
  }

  /** Reads what other members published, until the signal aborts. */
  load(signal: AbortSignal): Promise<{ read: number; left: number }> {
    // Nobody who asks waits for publishing when there is nothing to read.
    if (this.#loader.left === 0) return Promise.resolve({ read: 0, left: 0 })
    return this.#inTurn(() => this.#loader.load(AbortSignal.any([signal, this.#stopping.signal])))
  }

  /** Resolves when no attachment is being fetched. */
  attachmentsSettled(): Promise<void> {
    return this.#attachments.settled()
  }

  #lookAgain(): void {
    this.#timer = this.#parts.clock.after(SEAL_CHECK_MS, () => {
      const sealing = this.#inTurn(() => this.#sealer.seal({ signal: this.#stopping.signal }))
      void sealing
        .catch((error) => this.#parts.log.warn('archive segments not published', { error }))
        .finally(() => {
          if (!this.#stopping.signal.aborted) this.#lookAgain()
        })
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.catch(() => {}).then(work)
    this.#work = turn
    return turn
  }

  #commit<T>(work: () => T): T {
    try {
      return this.#database.transaction(work)
    } catch (error) {
      this.#channels.forgetWhatWasRead()
      throw error
    }
  }

  #sourceOf(id: string): ArchiveSource | undefined {
    return [...this.#sources].find(({ prefix }) => id.startsWith(prefix))
  }

  #eraseParts(): EraseParts {
    return {
      database: this.#database,
      clock: this.#parts.clock,
      people: this.#people,
      messages: this.#messages,
      segments: this.#segments,
      breathe: () => this.#parts.clock.sleep(0),
    }
  }
}
