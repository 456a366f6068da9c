import type { ChunkTable } from './chunk-table.ts'
import type { Disk } from './disk.ts'
import { ChunkFolderMissingError } from './errors.ts'

/** Stands in the folder of a store; when it is gone, the medium is, and no chunk is to blame. */
const MARKER_FILE = 'kizuna-chunks'
const MARKER_TEXT = 'Kizuna keeps chunks in this folder. Without this file it takes the disk for absent.\n'

/** The folder of a chunk store, which may be on a disk that is not always there. */
export class ChunkFolder {
  readonly #disk: Disk
  readonly #table: ChunkTable
  readonly #folder: string

  constructor(parts: { disk: Disk; table: ChunkTable }, options: { folder: string }) {
    this.#disk = parts.disk
    this.#table = parts.table
    this.#folder = options.folder
  }

  /**
   * Makes the folder at the first use, so that its name survives a power cut.
   * @throws ChunkFolderMissingError when it was used before and is not there.
   */
  async open(): Promise<void> {
    const isThere = await this.isThere()
    if (!isThere && this.#table.wasMarked()) {
      throw new ChunkFolderMissingError({ folder: this.#folder, marker: MARKER_FILE })
    }
    await this.#disk.makeFolder(this.#folder)
    const parts = this.#folder.split('/')
    for (let depth = 0; depth < parts.length; depth++) {
      await this.#disk.syncFolder(parts.slice(0, depth).join('/'))
    }
    if (!isThere) await this.#disk.writeFile(this.#markerPath, Buffer.from(MARKER_TEXT))
    this.#table.setMarked()
  }

  async isThere(): Promise<boolean> {
    return (await this.#disk.sizeOf(this.#markerPath)) !== undefined
  }

  get #markerPath(): string {
    return `${this.#folder}/${MARKER_FILE}`
  }
}
