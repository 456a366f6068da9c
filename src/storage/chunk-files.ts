import type { Clock } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf, parseContentId } from '../core/content-id.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { ChunkRow, ChunkTable } from './chunk-table.ts'
import type { Disk } from './disk.ts'
import { GroupCommit } from './group-commit.ts'

/** So many chunks share one set of folder syncs and one index transaction. */
const GROUP_CHUNKS_MAX = 256
/** A folder takes a block of the medium (bytes). */
const FOLDER_BYTES = 4096
/** Damaged files kept aside for a look; more are deleted. */
const DAMAGED_FILES_MAX = 32

/** A change that waits for its group. */
type FileChange =
  | { kind: 'stored'; digest: Uint8Array; size: number; folder: string }
  | { kind: 'removed'; digest: Uint8Array; row?: ChunkRow | undefined }

/**
 * Chunks with a file each, in 1,024 folders named by two characters of the id (so a million chunks make about
 * a thousand names per folder). Written as temporary file, sync, rename, folder sync, index row — in this order,
 * so that whatever has a row is durable.
 */
export class ChunkFiles {
  readonly #disk: Disk
  readonly #table: ChunkTable
  readonly #folder: string
  readonly #group: GroupCommit<FileChange>
  /** Fan-out folders whose own name is durable. */
  readonly #folders = new Set<string>()
  /** True when something could not be removed, so that the next start must look for it. */
  hasLeftovers = false
  #temporaryCount = 0
  #damagedCount = 0
  /** Files on their way to their group. */
  #writing = 0

  constructor(parts: { disk: Disk; table: ChunkTable; clock: Clock }, options: { folder: string }) {
    this.#disk = parts.disk
    this.#table = parts.table
    this.#folder = options.folder
    const gathering = { clock: parts.clock, isMore: () => this.#writing > 0 }
    this.#group = new GroupCommit((changes) => this.#commit(changes), {
      itemsMax: GROUP_CHUNKS_MAX,
      gathering,
    })
  }

  /** Makes the folders and removes what an interrupted write left. */
  async open(): Promise<void> {
    for (const name of ['tmp', 'damaged']) await this.#disk.makeFolder(`${this.#folder}/${name}`)
    for await (const { name, kind } of this.#disk.list(`${this.#folder}/tmp`)) {
      if (kind === 'file') await this.#disk.remove(`${this.#folder}/tmp/${name}`)
    }
    for await (const { kind } of this.#disk.list(`${this.#folder}/damaged`)) {
      if (kind === 'file') this.#damagedCount++
    }
    for await (const { name, kind } of this.#disk.list(this.#folder)) {
      if (kind === 'folder' && name.length === 2) this.#folders.add(name)
    }
    // A folder seen here may still wait for its sync if only our process died.
    await this.#disk.syncFolder(this.#folder)
  }

  /** Resolves when the chunk has its row and survives a power cut. */
  async write(id: ContentId, digest: Uint8Array, bytes: Uint8Array): Promise<void> {
    const folder = folderOf(id)
    const temporary = `${this.#folder}/tmp/${id}.${this.#temporaryCount++}`
    const target = this.pathOf(id)
    try {
      this.#writing++
      try {
        await this.#writeFile(temporary, bytes)
        if (!this.#folders.has(folder)) await this.#disk.makeFolder(`${this.#folder}/${folder}`)
        await this.#disk.rename(temporary, target)
      } finally {
        this.#writing--
        this.#group.lookAgain()
      }
      await this.#group.add({ kind: 'stored', digest, size: bytes.byteLength, folder })
    } catch (error) {
      await this.#removeQuietly(temporary)
      await this.#removeQuietly(target)
      throw error
    }
  }

  async #writeFile(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(path, 'create')
    try {
      await file.write(0, bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** The bytes on disk, maybe put into `into`; unverified, and shorter than `size` when the file is. */
  async read(id: ContentId, size: number, into?: Uint8Array): Promise<Uint8Array> {
    const file = await this.#disk.open(this.pathOf(id), 'read')
    try {
      return await file.read(0, size, into)
    } finally {
      await file.close()
    }
  }

  /**
   * Forgets a chunk's row, and its file when it has one of its own; the bytes of a packed chunk go with the
   * next compaction. The row goes first: a crash in between leaves a file too many, never a promise too many.
   * @param damaged keep the file aside for a look, if there is room.
   * @returns the row that was there.
   */
  async remove(id: ContentId, digest: Uint8Array, damaged: boolean): Promise<ChunkRow | undefined> {
    const change: FileChange = { kind: 'removed', digest }
    await this.#group.add(change)
    if (change.row?.pack === null)
      await (damaged ? this.#moveAside(id) : this.#removeQuietly(this.pathOf(id)))
    return change.row
  }

  /**
   * Makes rows and files agree after a crash: a whole file without a row gets one (it was renamed into place
   * after its sync), a row without a file loses it. Reads names only.
   * @returns the ids whose files are gone.
   */
  async reconcile(): Promise<{ adopted: number; lost: ContentId[] }> {
    let adopted = 0
    let matched = 0
    for (const folder of this.#folders) {
      const found: { digest: Uint8Array; size: number }[] = []
      for await (const { name, kind } of this.#disk.list(`${this.#folder}/${folder}`)) {
        const id = kind === 'file' ? idOfName(name, folder) : undefined
        if (id === undefined) continue
        const digest = digestOf(id)
        const row = this.#table.find(digest)
        if (row?.pack === null) matched++
        else if (row === undefined) {
          const size = (await this.#disk.sizeOf(this.pathOf(id))) ?? 0
          if (size > CHUNK_BYTES_MAX) await this.#moveAside(id)
          else found.push({ digest, size })
        } else await this.#removeQuietly(this.pathOf(id))
      }
      if (found.length === 0) continue
      await this.#disk.syncFolder(`${this.#folder}/${folder}`)
      this.#table.transaction(() => {
        for (const { digest, size } of found) this.#table.insert(digest, { size, pack: null, offset: null })
      })
      adopted += found.length
    }
    const lost = matched + adopted < this.#table.totals().files ? await this.#forgetLost() : []
    return { adopted, lost }
  }

  /** What the fan-out folders themselves take on the disk. */
  get folderBytes(): number {
    return this.#folders.size * FOLDER_BYTES
  }

  /** Where the chunk's file is, on the disk. */
  pathOf(id: ContentId): string {
    return `${this.#folder}/${folderOf(id)}/${id}`
  }

  async #forgetLost(): Promise<ContentId[]> {
    const lost: ContentId[] = []
    for (const page of this.#table.files()) {
      for (const { digest } of page) {
        const id = contentIdFromDigest(digest)
        if ((await this.#disk.sizeOf(this.pathOf(id))) === undefined) lost.push(id)
      }
    }
    this.#table.transaction(() => {
      for (const id of lost) this.#table.delete(digestOf(id))
    })
    return lost
  }

  async #commit(changes: FileChange[]): Promise<void> {
    const folders = new Set<string>()
    for (const change of changes) if (change.kind === 'stored') folders.add(change.folder)
    const isNew = [...folders].some((folder) => !this.#folders.has(folder))
    await Promise.all([
      ...[...folders].map((folder) => this.#disk.syncFolder(`${this.#folder}/${folder}`)),
      ...(isNew ? [this.#disk.syncFolder(this.#folder)] : []),
    ])
    for (const folder of folders) this.#folders.add(folder)
    this.#table.transaction(() => {
      for (const change of changes) {
        if (change.kind === 'removed') change.row = this.#table.delete(change.digest)
        else this.#table.insert(change.digest, { size: change.size, pack: null, offset: null })
      }
    })
  }

  async #moveAside(id: ContentId): Promise<void> {
    if (this.#damagedCount >= DAMAGED_FILES_MAX) return this.#removeQuietly(this.pathOf(id))
    this.#damagedCount++
    // The file may be what is missing.
    await this.#disk.rename(this.pathOf(id), `${this.#folder}/damaged/${id}`).catch(() => {})
  }

  /** A file that cannot be removed now has no row; the next start looks for it. */
  async #removeQuietly(path: string): Promise<void> {
    await this.#disk.remove(path).catch(() => {
      this.hasLeftovers = true
    })
  }
}

/** The two characters before the last: the last one carries three bits only. */
function folderOf(id: ContentId): string {
  return id.slice(-3, -1)
}

function idOfName(name: string, folder: string): ContentId | undefined {
  try {
    const id = parseContentId(name)
    return id === name && folderOf(id) === folder ? id : undefined
  } catch {
    return undefined
  }
}
