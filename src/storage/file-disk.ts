import {
  chmod,
  close,
  closeSync,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  lstat,
  mkdir,
  mkdirSync,
  type OpenMode,
  open,
  openSync,
  read,
  rename,
  rmdir,
  statfs,
  unlink,
  write,
} from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LimitExceededError } from '../core/errors.ts'
import { KizunaError } from '../core/kizuna-error.ts'
import type { Disk, DiskEntry, DiskFile, DiskSpace } from './disk.ts'
import { diskPathParts, parentOf } from './disk-path.ts'
import { DiskError, DiskFullError, FileExistsError, FileMissingError } from './errors.ts'

/** Only the owner reads what a node keeps. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
/** How long SQLite waits for another process that holds the database, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000
/** A link in the place of a file could point out of the root. Windows has no such flag. */
const { O_NOFOLLOW: NO_FOLLOW = 0 } = constants

const OPEN_FLAGS = {
  read: constants.O_RDONLY | NO_FOLLOW,
  update: constants.O_RDWR | NO_FOLLOW,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW,
  'append-or-create': constants.O_RDWR | constants.O_CREAT | NO_FOLLOW,
} as const

/**
 * The real file system under `root`, which is created (0700) when it does not stand yet.
 * Uses the callback calls of node:fs: chunks come by the thousand, and each promise-based handle costs
 * several times as much on the main thread.
 * @param root absolute path of a folder.
 * @throws DiskError, DiskFullError
 */
export function createFileDisk(root: string): Disk {
  try {
    mkdirSync(root, { recursive: true, mode: FOLDER_MODE })
  } catch (error) {
    throw toDiskError(error, 'create', root)
  }
  return new FileDisk(root)
}

class FileDisk implements Disk {
  readonly #root: string
  #temporaryCount = 0

  constructor(root: string) {
    this.#root = root
  }

  async open(path: string, mode: keyof typeof OPEN_FLAGS): Promise<DiskFile> {
    const full = this.#resolve(path)
    return new OpenFile(await openFile(full, OPEN_FLAGS[mode], FILE_MODE, path), path)
  }

  async readFile(path: string, sizeBytesMax: number): Promise<Uint8Array> {
    const file = await this.open(path, 'read')
    try {
      const sizeBytes = await file.sizeBytes()
      if (sizeBytes > sizeBytesMax) {
        throw new LimitExceededError({ what: `The file ${path}`, limit: sizeBytesMax, actual: sizeBytes })
      }
      return await file.read(0, sizeBytes)
    } finally {
      await file.close()
    }
  }

  async writeFile(path: string, bytes: Uint8Array, options?: { mode?: number }): Promise<void> {
    const full = this.#resolve(path)
    // The process id keeps two processes apart; a leftover of a dead one with the same id is overwritten.
    const temporary = `${full}.${process.pid}-${this.#temporaryCount++}.tmp`
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | NO_FOLLOW
    const file = new OpenFile(await openFile(temporary, flags, options?.mode ?? FILE_MODE, path), path)
    try {
      try {
        await file.write(0, bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await call(path, 'rename', (done) => rename(temporary, full, done))
    } catch (error) {
      await new Promise<void>((resolve) => unlink(temporary, () => resolve()))
      throw error
    }
    await this.syncFolder(parentOf(path))
  }

  async rename(from: string, to: string): Promise<void> {
    const fullFrom = this.#resolve(from)
    const fullTo = this.#resolve(to)
    await call(from, 'rename', (done) => rename(fullFrom, fullTo, done))
  }

  async remove(path: string): Promise<boolean> {
    const full = this.#resolve(path)
    try {
      const { folder } = await statOf(full, path)
      await call(path, 'remove', (done) => (folder ? rmdir(full, done) : unlink(full, done)))
      return true
    } catch (error) {
      if (error instanceof FileMissingError) return false
      throw error
    }
  }

  async makeFolder(path: string): Promise<void> {
    const full = this.#resolve(path)
    await call(path, 'create', (done) =>
      mkdir(full, { recursive: true, mode: FOLDER_MODE }, (error) => done(error)),
    )
  }

  async syncFolder(path: string): Promise<void> {
    const full = this.#resolve(path)
    // Windows cannot open folders; its file systems journal names by themselves.
    /* node:coverage ignore next */
    if (process.platform === 'win32') return
    const handle = await openFile(full, constants.O_RDONLY, 0, path)
    try {
      await call(path, 'sync', (done) => fsync(handle, done))
    } finally {
      await call(path, 'close', (done) => close(handle, done))
    }
  }

  async *list(path: string): AsyncGenerator<DiskEntry> {
    const full = this.#resolve(path)
    try {
      for await (const entry of await opendir(full, { bufferSize: 256 })) {
        if (entry.isDirectory()) yield { name: entry.name, kind: 'folder' }
        else if (entry.isFile()) yield { name: entry.name, kind: 'file' }
      }
    } catch (error) {
      throw toDiskError(error, 'list', path)
    }
  }

  async sizeOf(path: string): Promise<number | undefined> {
    try {
      const { folder, sizeBytes } = await statOf(this.#resolve(path), path)
      return folder ? undefined : sizeBytes
    } catch (error) {
      if (error instanceof FileMissingError) return undefined
      throw error
    }
  }

  async space(): Promise<DiskSpace> {
    const facts = await call<{ bavail: number; blocks: number; bsize: number }>('', 'measure', (done) =>
      statfs(this.#root, done),
    )
    return { freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize }
  }

  openDatabase(path: string): DatabaseSync {
    const full = this.#resolve(path)
    try {
      // Created by us first: SQLite would use the process's umask, and its companions copy this mode.
      closeSync(openSync(full, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, FILE_MODE))
      const database = new DatabaseSync(full, { enableForeignKeyConstraints: true, timeout: BUSY_TIMEOUT_MS })
      try {
        database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
      } catch (error) {
        database.close()
        throw error
      }
      return database
    } catch (error) {
      throw toDiskError(error, 'open the database', path)
    }
  }

  async copyDatabase(from: string, to: string): Promise<void> {
    const temporary = `${to}.${process.pid}-${this.#temporaryCount++}.tmp`
    try {
      const source = this.openDatabase(from)
      try {
        source.prepare('VACUUM INTO ?').run(this.#resolve(temporary))
      } finally {
        source.close()
      }
      const file = await this.open(temporary, 'update')
      try {
        // SQLite does not sync what it writes here, and makes it with the rights of the process.
        await call(to, 'protect', (done) => chmod(this.#resolve(temporary), FILE_MODE, done))
        await file.sync()
      } finally {
        await file.close()
      }
      // A log of the old database would be taken for one of the new.
      for (const companion of ['-wal', '-shm']) await this.remove(to + companion)
      await this.rename(temporary, to)
    } catch (error) {
      await this.remove(temporary).catch(() => false)
      throw toDiskError(error, 'copy the database', from)
    }
    await this.syncFolder(parentOf(to))
  }

  #resolve(path: string): string {
    return join(this.#root, ...diskPathParts(path))
  }
}

class OpenFile implements DiskFile {
  readonly #path: string
  #handle: number | undefined

  constructor(handle: number, path: string) {
    this.#handle = handle
    this.#path = path
  }

  async read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    // Memory of its own, not of the shared pool: chunks are kept and handed on.
    const bytes = into ?? Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      const count = await call<number>(this.#path, 'read', (done) =>
        read(this.#opened(), bytes, filled, length - filled, position + filled, done),
      )
      if (count === 0) break
      filled += count
    }
    return bytes.subarray(0, filled)
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    let written = 0
    while (written < bytes.byteLength) {
      written += await call<number>(this.#path, 'write', (done) =>
        write(this.#opened(), bytes, written, bytes.byteLength - written, position + written, done),
      )
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return call(this.#path, 'truncate', (done) => ftruncate(this.#opened(), sizeBytes, done))
  }

  sync(): Promise<void> {
    return call(this.#path, 'sync', (done) => fdatasync(this.#opened(), done))
  }

  async sizeBytes(): Promise<number> {
    const facts = await call<{ size: number }>(this.#path, 'measure', (done) => fstat(this.#opened(), done))
    return facts.size
  }

  async close(): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    await call(this.#path, 'close', (done) => close(handle, done))
  }

  #opened(): number {
    if (this.#handle !== undefined) return this.#handle
    throw Object.assign(new Error('the file was closed'), { code: 'EBADF' })
  }
}

function openFile(full: string, flags: OpenMode, mode: number, path: string): Promise<number> {
  return call(path, 'open', (done) => open(full, flags, mode, done))
}

async function statOf(full: string, path: string): Promise<{ folder: boolean; sizeBytes: number }> {
  const facts = await call<{ size: number; isDirectory(): boolean }>(path, 'look at', (done) =>
    lstat(full, done),
  )
  return { folder: facts.isDirectory(), sizeBytes: facts.size }
}

/** One call of node:fs as a promise whose errors are ours. */
function call<Result = void>(
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

/** SQLite's result code for a full disk (https://www.sqlite.org/rescode.html). */
const SQLITE_FULL = 13
