import { KizunaError } from '../core/kizuna-error.ts'
import { DiskError, DiskFullError, FileExistsError, FileMissingError } from './errors.ts'

/** SQLite's result code for a full disk (https://www.sqlite.org/rescode.html). */
const SQLITE_FULL = 13

/** One call of node:fs as a promise whose errors are ours. */
export function call<Result = void>(
  path: string,
  operation: string,
  start: (done: (error: Error | null, result?: Result) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    try {
      start((error, result) => {
        if (error === null) resolve(result as Result)
        else reject(toDiskError(error, operation, path))
      })
    } catch (error) {
      reject(toDiskError(error, operation, path))
    }
  })
}

/** The system's error in our words. */
export function toDiskError(error: unknown, operation: string, path: string): KizunaError {
  if (error instanceof KizunaError) return error
  const { code, errcode } = error as { code?: string; errcode?: number }
  if (code === 'ENOSPC' || code === 'EDQUOT' || errcode === SQLITE_FULL) {
    return new DiskFullError({ path, cause: error })
  }
  if (code === 'ENOENT') return new FileMissingError({ path })
  if (code === 'EEXIST') return new FileExistsError({ path })
  return new DiskError({ operation, path, systemCode: code ?? 'UNKNOWN', cause: error })
}
