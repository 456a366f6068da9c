import type { PersonalDataSource } from '../core/personal-data.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { sentAtOf } from './message-log.ts'

/** Messages in memory at once. */
const WINDOW = 200

/** What the archive keeps of somebody: all versions of what they said, with names and hashes of attachments. */
export function archivePersonalData(
  database: IndexDatabase,
  erase: (person: string) => Promise<number>,
): PersonalDataSource {
  return {
    name: 'conversation archive',
    exportOf: (person) => saidBy(database, person),
    eraseOf: erase,
  }
}

async function* saidBy(database: IndexDatabase, person: string): AsyncGenerator<unknown> {
  const row = database.get<{ no: number; name: string; left_at: number | null; erased_until: number | null }>(
    'SELECT no, name, left_at, erased_until FROM person WHERE id = ?',
    person,
  )
  if (row === undefined) return
  yield {
    person,
    name: row.name,
    optedOutAt: isoOrNull(row.left_at),
    erasedUntil: isoOrNull(row.erased_until),
  }
  for (let after = 0; ; ) {
    const rows = database.all<{ row: number; id: string; channel: string; deleted_at: number | null }>(
      `SELECT row, message.id AS id, channel.id AS channel, deleted_at FROM message
       JOIN channel ON channel.no = channel WHERE author = ? AND row > ? ORDER BY row LIMIT ?`,
      row.no,
      after,
      WINDOW,
    )
    for (const message of rows) yield wholeMessage(database, message)
    if (rows.length < WINDOW) return
    after = rows.at(-1)?.row ?? after
  }
}

function wholeMessage(
  database: IndexDatabase,
  { row, id, channel, deleted_at }: { row: number; id: string; channel: string; deleted_at: number | null },
): unknown {
  return {
    channel,
    message: id,
    sentAt: isoOrNull(sentAtOf(row)),
    deletedAt: isoOrNull(deleted_at),
    versions: database
      .all<{ at: number; text: string }>(
        "SELECT at, text FROM event WHERE message = ? AND kind = 'said' ORDER BY at",
        row,
      )
      .map(({ at, text }) => ({ at: isoOrNull(at), text })),
    attachments: database.all(
      'SELECT name, type, size AS sizeBytes, state, sha256, content FROM attachment WHERE message = ?',
      row,
    ),
  }
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
