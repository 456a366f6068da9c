import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

export type SqlValue = SQLInputValue

/**
 * The node's index: small facts about what it holds and knows, in SQLite (WAL, synchronous FULL).
 * Each part creates its own tables with `migrate` and touches no other part's.
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
}

/** Statements are prepared once; beyond this many different ones something builds SQL from data. */
const STATEMENTS_MAX = 500

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
    run: (sql, ...values) => ({ changes: Number(prepare(sql).run(...values).changes) }),
    get: <Row>(sql: string, ...values: SqlValue[]) => prepare(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: SqlValue[]) => prepare(sql).all(...values) as Row[],
    iterate: <Row>(sql: string, ...values: SqlValue[]) => prepare(sql).iterate(...values) as Iterable<Row>,
    transaction(work) {
      const name = `level${depth}`
      database.exec(depth === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${name}`)
      depth++
      try {
        const result = work()
        depth--
        database.exec(depth === 0 ? 'COMMIT' : `RELEASE ${name}`)
        return result
      } catch (error) {
        depth = Math.min(depth, Number(name.slice(5)))
        database.exec(depth === 0 ? 'ROLLBACK' : `ROLLBACK TO ${name}; RELEASE ${name}`)
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
