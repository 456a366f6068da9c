import type { Clock } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'
import type { PersonalDataSource } from '../core/personal-data.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

const STEPS = [
  `CREATE TABLE feedback (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, caller TEXT NOT NULL, caller_group TEXT, text TEXT NOT NULL
   ) STRICT;
   CREATE INDEX feedback_by_caller ON feedback (caller);`,
]
/** Nobody reads more; then the owner has to make room. */
const NOTES_MAX = 5_000
/** What one person may leave unread. */
const NOTES_PER_CALLER_MAX = 50

/** What somebody wanted the owner of the node to know. */
export interface FeedbackNote {
  id: number
  /** Milliseconds since 1970. */
  at: number
  caller: string
  group: string | null
  text: string
}

/** Notes for the owner, kept on this node. */
export class FeedbackBox implements PersonalDataSource {
  readonly name = 'feedback'
  readonly #index: IndexDatabase
  readonly #clock: Clock

  constructor(parts: { index: IndexDatabase; clock: Clock }) {
    this.#index = parts.index
    this.#clock = parts.clock
    this.#index.migrate('feedback', STEPS)
  }

  /** Keeps a note; returns its id. @throws LimitExceededError */
  put(note: { caller: string; group?: string; text: string }): number {
    return this.#index.transaction(() => {
      const all = this.#count('SELECT count(*) AS count FROM feedback')
      const own = this.#count('SELECT count(*) AS count FROM feedback WHERE caller = ?', note.caller)
      if (own >= NOTES_PER_CALLER_MAX)
        throw new LimitExceededError({
          what: 'What you wrote and nobody read yet',
          limit: NOTES_PER_CALLER_MAX,
        })
      if (all >= NOTES_MAX) throw new LimitExceededError({ what: 'The number of notes', limit: NOTES_MAX })
      const id = this.#count('SELECT coalesce(max(id), 0) + 1 AS count FROM feedback')
      this.#index.run(
        'INSERT INTO feedback (id, at, caller, caller_group, text) VALUES (?, ?, ?, ?, ?)',
        id,
        this.#clock.now(),
        note.caller,
        note.group ?? null,
        note.text,
      )
      return id
    })
  }

  /** Newest first. */
  list(limit: number): FeedbackNote[] {
    return this.#index.all<FeedbackNote>(
      `SELECT id, at, caller, caller_group AS "group", text FROM feedback ORDER BY id DESC LIMIT ?`,
      limit,
    )
  }

  /** True when there was such a note. */
  remove(id: number): boolean {
    return this.#index.run('DELETE FROM feedback WHERE id = ?', id).changes > 0
  }

  async *exportOf(person: string): AsyncGenerator<FeedbackNote> {
    yield* this.#index.all<FeedbackNote>(
      `SELECT id, at, caller, caller_group AS "group", text FROM feedback WHERE caller = ? ORDER BY id`,
      person,
    )
  }

  async eraseOf(person: string): Promise<number> {
    return this.#index.run('DELETE FROM feedback WHERE caller = ?', person).changes
  }

  #count(sql: string, ...values: string[]): number {
    return this.#index.get<{ count: number }>(sql, ...values)?.count ?? 0
  }
}
