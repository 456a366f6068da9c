import type { DatabaseSync } from 'node:sqlite'

/** What stands at a path. */
export interface DiskEntry {
  /** Last part of the path. */
  name: string
  kind: 'file' | 'folder'
}

/** Bytes left and in all on the medium under the disk's root. */
export interface DiskSpace {
  freeBytes: number
  totalBytes: number
}

/** An open file. Every method may throw a `DiskError`. */
export interface DiskFile {
  /**
   * At most `length` bytes from `position`; fewer only at the end of the file.
   * @param into memory of at least this length where they may be put.
   */
  read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array>
  /** Writes all of `bytes` at `position`; durable only after `sync`. */
  write(position: number, bytes: Uint8Array): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  /** Returns when the bytes written so far survive a power cut (fdatasync). */
  sync(): Promise<void>
  sizeBytes(): Promise<number>
  close(): Promise<void>
}

/**
 * The seam to the file system, rooted at one folder. Paths are relative, with `/`, and never leave the root.
 *
 * A crash may lose anything not yet synced, in any order, in torn sectors of 512 bytes, and a rename
 * or a new name whose folder was not synced. Users of a disk must be right under exactly these rules.
 */
export interface Disk {
  /**
   * `read` and `update` need the file to exist; `create` needs it not to; `append-or-create` opens either way.
   * @throws FileMissingError, FileExistsError, DiskError
   */
  open(path: string, mode: 'read' | 'update' | 'create' | 'append-or-create'): Promise<DiskFile>
  /** The whole file; for small files only. @throws LimitExceededError when it is longer than `sizeBytesMax`. */
  readFile(path: string, sizeBytesMax: number): Promise<Uint8Array>
  /** Replaces a whole small file so that a crash leaves the old or the new one: temporary file, sync, rename, folder sync. */
  writeFile(path: string, bytes: Uint8Array, options?: { mode?: number }): Promise<void>
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>
  /** True when there was something to remove; folders must be empty. */
  remove(path: string): Promise<boolean>
  /** Creates the folder and those above it; fine when it exists. */
  makeFolder(path: string): Promise<void>
  /** Makes names created, renamed or removed in this folder survive a power cut. */
  syncFolder(path: string): Promise<void>
  list(path: string): AsyncIterable<DiskEntry>
  /** Size of a file, or undefined when there is none. */
  sizeOf(path: string): Promise<number | undefined>
  space(): Promise<DiskSpace>
  /** Opens (creating if needed) an SQLite database whose committed transactions survive a crash. */
  openDatabase(path: string): DatabaseSync
  /**
   * Makes the database `to` a durable copy of `from`, whole or not at all. Nobody may have `to` open.
   * @throws DiskError when `from` is damaged; DiskFullError
   */
  copyDatabase(from: string, to: string): Promise<void>
}
