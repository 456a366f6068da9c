import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { databaseError } from './sqlite-error.ts'

export type SqlValue = SQLInputValue

/**
 * The node's index: small facts about what it holds and knows, in SQLite (WAL, synchronous FULL).
 * Each part creates its own tables with `migrate` and touches no other part's.
 * Everything but `close` throws DiskFullError and DiskError for what the disk does.
 */
export interface IndexDatabase {
  /** Runs those of `steps` that `part` has not run before, in order, each in a transaction. Never edit a released step. */
  migrate(part: string, steps: readonly string[]): void
  run(sql: string, ...values: SqlValue[]): { changes: number }
  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined
  all<Row>(sql: string, ...values: SqlValue[]): Row[]
  iterate<Row>(sql: string, ...values: SqlValue[]): Iterable<Row>
  /** All of `work` or nothing; `work` must not wait for anything. May be nested. */
  transaction<Result>(work: () => Result): Result
  close(): void
  /** True when it was put back from its copy at the start, so that what it says of files must be looked up. */
  readonly wasRestored?: boolean
}

/** Statements are prepared once; beyond this many different ones something builds SQL from data. */
const STATEMENTS_MAX = 500

/** How errors call it. */
const NAME = 'the index'

/** The index over an open database; `database` comes from `Disk.openDatabase`. */
export function openIndexDatabase(database: DatabaseSync): IndexDatabase {
  database.exec('CREATE TABLE IF NOT EXISTS migration (part TEXT PRIMARY KEY, steps INTEGER NOT NULL) STRICT')
  const statements = new Map<string, StatementSync>()
  let depth = 0

  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql)
    if (statement === undefined) {
      if (statements.size >= STATEMENTS_MAX) statements.clear()
      statement = database.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }

  const index: IndexDatabase = {
    migrate(part, steps) {
      const row = index.get<{ steps: number }>('SELECT steps FROM migration WHERE part = ?', part)
      const done = row?.steps ?? 0
      for (const [offset, step] of steps.slice(done).entries()) {
        index.transaction(() => {
          database.exec(step)
          index.run('INSERT OR REPLACE INTO migration (part, steps) VALUES (?, ?)', part, done + offset + 1)
        })
      }
    },
    run: (sql, ...values) => asked(() => ({ changes: Number(prepare(sql).run(...values).changes) })),
    get: <Row>(sql: string, ...values: SqlValue[]) =>
      asked(() => prepare(sql).get(...values) as Row | undefined),
    all: <Row>(sql: string, ...values: SqlValue[]) => asked(() => prepare(sql).all(...values) as Row[]),
    iterate: <Row>(sql: string, ...values: SqlValue[]) =>
      asked(() => prepare(sql).iterate(...values) as Iterable<Row>),
    transaction(work) {
      const level = depth
      asked(() => database.exec(level === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT level${level}`))
      depth++
      try {
        const result = work()
        depth--
        asked(() => database.exec(level === 0 ? 'COMMIT' : `RELEASE level${level}`))
        return result
      } catch (error) {
        depth = level
        // A full disk makes SQLite roll back by itself; what happened counts, not that there is nothing left to undo.
        if (database.isTransaction) {
          database.exec(level === 0 ? 'ROLLBACK' : `ROLLBACK TO level${level}; RELEASE level${level}`)
        }
        throw error
      }
    },
    close() {
      statements.clear()
      database.close()
    },
  }
  return index
}

function asked<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw databaseError(error, NAME)
  }
}
