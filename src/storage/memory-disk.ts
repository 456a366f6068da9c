import { DatabaseSync } from 'node:sqlite'
import { LimitExceededError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Disk, DiskEntry, DiskFile, DiskSpace } from './disk.ts'
import { diskPathParts, parentOf } from './disk-path.ts'
import { DiskError, DiskFullError, FileExistsError, FileMissingError } from './errors.ts'
import { MemoryFile } from './memory-file.ts'
import { MemoryNames, type MemoryPlace } from './memory-names.ts'

/** What can be made to fail. */
export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'makeFolder'
  | 'syncFolder'
  | 'list'

/** An injected failure. */
export interface DiskFault {
  operation: DiskOperation
  /** Only this path and what lies under it. @default every path */
  path?: string
  /** The system's code, such as `EIO` or `ENOSPC`. */
  code: string
  /** How many calls fail before the fault is over. @default 1 */
  count?: number
}

/** From start to crash; what was opened in one life is dead in the next. */
interface Life {
  over: boolean
  databases: Set<DatabaseSync>
}

/** A database is no file of ours; it has some size. */
const DATABASE_BYTES = 4096

/** Databases of different disks share one process-wide name space in SQLite. */
let disksMade = 0

/**
 * A disk in memory with the weaknesses of a real one: what was not synced can be lost by `crash`,
 * calls can be made to fail, space can run out, bits can rot.
 */
export class MemoryDisk implements Disk {
  readonly #capacityBytes: number
  readonly #names = new MemoryNames()
  readonly #name = `kizuna-disk-${disksMade++}`
  /** One connection per database stays open, so that its content outlives the users'. */
  readonly #anchors = new Map<string, DatabaseSync>()
  #faults: { fault: DiskFault; left: number }[] = []
  #usedBytes = 0
  #temporaryCount = 0
  #life: Life = { over: false, databases: new Set() }

  constructor(options: { capacityBytes?: number } = {}) {
    this.#capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER
  }

  /** Makes the next matching calls fail. */
  fail(fault: DiskFault): void {
    this.#faults.push({ fault, left: fault.count ?? 1 })
  }

  /** Ends every fault. */
  heal(): void {
    this.#faults = []
  }

  /** Turns one bit of a file over, as a failing medium does. `bitOffset` counts from the file's start. */
  flipBit(path: string, bitOffset: number): void {
    this.#names.file(path).flipBit(bitOffset)
  }

  /** Every file's path, sorted. */
  paths(): string[] {
    return this.#names.files().map(([path]) => path)
  }

  /**
   * Power cut: of everything not yet synced a random legal subset remains; files and databases opened
   * before refuse every call. Committed transactions remain, an open one is rolled back.
   * With an unchanged `random` the outcome is the same every time.
   */
  crash(random: Random): void {
    this.#life.over = true
    for (const database of this.#life.databases) if (database.isOpen) database.close()
    this.#life = { over: false, databases: new Set() }
    // Between all and nothing; the ends are the most likely states of a real machine.
    const chance = [0, 0.5, 0.9, 1][random.integer(4)] as number
    this.#names.crash(random, chance)
    this.#usedBytes = 0
    for (const [, file] of this.#names.files()) {
      file.crash(random, chance)
      this.#usedBytes += file.sizeBytes
    }
  }

  /**
   * This disk as a process sees it that a crash ends: afterwards every call is refused, so that what still runs
   * of the old process cannot touch the disk of the new one.
   */
  session(): Disk {
    const life = this.#life
    const alive = (path: string): Disk => {
      if (life.over) throw new DiskError({ operation: 'open', path, systemCode: 'EIO' })
      return this
    }
    return {
      open: async (path, mode) => alive(path).open(path, mode),
      readFile: async (path, sizeBytesMax) => alive(path).readFile(path, sizeBytesMax),
      writeFile: async (path, bytes, options) => alive(path).writeFile(path, bytes, options),
      rename: async (from, to) => alive(from).rename(from, to),
      remove: async (path) => alive(path).remove(path),
      makeFolder: async (path) => alive(path).makeFolder(path),
      syncFolder: async (path) => alive(path).syncFolder(path),
      list: (path) => alive(path).list(path),
      sizeOf: async (path) => alive(path).sizeOf(path),
      space: async () => alive('').space(),
      openDatabase: (path) => alive(path).openDatabase(path),
      copyDatabase: async (from, to) => alive(from).copyDatabase(from, to),
    }
  }

  async open(path: string, mode: 'read' | 'update' | 'create' | 'append-or-create'): Promise<DiskFile> {
    this.#check('open', path)
    const place = this.#names.locate(path)
    const entry = place.folder.live.get(place.name)
    if (entry === undefined) {
      if (mode === 'read' || mode === 'update') throw new FileMissingError({ path })
      const file = new MemoryFile()
      this.#names.set(place, { file })
      return this.#handle(file, path)
    }
    if (mode === 'create') throw new FileExistsError({ path })
    if (!('file' in entry)) throw new DiskError({ operation: 'open', path, systemCode: 'EISDIR' })
    return this.#handle(entry.file, path, mode === 'read')
  }

  async readFile(path: string, sizeBytesMax: number): Promise<Uint8Array> {
    const file = await this.open(path, 'read')
    const sizeBytes = await file.sizeBytes()
    if (sizeBytes > sizeBytesMax) {
      throw new LimitExceededError({ what: `The file ${path}`, limit: sizeBytesMax, actual: sizeBytes })
    }
    return file.read(0, sizeBytes)
  }

  async writeFile(path: string, bytes: Uint8Array): Promise<void> {
    this.#check('open', path)
    const temporary = `${path}.${this.#temporaryCount++}.tmp`
    const file = await this.open(temporary, 'append-or-create')
    try {
      await file.truncate(0)
      await file.write(0, bytes)
      await file.sync()
      await this.rename(temporary, path)
    } catch (error) {
      if (!this.#life.over) await this.remove(temporary).catch(() => false)
      throw error
    }
    await this.syncFolder(parentOf(path))
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check('rename', from)
    const source = this.#names.locate(from)
    const target = this.#names.locate(to)
    const entry = source.folder.live.get(source.name)
    if (entry === undefined) throw new FileMissingError({ path: from })
    const replaced = target.folder.live.get(target.name)
    if (replaced !== undefined && 'folder' in replaced) {
      throw new DiskError({ operation: 'rename', path: from, systemCode: 'EISDIR' })
    }
    if (replaced !== undefined && 'file' in replaced && replaced !== entry) {
      this.#usedBytes -= replaced.file.sizeBytes
    }
    this.#names.move(source, target, entry)
  }

  async remove(path: string): Promise<boolean> {
    this.#check('remove', path)
    let place: MemoryPlace
    try {
      place = this.#names.locate(path)
    } catch (error) {
      if (error instanceof FileMissingError) return false
      throw error
    }
    const entry = place.folder.live.get(place.name)
    if (entry === undefined) return false
    if ('folder' in entry && entry.folder.live.size > 0) {
      throw new DiskError({ operation: 'remove', path, systemCode: 'ENOTEMPTY' })
    }
    if ('file' in entry) this.#usedBytes -= entry.file.sizeBytes
    this.#names.set(place, undefined)
    return true
  }

  async makeFolder(path: string): Promise<void> {
    this.#check('makeFolder', path)
    let folder = this.#names.root
    for (const name of diskPathParts(path)) {
      const below = this.#names.enter(folder, name)
      if (below === undefined) throw new FileExistsError({ path })
      folder = below
    }
  }

  async syncFolder(path: string): Promise<void> {
    this.#check('syncFolder', path)
    this.#names.sync(this.#names.folder(path))
  }

  async *list(path: string): AsyncGenerator<DiskEntry> {
    this.#check('list', path)
    for (const [name, entry] of [...this.#names.folder(path).live]) {
      yield { name, kind: 'file' in entry ? 'file' : 'folder' }
    }
  }

  async sizeOf(path: string): Promise<number | undefined> {
    try {
      return this.#anchors.has(path) ? DATABASE_BYTES : this.#names.file(path).sizeBytes
    } catch (error) {
      if (error instanceof FileMissingError) return undefined
      throw error
    }
  }

  async space(): Promise<DiskSpace> {
    return { freeBytes: this.#capacityBytes - this.#usedBytes, totalBytes: this.#capacityBytes }
  }

  openDatabase(path: string): DatabaseSync {
    this.#check('open', path)
    this.#names.locate(path)
    const location = this.#databaseOf(path)
    if (!this.#anchors.has(path)) this.#anchors.set(path, new DatabaseSync(location))
    const database = new DatabaseSync(location, { enableForeignKeyConstraints: true })
    this.#life.databases.add(database)
    return database
  }

  async copyDatabase(from: string, to: string): Promise<void> {
    this.#check('open', from)
    this.#check('write', to)
    this.#anchors.get(to)?.close()
    this.#anchors.delete(to)
    const source = this.openDatabase(from)
    try {
      // First, since a database that nobody has open is gone.
      this.#anchors.set(to, new DatabaseSync(this.#databaseOf(to)))
      source.exec(`VACUUM INTO '${this.#databaseOf(to)}'`)
    } finally {
      source.close()
    }
  }

  /** SQLite's own memory file system: shared by name, and the connections can be closed one by one. */
  #databaseOf(path: string): string {
    return `file:/${this.#name}/${encodeURIComponent(path)}?vfs=memdb`
  }

  #handle(file: MemoryFile, path: string, readOnly = false): DiskFile {
    const life = this.#life
    let closed = false
    const check = (operation: DiskOperation) => {
      if (life.over) throw new DiskError({ operation, path, systemCode: 'EIO' })
      if (closed) throw new DiskError({ operation, path, systemCode: 'EBADF' })
      this.#check(operation, path)
    }
    const grow = (bytes: number) => {
      this.#usedBytes += bytes
    }
    return {
      read: async (position, length) => {
        check('read')
        return file.read(position, length)
      },
      write: async (position, bytes) => {
        check('write')
        if (readOnly) throw new DiskError({ operation: 'write', path, systemCode: 'EBADF' })
        const growth = Math.max(0, position + bytes.byteLength - file.sizeBytes)
        const missing = this.#usedBytes + growth - this.#capacityBytes
        // A real disk writes what still fits before it refuses.
        const fitting = missing > 0 ? bytes.subarray(0, Math.max(0, bytes.byteLength - missing)) : bytes
        grow(file.write(position, fitting))
        if (missing > 0) throw new DiskFullError({ path })
      },
      truncate: async (sizeBytes) => {
        check('truncate')
        grow(file.truncate(sizeBytes))
      },
      sync: async () => {
        check('sync')
        file.sync()
      },
      sizeBytes: async () => {
        check('read')
        return file.sizeBytes
      },
      close: async () => {
        closed = true
      },
    }
  }

  #check(operation: DiskOperation, path: string): void {
    diskPathParts(path)
    const index = this.#faults.findIndex(
      ({ fault }) =>
        fault.operation === operation &&
        (fault.path === undefined || path === fault.path || path.startsWith(`${fault.path}/`)),
    )
    const hit = this.#faults[index]
    if (hit === undefined) return
    hit.left--
    if (hit.left <= 0) this.#faults.splice(index, 1)
    const { code } = hit.fault
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new DiskFullError({ path })
    throw new DiskError({ operation, path, systemCode: code })
  }
}
