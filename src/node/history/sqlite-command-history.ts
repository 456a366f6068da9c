import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { IndexDatabase, SqlValue } from '../../storage/index-database.ts'
import {
  type CommandHistory,
  type CommandUse,
  HISTORY_LIMIT_MAX,
  type HistoryEntry,
  type HistoryQuery,
} from './command-history.ts'
import { EntryQueue } from './entry-queue.ts'

const STEPS = [
  `CREATE TABLE command_history (
     sequence INTEGER PRIMARY KEY, correlation_id TEXT NOT NULL, at INTEGER NOT NULL, caller TEXT NOT NULL,
     caller_group TEXT, command TEXT NOT NULL, action TEXT, outcome TEXT NOT NULL, duration_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX command_history_by_time ON command_history (at);
   CREATE INDEX command_history_by_caller ON command_history (caller, at);
   CREATE INDEX command_history_by_command ON command_history (command, at);`,
]
/** The oldest entries go first; about 10 MB. */
const ENTRIES_MAX = 100_000
const LIMIT_DEFAULT = 50

interface Row {
  correlation_id: string
  at: number
  caller: string
  caller_group: string | null
  command: string
  action: string | null
  outcome: string
  duration_ms: number
}

/** The history in the index database: always there, on this machine only. */
export class SqliteCommandHistory implements CommandHistory {
  readonly #index: IndexDatabase
  readonly #queue: EntryQueue

  constructor(parts: { index: IndexDatabase; clock: Clock; log: Logger }) {
    this.#index = parts.index
    this.#index.migrate('command history', STEPS)
    this.#queue = new EntryQueue({ ...parts, write: (entries) => this.#write(entries) })
  }

  note(entry: HistoryEntry): void {
    this.#queue.add(entry)
  }

  async list(query: HistoryQuery): Promise<HistoryEntry[]> {
    await this.#queue.flush()
    const { where, values } = conditionOf(query)
    const limit = Math.min(query.limit ?? LIMIT_DEFAULT, HISTORY_LIMIT_MAX)
    return this.#index
      .all<Row>(
        `SELECT * FROM command_history ${where} ORDER BY at DESC, sequence DESC LIMIT ?`,
        ...values,
        limit,
      )
      .map(entryOf)
  }

  async summary(query: Pick<HistoryQuery, 'group' | 'since'>): Promise<CommandUse[]> {
    await this.#queue.flush()
    const { where, values } = conditionOf(query)
    const rows = this.#index.all<CommandUse>(
      `SELECT command, count(*) AS count, sum(outcome <> 'ok') AS failed, count(DISTINCT caller) AS callers,
         CAST(round(avg(duration_ms)) AS INTEGER) AS averageMs, max(duration_ms) AS slowestMs
       FROM command_history ${where} GROUP BY command ORDER BY count DESC, command`,
      ...values,
    )
    return rows.map((row) => ({ ...row }))
  }

  async erase(caller: string): Promise<number> {
    await this.#queue.flush()
    return this.#index.run('DELETE FROM command_history WHERE caller = ?', caller).changes
  }

  stop(): Promise<void> {
    return this.#queue.flush()
  }

  #write(entries: readonly HistoryEntry[]): void {
    this.#index.transaction(() => {
      for (const entry of entries) {
        this.#index.run(
          `INSERT INTO command_history
             (correlation_id, at, caller, caller_group, command, action, outcome, duration_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          entry.correlationId,
          entry.at,
          entry.caller,
          entry.group ?? null,
          entry.command,
          entry.action ?? null,
          entry.outcome,
          entry.durationMs,
        )
      }
      this.#index.run(
        'DELETE FROM command_history WHERE sequence <= (SELECT max(sequence) FROM command_history) - ?',
        ENTRIES_MAX,
      )
    })
  }
}

function conditionOf(query: HistoryQuery): { where: string; values: SqlValue[] } {
  const conditions: string[] = []
  const values: SqlValue[] = []
  const add = (condition: string, value: SqlValue | undefined) => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(value)
  }
  add('caller = ?', query.caller)
  add('caller_group = ?', query.group)
  add('command = ?', query.command)
  add('at >= ?', query.since)
  add('at < ?', query.before)
  return { where: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, values }
}

function entryOf(row: Row): HistoryEntry {
  return {
    correlationId: row.correlation_id,
    at: row.at,
    caller: row.caller,
    ...(row.caller_group === null ? {} : { group: row.caller_group }),
    command: row.command,
    ...(row.action === null ? {} : { action: row.action }),
    outcome: row.outcome,
    durationMs: row.duration_ms,
  }
}
