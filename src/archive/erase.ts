import type { Clock } from '../core/clock.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { MessageLog } from './message-log.ts'
import type { People } from './people.ts'
import type { SegmentRows } from './segment-rows.ts'

/** Messages erased in one transaction, so that nobody waits long for the database. */
const BATCH = 200

/** Pages of the word index that are put together at once. */
const MERGE_PAGES = 400
/** More steps than any index takes; a number that does not end would be a defect. */
const MERGE_STEPS_MAX = 100_000

/** What erasing needs. */
export interface EraseParts {
  database: IndexDatabase
  clock: Clock
  people: People
  messages: MessageLog
  segments: SegmentRows
  /** Lets others have their turn. */
  breathe: () => Promise<void>
}

/**
 * Erases everything that somebody said until now, with its words and attachments; what others answered stays. What is
 * erased is not taken again when it is still to be read where it was said. After a crash `finishErasing` goes on.
 * @returns how many messages that were.
 */
export async function erasePerson(parts: EraseParts, person: string): Promise<number> {
  const { database, clock, people } = parts
  const until = clock.now()
  database.transaction(() => {
    people.forbidUntil(person, until)
    tellOfPerson(parts, 'erased', person, until)
  })
  const count = await eraseMessages(parts, person)
  if (count > 0) await overwrite(parts)
  return count
}

/** Nothing of somebody is kept from now on; part of the caller's transaction. */
export function leaveOut(parts: EraseParts, person: string): void {
  const at = parts.clock.now()
  parts.people.leave(person, at)
  tellOfPerson(parts, 'left', person, at)
  parts.database.run(
    `UPDATE attachment SET state = 'failed', reason = 'its author opted out' WHERE state = 'waiting' AND message IN
     (SELECT row FROM message JOIN person ON person.no = author WHERE person.id = ?)`,
    person,
  )
}

/** Somebody takes part again; part of the caller's transaction. */
export function takeIn(parts: EraseParts, person: string): void {
  parts.people.comeBack(person)
  tellOfPerson(parts, 'returned', person, parts.clock.now())
}

/** Goes on with what a crash interrupted. */
export async function finishErasing(parts: EraseParts): Promise<void> {
  const unfinished = parts.database.all<{ id: string }>(
    `SELECT id FROM person WHERE erased_until IS NOT NULL AND EXISTS (
       SELECT 1 FROM message WHERE author = person.no AND row < (erased_until + 1) * 1000)`,
  )
  for (const { id } of unfinished) await eraseMessages(parts, id)
  if (unfinished.length > 0) await overwrite(parts)
}

/** Says in every community's segments what somebody wants, so that whoever comes to keep them heeds it; part of a transaction. */
function tellOfPerson(
  { segments }: Pick<EraseParts, 'segments'>,
  kind: 'erased' | 'left' | 'returned',
  person: string,
  at: number,
): void {
  for (const stream of segments.streams())
    segments.add(stream, { message: null, kind, at, text: '', rest: JSON.stringify({ person }) })
}

async function eraseMessages(
  { database, people, messages, breathe }: EraseParts,
  person: string,
): Promise<number> {
  const row = people.find(person)
  if (row?.erased_until === null || row === undefined) return 0
  let count = 0
  for (;;) {
    const batch = database.all<{ row: number }>(
      'SELECT row FROM message WHERE author = ? AND row < (? + 1) * 1000 LIMIT ?',
      row.no,
      row.erased_until,
      BATCH,
    )
    database.transaction(() => {
      for (const { row: message } of batch) messages.erase(message)
    })
    count += batch.length
    if (batch.length < BATCH) return count
    await breathe()
  }
}

/** Nothing of it stays in the database's files. */
async function overwrite(parts: EraseParts): Promise<void> {
  await mergeWords(parts)
  parts.database.get('PRAGMA wal_checkpoint(TRUNCATE)')
}

/**
 * The word index only marks as deleted; the words go when its parts are put together, a few pages at a time
 * (https://www.sqlite.org/fts5.html#the_merge_command).
 */
async function mergeWords({ database, breathe }: EraseParts): Promise<void> {
  const changes = () =>
    (database.get<{ count: number }>('SELECT total_changes() AS count') as { count: number }).count
  for (let step = 0; step < MERGE_STEPS_MAX; step++) {
    const before = changes()
    // The first, with a minus, says that everything is to be put together.
    database.run("INSERT INTO word (word, rank) VALUES ('merge', ?)", step === 0 ? -MERGE_PAGES : MERGE_PAGES)
    if (step > 0 && changes() - before < 2) return
    await breathe()
  }
}
