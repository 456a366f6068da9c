import type { IndexDatabase, SqlValue } from './index-database.ts'

/** Statements that change something, also those that answer with rows. */
const WRITES = /^\s*(INSERT|UPDATE|DELETE|REPLACE|WITH)\b/i

/** An index whose writes go to a second database too. */
export interface TwofoldWrites extends IndexDatabase {
  /** False from the first write on that the second database did not take. */
  readonly isCopyCurrent: boolean
}

/**
 * Sends each write to both, the first one's answer counting. A second one that fails is closed and left alone: it
 * must cost nobody a write.
 */
export function writeTwofold(
  first: IndexDatabase,
  copy: IndexDatabase | undefined,
  options: { wasRestored: boolean; onCopyLost: (error: unknown) => void },
): TwofoldWrites {
  let second = copy
  const lose = (error: unknown) => {
    const lost = second
    if (lost === undefined) return
    second = undefined
    options.onCopyLost(error)
    try {
      lost.close()
    } catch {
      // It is given up either way.
    }
  }
  const also = (write: (second: IndexDatabase) => void) => {
    if (second === undefined) return
    try {
      write(second)
    } catch (error) {
      lose(error)
    }
  }
  return {
    wasRestored: options.wasRestored,
    get isCopyCurrent() {
      return second !== undefined
    },
    migrate(part, steps) {
      first.migrate(part, steps)
      also((index) => index.migrate(part, steps))
    },
    run(sql, ...values) {
      const outcome = first.run(sql, ...values)
      also((index) => index.run(sql, ...values))
      return outcome
    },
    get<Row>(sql: string, ...values: SqlValue[]) {
      const row = first.get<Row>(sql, ...values)
      if (WRITES.test(sql)) also((index) => index.get(sql, ...values))
      return row
    },
    all<Row>(sql: string, ...values: SqlValue[]) {
      const rows = first.all<Row>(sql, ...values)
      if (WRITES.test(sql)) also((index) => index.all(sql, ...values))
      return rows
    },
    iterate: (sql, ...values) => first.iterate(sql, ...values),
    transaction<Result>(work: () => Result): Result {
      let done: { result: Result } | { error: unknown } | undefined
      // The first commits before the second does: the copy may lag behind and never runs ahead.
      const run = () => {
        try {
          done = { result: first.transaction(work) }
        } catch (error) {
          done = { error }
          throw error
        }
      }
      try {
        if (second === undefined) run()
        else second.transaction(run)
      } catch (error) {
        if (done === undefined || 'result' in done) lose(error)
        if (done === undefined) run()
      }
      if (done !== undefined && 'result' in done) return done.result
      throw done?.error
    },
    close() {
      first.close()
      try {
        second?.close()
      } catch (error) {
        lose(error)
      }
    },
  }
}
