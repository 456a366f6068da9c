import { type Filter, MongoBulkWriteError, MongoServerError } from 'mongodb'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import {
  type CommandHistory,
  type CommandUse,
  HISTORY_LIMIT_MAX,
  type HistoryEntry,
  type HistoryQuery,
} from './command-history.ts'
import { type CountedEntry, countCommandUses } from './count-command-uses.ts'
import { EntryQueue } from './entry-queue.ts'
import { CALL_MS_MAX, type HistoryDocument, type MongoDbClient } from './mongodb-client.ts'

const LIMIT_DEFAULT = 50
/** Documents that a summary reads at most; older ones are not counted. */
const READ_MAX = 50_000
/** Entries go after a year: nobody counts them, and a history of people's doings is not kept without end. */
const KEPT_SECONDS = 365 * 24 * 60 * 60
/** A node that stops has seconds for everything; a server that is away may not take them all. */
const STOP_MS_MAX = 1_000
/** The server ends by itself what nobody waits for any more. */
const BOUNDED = { maxTimeMS: CALL_MS_MAX }
const DUPLICATE_KEY = 11_000
/** An index of that name or key is there and is another one: its owner wanted it so. */
const OTHER_INDEX_CODES: readonly unknown[] = [85, 86]
const INDEXES = [
  { name: 'by-caller', key: { caller: 1, _id: 1 } },
  { name: 'by-command', key: { command: 1, _id: 1 } },
  { name: 'by-group', key: { group: 1, _id: 1 } },
  { name: 'expiry', key: { at: 1 }, expireAfterSeconds: KEPT_SECONDS },
] as const

/**
 * The history in a MongoDB collection, for several nodes of one community behind one bot. The key begins with the
 * time, so that it sorts as the times do; writing an entry again changes nothing.
 */
export class MongoDbCommandHistory implements CommandHistory {
  readonly #client: MongoDbClient
  readonly #clock: Clock
  readonly #queue: EntryQueue
  #preparing: Promise<void> | undefined

  constructor(parts: { client: MongoDbClient; clock: Clock; log: Logger }) {
    this.#client = parts.client
    this.#clock = parts.clock
    this.#queue = new EntryQueue({ ...parts, write: (entries) => this.#write(entries) })
  }

  /** Makes the indexes that are not there; once, or again when it failed. @throws MongoDbError, CircuitOpenError */
  prepare(): Promise<void> {
    this.#preparing ??= this.#prepare().catch((error) => {
      this.#preparing = undefined
      throw error
    })
    return this.#preparing
  }

  note(entry: HistoryEntry): void {
    this.#queue.add(entry)
  }

  async list(query: HistoryQuery): Promise<HistoryEntry[]> {
    await this.#queue.flush()
    const limit = Math.min(query.limit ?? LIMIT_DEFAULT, HISTORY_LIMIT_MAX)
    // MongoDB takes 0 for “no limit”.
    if (limit < 1) return []
    const documents = await this.#client.run('find', (collection) =>
      collection.find(filterOf(query), BOUNDED).sort({ _id: -1 }).limit(limit).toArray(),
    )
    return documents.map(entryOf)
  }

  async summary(query: Pick<HistoryQuery, 'group' | 'since'>): Promise<CommandUse[]> {
    await this.#queue.flush()
    return this.#client.run('find', (collection) =>
      countCommandUses(
        collection
          .find(filterOf(query), BOUNDED)
          .sort({ _id: -1 })
          .limit(READ_MAX)
          .project({ _id: 0, command: 1, caller: 1, outcome: 1, durationMs: 1 })
          .map(countedOf),
      ),
    )
  }

  async erase(caller: string): Promise<number> {
    await this.#queue.flush()
    const { deletedCount } = await this.#client.run('delete', (collection) =>
      collection.deleteMany(filterOf({ caller }), BOUNDED),
    )
    return deletedCount
  }

  async stop(): Promise<void> {
    const control = new AbortController()
    const limit = this.#clock.sleep(STOP_MS_MAX, control.signal).catch(() => {})
    await Promise.race([this.#queue.flush(), limit])
    control.abort()
    await this.#client.close()
  }

  async #prepare(): Promise<void> {
    for (const index of INDEXES) {
      await this.#client.run('createIndexes', async (collection) => {
        try {
          await collection.createIndexes([{ ...index }])
        } catch (error) {
          if (!(error instanceof MongoServerError && OTHER_INDEX_CODES.includes(error.code))) throw error
        }
      })
    }
  }

  async #write(entries: readonly HistoryEntry[]): Promise<void> {
    await this.prepare()
    await this.#client.run('insert', async (collection) => {
      try {
        await collection.insertMany(entries.map(documentOf), { ordered: false })
      } catch (error) {
        // An attempt before this one may have written them and lost its answer.
        if (!isOnlyDuplicates(error)) throw error
      }
    })
  }
}

function isOnlyDuplicates(error: unknown): boolean {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined)
    return false
  const faults = [error.writeErrors].flat()
  return faults.length > 0 && faults.every(({ code }) => code === DUPLICATE_KEY)
}

/** Every text behind `$eq`, as text: nothing that somebody wrote can become an operator. */
function filterOf({ caller, group, command, since, before }: HistoryQuery): Filter<HistoryDocument> {
  const moment = {
    ...(since === undefined ? {} : { $gte: momentOf(since) }),
    ...(before === undefined ? {} : { $lt: momentOf(before) }),
  }
  return {
    ...(caller === undefined ? {} : { caller: { $eq: String(caller) } }),
    ...(group === undefined ? {} : { group: { $eq: String(group) } }),
    ...(command === undefined ? {} : { command: { $eq: String(command) } }),
    ...(Object.keys(moment).length === 0 ? {} : { _id: moment }),
  }
}

/** Sorts as the times do. */
function momentOf(at: number): string {
  return String(Math.max(at, 0)).padStart(15, '0')
}

function documentOf(entry: HistoryEntry): HistoryDocument {
  const { at, correlationId, caller, group, command, action, outcome, durationMs } = entry
  return {
    _id: `${momentOf(at)} ${correlationId} ${caller}`,
    at: new Date(at),
    correlationId: String(correlationId),
    caller: String(caller),
    ...(group === undefined ? {} : { group: String(group) }),
    command: String(command),
    ...(action === undefined ? {} : { action: String(action) }),
    outcome: String(outcome),
    durationMs: Number(durationMs),
  }
}

/** Others may write into the collection, too: what is no text or number becomes an empty one. */
function entryOf(document: Partial<Record<keyof HistoryDocument, unknown>>): HistoryEntry {
  const { at, group, action } = document
  return {
    correlationId: textOf(document.correlationId),
    at: at instanceof Date ? at.getTime() : 0,
    ...(group === undefined ? {} : { group: textOf(group) }),
    ...(action === undefined ? {} : { action: textOf(action) }),
    ...countedOf(document),
  }
}

function countedOf(document: Partial<Record<keyof HistoryDocument, unknown>>): CountedEntry {
  const { command, caller, outcome, durationMs } = document
  return {
    command: textOf(command),
    caller: textOf(caller),
    outcome: textOf(outcome),
    durationMs: typeof durationMs === 'number' ? durationMs : 0,
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
