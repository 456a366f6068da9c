import { DiskError, DiskFullError } from './errors.ts'

/** SQLite's primary result codes for what the disk did, not the program (https://www.sqlite.org/rescode.html). */
const FULL = 13
const DISK_CODES: ReadonlyMap<number, string> = new Map([
  [8, 'SQLITE_READONLY'],
  [10, 'SQLITE_IOERR'],
  [11, 'SQLITE_CORRUPT'],
  [14, 'SQLITE_CANTOPEN'],
  [26, 'SQLITE_NOTADB'],
])

/** What the disk did to a database, in our words; every other error as it is: a fault of ours. */
export function databaseError(error: unknown, path: string): unknown {
  const { errcode } = error as { errcode?: unknown }
  if (typeof errcode !== 'number') return error
  // The higher bits tell more exactly where.
  const primary = errcode & 0xff
  if (primary === FULL) return new DiskFullError({ path, cause: error })
  const systemCode = DISK_CODES.get(primary)
  return systemCode === undefined
    ? error
    : new DiskError({ operation: 'use', path, systemCode, cause: error })
}
