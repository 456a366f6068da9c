import type { Disk, DiskFile } from './disk.ts'

/** Packs open for reading at once; a store of a million small chunks has some hundreds of packs. */
const OPEN_MAX = 8
/** Reads after which a pack is opened anew, so that one that was taken away is noticed. */
const READS_MAX = 64

/** One open pack. */
interface Reader {
  file: Promise<DiskFile>
  /** Reads that it was given so far, and those that are not over. */
  reads: number
  running: number
  /** Nobody gets it any more; it is closed when its last read is over. */
  isRetired: boolean
}

/** A few packs that stay open between reads: for small chunks opening and closing takes longer than reading. */
export class PackReaders {
  readonly #disk: Disk
  /** By path; the one used last comes last. */
  readonly #readers = new Map<string, Reader>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** At most `length` bytes from `position`. A pack whose read fails is opened anew for the next. */
  read(path: string, position: number, length: number): Promise<Uint8Array> {
    const reader = this.#take(path)
    return reader.file
      .then((file) => file.read(position, length))
      .catch((error) => {
        this.#retire(path, reader)
        throw error
      })
      .finally(async () => {
        reader.running--
        if (reader.isRetired) await closeIfIdle(reader)
      })
  }

  /** Lets go of one pack, before it is removed. */
  async forget(path: string): Promise<void> {
    const reader = this.#readers.get(path)
    if (reader === undefined) return
    this.#retire(path, reader)
    await closeIfIdle(reader)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers.keys()].map((path) => this.forget(path)))
  }

  #take(path: string): Reader {
    let reader = this.#readers.get(path)
    if (reader !== undefined && reader.reads >= READS_MAX) {
      this.#retire(path, reader)
      // Closed by its last read, if there is one.
      void closeIfIdle(reader)
      reader = undefined
    }
    reader ??= { file: this.#disk.open(path, 'read'), reads: 0, running: 0, isRetired: false }
    this.#readers.delete(path)
    this.#readers.set(path, reader)
    reader.reads++
    reader.running++
    const [oldest] = this.#readers
    if (this.#readers.size > OPEN_MAX && oldest !== undefined) {
      this.#retire(...oldest)
      void closeIfIdle(oldest[1])
    }
    return reader
  }

  #retire(path: string, reader: Reader): void {
    reader.isRetired = true
    if (this.#readers.get(path) === reader) this.#readers.delete(path)
  }
}

/** What was only read loses nothing when closing it fails. */
async function closeIfIdle(reader: Reader): Promise<void> {
  if (reader.running > 0) return
  await reader.file.then((file) => file.close()).catch(() => {})
}
