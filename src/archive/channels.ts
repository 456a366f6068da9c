import type { IndexDatabase } from '../storage/index-database.ts'
import { boundChannel, isId, type ObservedChannel } from './archived-message.ts'
import type { SegmentRows } from './segment-rows.ts'

/** A channel, a thread too, as its row. */
export interface ChannelRow {
  no: number
  id: string
  stream: number
  name: string
  /** The channel that was asked to be kept; itself unless it is a thread. */
  root: number
  open: 0 | 1
  kept: 0 | 1
  /** Whether what is deleted there is erased here. */
  erases: 0 | 1
  trouble: string | null
  newest: string | null
  oldest: string | null
  complete: 0 | 1
  messages: number
}

/** How far reading what was said before has come, in the source's own ids. */
export interface Checkpoint {
  /** Everything up to here is kept, as far back as `oldest`. */
  newest: string | undefined
  oldest: string | undefined
  /** Whether there is nothing before `oldest`. */
  isComplete: boolean
}

/** What is new about a checkpoint. */
export type CheckpointChange = Partial<{ newest: string; oldest: string; isComplete: boolean }>

/** The channels of the archive and how far each has come. */
export class Channels {
  readonly #database: IndexDatabase
  readonly #segments: SegmentRows
  /** Looked up for every message; a few hundred at most. */
  readonly #known = new Map<string, ChannelRow>()

  constructor(parts: { database: IndexDatabase; segments: SegmentRows }) {
    this.#database = parts.database
    this.#segments = parts.segments
  }

  find(id: string): ChannelRow | undefined {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const row = this.#database.get<ChannelRow>('SELECT * FROM channel WHERE id = ?', id)
    if (row !== undefined) {
      if (this.#known.size >= 10_000) this.#known.clear()
      this.#known.set(id, row)
    }
    return row
  }

  /** Every channel, threads too, of one community or of all. */
  list(group?: string): ChannelRow[] {
    if (group === undefined) return this.#database.all('SELECT * FROM channel ORDER BY no')
    return this.#database.all(
      'SELECT channel.* FROM channel JOIN stream ON stream.no = stream WHERE stream.id = ? ORDER BY channel.no',
      group,
    )
  }

  /** The channel in which one is a thread, or itself. */
  rootOf(channel: ChannelRow): ChannelRow {
    if (channel.root === channel.no) return channel
    const row = this.#database.get<{ id: string }>('SELECT id FROM channel WHERE no = ?', channel.root)
    return (row === undefined ? undefined : this.find(row.id)) ?? channel
  }

  groupOf({ stream }: ChannelRow): string {
    return (this.#database.get('SELECT id FROM stream WHERE no = ?', stream) as { id: string }).id
  }

  /**
   * Notes how a channel is now; says so in the stream when that is new.
   * @param from the segment of another node in which it was read.
   */
  describe(seen: ObservedChannel, at: number, from?: number): ChannelRow | undefined {
    const channel = boundChannel(seen)
    const parent = channel.parent === undefined ? undefined : this.find(channel.parent)
    const isThread = channel.parent !== undefined
    if (!isId(channel.id) || !isId(channel.group) || (isThread && parent === undefined)) return undefined
    const known = this.find(channel.id)
    // No community has a say in the channels of another.
    if ([known, parent].some((each) => each !== undefined && this.groupOf(each) !== channel.group))
      return undefined
    const open = channel.isOpen ? 1 : 0
    if (known !== undefined && known.name === channel.name && known.open === open) return known
    const stream = known?.stream ?? this.#segments.streamOf(channel.group)
    if (known === undefined) {
      this.#database.run(
        `INSERT INTO channel (id, stream, name, root, open) VALUES (?, ?, ?, coalesce(?,
         (SELECT coalesce(max(no), 0) + 1 FROM channel)), ?)`,
        channel.id,
        stream,
        channel.name,
        parent?.root ?? null,
        open,
      )
    } else {
      this.#change(channel.id, 'UPDATE channel SET name = ?, open = ? WHERE id = ?', channel.name, open)
    }
    const rest = JSON.stringify({ id: channel.id, parent: channel.parent, isOpen: channel.isOpen })
    this.#segments.add(stream, { message: null, kind: 'channel', at, text: channel.name, rest }, from)
    return this.find(channel.id)
  }

  keep(id: string, options: { erases: boolean }): void {
    const erases = options.erases ? 1 : 0
    this.#change(id, 'UPDATE channel SET kept = 1, trouble = NULL, erases = ? WHERE id = ?', erases)
    const root = this.find(id)?.root ?? 0
    this.#database.run('UPDATE channel SET erases = ? WHERE root = ?', erases, root)
    this.#known.clear()
  }

  letGo(id: string): void {
    this.#change(id, 'UPDATE channel SET kept = 0, trouble = NULL WHERE id = ?')
  }

  setTrouble(id: string, trouble: string | undefined): void {
    if ((this.find(id)?.trouble ?? undefined) === trouble) return
    this.#change(id, 'UPDATE channel SET trouble = ? WHERE id = ?', trouble ?? null)
  }

  checkpoint(id: string): Checkpoint {
    // Read anew: several readers move it.
    const row = this.#database.get<ChannelRow>('SELECT * FROM channel WHERE id = ?', id)
    return {
      newest: row?.newest ?? undefined,
      oldest: row?.oldest ?? undefined,
      isComplete: row?.complete === 1,
    }
  }

  moveCheckpoint(id: string, { newest, oldest, isComplete }: CheckpointChange): void {
    const complete = isComplete === undefined ? null : isComplete ? 1 : 0
    this.#database.run(
      `UPDATE channel SET newest = coalesce(?, newest), oldest = coalesce(?, oldest),
       complete = coalesce(?, complete) WHERE id = ?`,
      newest ?? null,
      oldest ?? null,
      complete,
      id,
    )
  }

  /** After a transaction that did not stand. */
  forgetWhatWasRead(): void {
    this.#known.clear()
  }

  #change(id: string, sql: string, ...values: (string | number | null)[]): void {
    this.#database.run(sql, ...values, id)
    this.#known.delete(id)
  }
}
