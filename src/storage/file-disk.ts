import {
  chmod,
  close,
  closeSync,
  constants,
  fsync,
  lstat,
  mkdir,
  mkdirSync,
  openSync,
  rename,
  rmdir,
  statfs,
  unlink,
} from 'node:fs'
import { opendir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LimitExceededError } from '../core/errors.ts'
import type { KizunaError } from '../core/kizuna-error.ts'
import type { Disk, DiskEntry, DiskFile, DiskSpace, SavedFile } from './disk.ts'
import { call, toDiskError } from './disk-call.ts'
import { diskPathParts, parentOf } from './disk-path.ts'
import { loadFileInSteps, saveFileInSteps, syncFoldersInSteps } from './disk-steps.ts'
import type { DiskThreads } from './disk-threads.ts'
import { type DiskOutcome, FILE_MODE, FOLDER_MODE, NO_FOLLOW, OPEN_FLAGS } from './disk-work.ts'
import { FileMissingError } from './errors.ts'
import { OpenFile, openFile } from './open-file.ts'

/** How long SQLite waits for another process that holds the database, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * The real file system under `root`, which is created (0700) when it does not stand yet.
 * Uses the callback calls of node:fs: chunks come by the thousand, and each promise-based handle costs
 * several times as much on the main thread.
 * @param root absolute path of a folder.
 * @param options `threads` save and load what lies in shared memory; without them everything goes by Node's own pool.
 * @throws DiskError, DiskFullError
 */
export function createFileDisk(root: string, options: { threads?: DiskThreads | undefined } = {}): Disk {
  try {
    mkdirSync(root, { recursive: true, mode: FOLDER_MODE })
  } catch (error) {
    throw toDiskError(error, 'create', root)
  }
  return new FileDisk(root, options.threads)
}

class FileDisk implements Disk {
  readonly #root: string
  readonly #threads: DiskThreads | undefined
  #temporaryCount = 0

  constructor(root: string, threads: DiskThreads | undefined) {
    this.#root = root
    this.#threads = threads
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

  async saveFile(file: SavedFile): Promise<void> {
    const path = this.#resolve(file.path)
    const temporary = this.#resolve(file.temporary)
    const folder = file.makesFolder === true ? dirname(path) : ''
    const { bytes } = file
    const outcome = isShared(bytes)
      ? await this.#threads?.do({ kind: 'save', path, temporary, folder, bytes })
      : undefined
    if (outcome?.kind === 'done') return
    if (outcome !== undefined && !(outcome.kind === 'failed' && outcome.operation === 'open')) {
      await this.remove(file.temporary).catch(() => false)
    }
    if (outcome?.kind === 'failed') throw failureOf(outcome, file.path)
    await saveFileInSteps(this, file)
  }

  async loadFile(path: string, length: number, into?: Uint8Array): Promise<Uint8Array> {
    const full = this.#resolve(path)
    const room = into?.subarray(0, length)
    const outcome =
      room !== undefined && isShared(room)
        ? await this.#threads?.do({ kind: 'load', path: full, into: room })
        : undefined
    if (outcome?.kind === 'done') return (room as Uint8Array).subarray(0, outcome.loadedBytes)
    if (outcome?.kind === 'failed') throw failureOf(outcome, path)
    return loadFileInSteps(this, path, length, into)
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

  async syncFolders(paths: readonly string[]): Promise<void> {
    const full = paths.map((path) => this.#resolve(path))
    /* node:coverage ignore next */
    if (process.platform === 'win32') return
    if (full.length === 0) return
    const outcome = await this.#threads?.do({ kind: 'sync-folders', paths: full })
    if (outcome?.kind === 'done') return
    if (outcome?.kind === 'failed') throw failureOf(outcome, paths[outcome.place] as string)
    await syncFoldersInSteps(this, paths)
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

async function statOf(full: string, path: string): Promise<{ folder: boolean; sizeBytes: number }> {
  const facts = await call<{ size: number; isDirectory(): boolean }>(path, 'look at', (done) =>
    lstat(full, done),
  )
  return { folder: facts.isDirectory(), sizeBytes: facts.size }
}

function isShared(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer
}

/** What a thread met, as if it had been met here. */
function failureOf(outcome: DiskOutcome & { kind: 'failed' }, path: string): KizunaError {
  const { operation, code, message } = outcome
  return toDiskError(Object.assign(new Error(message), { code }), operation, path)
}
