import type { Random } from '../core/random.ts'
import { diskPathParts, parentOf } from './disk-path.ts'
import { DiskError, FileMissingError } from './errors.ts'
import type { MemoryFile } from './memory-file.ts'

/** What stands under a name. */
export type MemoryEntry = { file: MemoryFile } | { folder: FolderNode }
type Folder = Map<string, MemoryEntry>

/** A folder twice: as programs see it, and as a crash would leave it. */
export interface FolderNode {
  live: Folder
  durable: Folder
}

/** A name in a folder, whether or not anything stands there. */
export interface MemoryPlace {
  folder: FolderNode
  name: string
}

/** A change of one name that no folder sync has made durable. */
interface NameChange extends MemoryPlace {
  /** Undefined when the name was removed. */
  entry: MemoryEntry | undefined
}

/** Changes that reach the medium together, in their order, or not at all. */
interface PendingChange {
  changes: NameChange[]
  /** A removal by a rename across folders is never durable before the new name is. */
  after?: PendingChange
}

/** Beyond this many unsynced names the older half becomes durable, as a kernel writes back by itself. */
const PENDING_CHANGES_MAX = 512

/** The names on a memory disk: what programs see, and which of it a power cut may take back. */
export class MemoryNames {
  readonly #root: FolderNode = newFolder()
  #pending: PendingChange[] = []

  /** Lets a name stand for something, or for nothing. */
  set(place: MemoryPlace, entry: MemoryEntry | undefined): void {
    this.#change([{ ...place, entry }])
  }

  /** A name takes the place of another: at once within a folder, one after the other across folders. */
  move(from: MemoryPlace, to: MemoryPlace, entry: MemoryEntry): void {
    const removal: NameChange = { ...from, entry: undefined }
    if (from.folder !== to.folder) {
      const made = this.#change([{ ...to, entry }])
      this.#change([removal], made)
    } else if (from.name !== to.name) this.#change([removal, { ...to, entry }])
  }

  /** The folder below another, made when nothing stands there; undefined when a file does. */
  enter(folder: FolderNode, name: string): FolderNode | undefined {
    let entry = folder.live.get(name)
    if (entry === undefined) {
      entry = { folder: newFolder() }
      this.#change([{ folder, name, entry }])
    }
    return 'folder' in entry ? entry.folder : undefined
  }

  /** @throws FileMissingError, DiskError */
  folder(path: string): FolderNode {
    let folder = this.#root
    for (const name of diskPathParts(path)) {
      const entry = folder.live.get(name)
      if (entry === undefined) throw new FileMissingError({ path })
      if (!('folder' in entry)) throw new DiskError({ operation: 'open', path, systemCode: 'ENOTDIR' })
      folder = entry.folder
    }
    return folder
  }

  /** Where a path's last part stands. @throws FileMissingError when a folder above it does not exist; DiskError */
  locate(path: string): MemoryPlace {
    const name = diskPathParts(path).at(-1)
    if (name === undefined) throw new DiskError({ operation: 'open', path, systemCode: 'EISDIR' })
    return { folder: this.folder(parentOf(path)), name }
  }

  /** @throws FileMissingError, DiskError */
  file(path: string): MemoryFile {
    const { folder, name } = this.locate(path)
    const entry = folder.live.get(name)
    if (entry === undefined || !('file' in entry)) throw new FileMissingError({ path })
    return entry.file
  }

  /** Every file with its path, sorted by path. */
  files(): [string, MemoryFile][] {
    const files: [string, MemoryFile][] = []
    const visit = (folder: FolderNode, prefix: string) => {
      for (const [name, entry] of folder.live) {
        if ('file' in entry) files.push([prefix + name, entry.file])
        else visit(entry.folder, `${prefix}${name}/`)
      }
    }
    visit(this.#root, '')
    return files.sort(([one], [other]) => (one < other ? -1 : 1))
  }

  /** Makes the names of one folder durable, with whatever they depend on. */
  sync(folder: FolderNode): void {
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

  /** Power cut: each unsynced change remains with probability `chance`, unless it needs one that is lost. */
  crash(random: Random, chance: number): void {
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

  /** The root folder. */
  get root(): FolderNode {
    return this.#root
  }

  #change(changes: NameChange[], after?: PendingChange): PendingChange {
    for (const { folder, name, entry } of changes) {
      if (entry === undefined) folder.live.delete(name)
      else folder.live.set(name, entry)
    }
    const pending: PendingChange = after === undefined ? { changes } : { changes, after }
    this.#pending.push(pending)
    if (this.#pending.length > PENDING_CHANGES_MAX) {
      for (const old of this.#pending.splice(0, PENDING_CHANGES_MAX / 2)) makeDurable(old)
    }
    return pending
  }
}

function newFolder(): FolderNode {
  return { live: new Map(), durable: new Map() }
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
