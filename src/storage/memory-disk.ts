import { DatabaseSync } from 'node:sqlite'
import { LimitExceededError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Disk, DiskEntry, DiskFile, DiskSpace } from './disk.ts'
import { diskPathParts, parentOf } from './disk-path.ts'
import { DiskError, DiskFullError, FileExistsError, FileMissingError } from './errors.ts'
import { MemoryFile } from './memory-file.ts'

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

type Folder = Map<string, Entry>
type Entry = { file: MemoryFile } | { folder: FolderNode }

/** A folder twice: as programs see it, and as a crash would leave it. */
interface FolderNode {
  live: Folder
  durable: Folder
}

/** A change of one name that no folder sync has made durable. */
interface NameChange {
  folder: FolderNode
  name: string
  /** Undefined when the name was removed. */
  entry: Entry | undefined
}

/** Changes that reach the medium together, in their order, or not at all. */
interface PendingChange {
  changes: NameChange[]
  /** A removal by a rename across folders is never durable before the new name is. */
  after?: PendingChange
}

/** From start to crash; what was opened in one life is dead in the next. */
interface Life {
  over: boolean
  databases: Set<DatabaseSync>
}

/** Beyond this many unsynced names the older half becomes durable, as a kernel writes back by itself. */
const PENDING_CHANGES_MAX = 512

/** Databases of different disks share one process-wide name space in SQLite. */
let disksMade = 0

/**
 * A disk in memory with the weaknesses of a real one: what was not synced can be lost by `crash`,
 * calls can be made to fail, space can run out, bits can rot.
 */
export class MemoryDisk implements Disk {
  readonly #capacityBytes: number
  readonly #root: FolderNode = { live: new Map(), durable: new Map() }
  readonly #name = `kizuna-disk-${disksMade++}`
  /** One connection per database stays open, so that its content outlives the users'. */
  readonly #anchors = new Map<string, DatabaseSync>()
  #pending: PendingChange[] = []
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
    this.#file(path).flipBit(bitOffset)
  }

  /** Every file's path, sorted. */
  paths(): string[] {
    const paths: string[] = []
    const visit = (folder: FolderNode, prefix: string) => {
      for (const [name, entry] of folder.live) {
        if ('file' in entry) paths.push(prefix + name)
        else visit(entry.folder, `${prefix}${name}/`)
      }
    }
    visit(this.#root, '')
    return paths.sort()
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
    const chance = [0, 0.5, 0.9, 1][random.integer(4)] ?? 0
    this.#crashNames(random, chance)
    this.#usedBytes = 0
    const visit = (folder: FolderNode) => {
      for (const entry of folder.live.values()) {
        if ('file' in entry) {
          entry.file.crash(random, chance)
          this.#usedBytes += entry.file.sizeBytes
        } else visit(entry.folder)
      }
    }
    visit(this.#root)
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
    }
  }

  async open(path: string, mode: 'read' | 'update' | 'create' | 'append-or-create'): Promise<DiskFile> {
    this.#check('open', path)
    const { folder, name } = this.#locate(path)
    const entry = folder.live.get(name)
    if (entry === undefined) {
      if (mode === 'read' || mode === 'update') throw new FileMissingError({ path })
      const file = new MemoryFile()
      this.#change([{ folder, name, entry: { file } }])
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
    const source = this.#locate(from)
    const target = this.#locate(to)
    const entry = source.folder.live.get(source.name)
    if (entry === undefined) throw new FileMissingError({ path: from })
    const replaced = target.folder.live.get(target.name)
    if (replaced !== undefined && 'folder' in replaced) {
      throw new DiskError({ operation: 'rename', path: from, systemCode: 'EISDIR' })
    }
    if (replaced !== undefined && 'file' in replaced && replaced !== entry) {
      this.#usedBytes -= replaced.file.sizeBytes
    }
    const removal: NameChange = { ...source, entry: undefined }
    if (source.folder === target.folder) {
      this.#change(source.name === target.name ? [] : [removal, { ...target, entry }])
    } else {
      const made = this.#change([{ ...target, entry }])
      this.#change([removal], made)
    }
  }

  async remove(path: string): Promise<boolean> {
    this.#check('remove', path)
    let place: { folder: FolderNode; name: string }
    try {
      place = this.#locate(path)
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
    this.#change([{ ...place, entry: undefined }])
    return true
  }

  async makeFolder(path: string): Promise<void> {
    this.#check('makeFolder', path)
    let folder = this.#root
    for (const name of diskPathParts(path)) {
      let entry = folder.live.get(name)
      if (entry === undefined) {
        entry = { folder: { live: new Map(), durable: new Map() } }
        this.#change([{ folder, name, entry }])
      }
      if (!('folder' in entry)) throw new FileExistsError({ path })
      folder = entry.folder
    }
  }

  async syncFolder(path: string): Promise<void> {
    this.#check('syncFolder', path)
    const folder = this.#folder(path)
    const wanted = new Set<PendingChange>()
    const wantedNames = new Map<FolderNode, Set<string>>()
    // Backwards: a change draws in what it depends on and every earlier change of the same names.
    for (const change of this.#pending.toReversed()) {
      const named = change.changes.some((one) => wantedNames.get(one.folder)?.has(one.name))
      if (!named && !wanted.has(change) && !change.changes.some((one) => one.folder === folder)) continue
      wanted.add(change)
      if (change.after !== undefined) wanted.add(change.after)
      addNames(wantedNames, change)
    }
    for (const change of this.#pending) if (wanted.has(change)) makeDurable(change)
    this.#pending = this.#pending.filter((change) => !wanted.has(change))
  }

  async *list(path: string): AsyncGenerator<DiskEntry> {
    this.#check('list', path)
    for (const [name, entry] of [...this.#folder(path).live]) {
      yield { name, kind: 'file' in entry ? 'file' : 'folder' }
    }
  }

  async sizeOf(path: string): Promise<number | undefined> {
    try {
      return this.#file(path).sizeBytes
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
    this.#locate(path)
    // SQLite's own memory file system: shared by name, and the connections can be closed one by one.
    const location = `file:/${this.#name}/${encodeURIComponent(path)}?vfs=memdb`
    if (!this.#anchors.has(path)) this.#anchors.set(path, new DatabaseSync(location))
    const database = new DatabaseSync(location, { enableForeignKeyConstraints: true })
    this.#life.databases.add(database)
    return database
  }

  #crashNames(random: Random, chance: number): void {
    const lost = new Set<PendingChange>()
    const lostNames = new Map<FolderNode, Set<string>>()
    for (const change of this.#pending) {
      // A later change of a name cannot survive where an earlier one of the same name was lost.
      const blocked =
        (change.after !== undefined && lost.has(change.after)) ||
        change.changes.some(({ folder, name }) => lostNames.get(folder)?.has(name))
      if (!blocked && random.fraction() < chance) {
        makeDurable(change)
        continue
      }
      lost.add(change)
      addNames(lostNames, change)
    }
    this.#pending = []
    const visit = (folder: FolderNode) => {
      folder.live = new Map(folder.durable)
      for (const entry of folder.live.values()) if ('folder' in entry) visit(entry.folder)
    }
    visit(this.#root)
  }

  #change(changes: NameChange[], after?: PendingChange): PendingChange {
    for (const { folder, name, entry } of changes) {
      if (entry === undefined) folder.live.delete(name)
      else folder.live.set(name, entry)
    }
    const pending: PendingChange = after === undefined ? { changes } : { changes, after }
    if (changes.length > 0) this.#pending.push(pending)
    if (this.#pending.length > PENDING_CHANGES_MAX) {
      for (const old of this.#pending.splice(0, PENDING_CHANGES_MAX / 2)) makeDurable(old)
    }
    return pending
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

  #folder(path: string): FolderNode {
    let folder = this.#root
    for (const name of diskPathParts(path)) {
      const entry = folder.live.get(name)
      if (entry === undefined) throw new FileMissingError({ path })
      if (!('folder' in entry)) throw new DiskError({ operation: 'open', path, systemCode: 'ENOTDIR' })
      folder = entry.folder
    }
    return folder
  }

  #locate(path: string): { folder: FolderNode; name: string } {
    const name = diskPathParts(path).at(-1)
    if (name === undefined) throw new DiskError({ operation: 'open', path, systemCode: 'EISDIR' })
    return { folder: this.#folder(parentOf(path)), name }
  }

  #file(path: string): MemoryFile {
    const { folder, name } = this.#locate(path)
    const entry = folder.live.get(name)
    if (entry === undefined || !('file' in entry)) throw new FileMissingError({ path })
    return entry.file
  }
}

function addNames(names: Map<FolderNode, Set<string>>, change: PendingChange): void {
  for (const { folder, name } of change.changes) {
    const known = names.get(folder) ?? new Set()
    names.set(folder, known.add(name))
  }
}

function makeDurable(change: PendingChange): void {
  for (const { folder, name, entry } of change.changes) {
    if (entry === undefined) folder.durable.delete(name)
    else folder.durable.set(name, entry)
  }
}
