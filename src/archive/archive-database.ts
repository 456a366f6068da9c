import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Disk } from '../storage/disk.ts'
import { type IndexDatabase, openIndexDatabase } from '../storage/index-database.ts'

const PATH = 'archive.db'
const SECRET_BYTES = 32
/** SQLITE_CORRUPT and SQLITE_NOTADB (https://www.sqlite.org/rescode.html); the higher bits tell more exactly where. */
const DAMAGE_CODES = [11, 26]

/**
 * `event` is what was seen, in order; each belongs to a segment, and segments are published. `message` is how things
 * are now, `word` finds it. A message's `row` is its time (ms) · 1000 plus a free number, so that the newest is found
 * first by the order of rows alone.
 */
const STEPS = [
  `CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
   CREATE TABLE stream (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
   CREATE TABLE channel (
     no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, stream INTEGER NOT NULL REFERENCES stream,
     name TEXT NOT NULL, root INTEGER NOT NULL, open INTEGER NOT NULL,
     kept INTEGER NOT NULL DEFAULT 0, erases INTEGER NOT NULL DEFAULT 0, trouble TEXT,
     newest TEXT, oldest TEXT, complete INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0) STRICT;
   CREATE INDEX channel_by_root ON channel (root);
   CREATE TABLE person (
     no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
     left_at INTEGER, erased_until INTEGER) STRICT;
   CREATE TABLE segment (
     no INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL REFERENCES stream, peer TEXT NOT NULL,
     number INTEGER NOT NULL, events INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
     revision INTEGER NOT NULL DEFAULT 0, sealed INTEGER NOT NULL DEFAULT 0, changed_at INTEGER,
     content TEXT, key BLOB, UNIQUE (stream, peer, number)) STRICT;
   CREATE INDEX segment_changed ON segment (changed_at) WHERE changed_at IS NOT NULL;
   CREATE TABLE event (
     no INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL REFERENCES segment, message INTEGER,
     kind TEXT NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL, rest TEXT NOT NULL) STRICT;
   CREATE INDEX event_by_segment ON event (segment);
   CREATE INDEX event_by_message ON event (message, kind, at);
   CREATE TABLE message (
     row INTEGER PRIMARY KEY, channel INTEGER NOT NULL REFERENCES channel, id TEXT NOT NULL,
     author INTEGER NOT NULL REFERENCES person, said INTEGER NOT NULL, deleted_at INTEGER,
     UNIQUE (channel, id)) STRICT;
   CREATE INDEX message_by_channel ON message (channel, row);
   CREATE INDEX message_by_author ON message (author, row);
   CREATE TABLE attachment (
     no INTEGER PRIMARY KEY, message INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
     size INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT, tries INTEGER NOT NULL DEFAULT 0,
     next_at INTEGER NOT NULL DEFAULT 0, content TEXT, key BLOB, sha256 TEXT, UNIQUE (message, id)) STRICT;
   CREATE INDEX attachment_waiting ON attachment (next_at) WHERE state = 'waiting';
   CREATE INDEX attachment_by_content ON attachment (content) WHERE content IS NOT NULL;
   CREATE TABLE leftover (content TEXT PRIMARY KEY) STRICT;
   CREATE VIRTUAL TABLE word USING fts5 (
     words, facets, content = '', contentless_delete = 1,
     tokenize = 'unicode61 remove_diacritics 2')`,
]

/**
 * Opens the archive's own database. It can be made again from the segments and from where the conversation was, so it
 * is not kept twice; after a crash it is as it was at some moment shortly before, which the checkpoints in it say.
 * A database that SQLite refuses is put aside.
 * @throws DiskError, DiskFullError
 */
export async function openArchiveDatabase(parts: {
  disk: Disk
  random: Random
  log: Logger
}): Promise<IndexDatabase> {
  try {
    return open(parts)
  } catch (error) {
    if (!isDamage(error)) throw error
    parts.log.error('archive database put aside', { error })
    await parts.disk.rename(PATH, `${PATH}-damaged`)
    for (const companion of ['-wal', '-shm']) await parts.disk.remove(PATH + companion)
    return open(parts)
  }
}

function open({ disk, random }: { disk: Disk; random: Random }): IndexDatabase {
  const file = disk.openDatabase(PATH)
  try {
    // What a power cut may take of the last commits is fetched again: the checkpoints are in the same commits.
    // What is erased is overwritten, not only unlinked.
    file.exec('PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON')
    const database = openIndexDatabase(file)
    database.migrate('archive', STEPS)
    database.run(
      "INSERT OR IGNORE INTO setting (name, value) VALUES ('secret', ?)",
      random.bytes(SECRET_BYTES),
    )
    return database
  } catch (error) {
    file.close()
    throw error
  }
}

/** Whether SQLite says that the file is none of its databases any more, in its own words or in those of the disk. */
function isDamage(error: unknown): boolean {
  const { errcode } = ((isKizunaError(error) ? error.cause : error) ?? {}) as { errcode?: unknown }
  return typeof errcode === 'number' && DAMAGE_CODES.includes(errcode & 0xff)
}

/** 32 bytes that only this node knows; keys of what it publishes are derived from them. */
export function secretOf(database: IndexDatabase): Uint8Array {
  const row = database.get<{ value: Uint8Array }>("SELECT value FROM setting WHERE name = 'secret'")
  if (row === undefined) throw new Error('the archive has no secret')
  return row.value
}
