import { type ContentId, contentIdFromDigest, matchesContentId } from '../core/content-id.ts'
import type { ChunkTable, PackedRow } from './chunk-table.ts'
import type { Disk, DiskFile } from './disk.ts'
import { parentOf } from './disk-path.ts'
import { GroupCommit } from './group-commit.ts'
import {
  encodePackEntries,
  PACK_HEADER_BYTES,
  PACKED_CHUNK_BYTES_MAX,
  packHeader,
  scanPackEntries,
} from './pack-entry.ts'
import { PackReaders } from './pack-readers.ts'

/** A pack takes no more once it is this long (bytes); large enough to spare inodes, small enough to rewrite. */
const PACK_BYTES_MAX = 32 * 1024 * 1024
/** So many chunks share one write, one sync and one index transaction; bounds the write to about 4 MiB. */
const GROUP_CHUNKS_MAX = 256
/** A pack is rewritten when more than half of it is dead, and that is at least this much (bytes). */
const DEAD_BYTES_MIN = 256 * 1024
/** Read at a time when a tail is recovered; more than any entry. */
const RECOVERY_WINDOW_BYTES = 64 * (PACK_HEADER_BYTES + PACKED_CHUNK_BYTES_MAX)
/** Chunks moved at a time while a pack is rewritten. */
const COMPACTION_CHUNKS = 64

/** A chunk that waits to be appended. */
interface Append {
  digest: Uint8Array
  bytes: Uint8Array
  /** Where it stands now, when it is only moved. */
  from?: { pack: number; offset: number }
}

/** Where a chunk's bytes stand. */
interface PackedPlace {
  pack: number
  offset: number
  size: number
}

/** What is known of a pack while the store runs. */
interface PackFacts {
  sizeBytes: number
  liveBytes: number
}

/**
 * Small chunks, appended to pack files. One writer appends a group at a time: write, sync, then rows and the
 * pack's committed length in one transaction. What lies beyond the committed length was never acknowledged.
 */
export class ChunkPacks {
  readonly #disk: Disk
  readonly #table: ChunkTable
  readonly #folder: string
  readonly #packBytesMax: number
  readonly #group: GroupCommit<Append>
  readonly #packs = new Map<number, PackFacts>()
  readonly #readers: PackReaders
  /** The append that runs, if one does; never rejects. */
  #appending: Promise<unknown> = Promise.resolve()
  #current: { number: number; file: DiskFile } | undefined
  #nextNumber = 1

  constructor(parts: { disk: Disk; table: ChunkTable }, options: { folder: string; packBytesMax?: number }) {
    this.#disk = parts.disk
    this.#table = parts.table
    this.#folder = `${options.folder}/packs`
    this.#packBytesMax = options.packBytesMax ?? PACK_BYTES_MAX
    this.#readers = new PackReaders(parts.disk)
    const append = (appends: Append[]) => {
      const run = this.#append(appends)
      this.#appending = run.catch(() => {})
      return run
    }
    this.#group = new GroupCommit(append, { itemsMax: GROUP_CHUNKS_MAX })
  }

  /**
   * Reads the packs' lengths, adopts whole entries beyond the committed length and cuts torn ones off. The chunks
   * of a pack that is gone lose their rows.
   * @returns how many chunks were adopted, and those that stood in packs that are gone.
   */
  async open(): Promise<{ adopted: number; lost: ContentId[] }> {
    await this.#disk.makeFolder(this.#folder)
    // A pack's own sync does not save the name of the folder that it stands in.
    await this.#disk.syncFolder(parentOf(this.#folder))
    const committed = new Map(this.#table.packs().map((pack) => [pack.number, pack]))
    let adopted = 0
    const present = new Set<number>()
    for await (const { name, kind } of this.#disk.list(this.#folder)) {
      const number = kind === 'file' && /^\d{8}\.pack$/.test(name) ? Number(name.slice(0, 8)) : undefined
      if (number !== undefined) present.add(number)
    }
    const lost: ContentId[] = []
    for (const number of committed.keys()) {
      this.#nextNumber = Math.max(this.#nextNumber, number + 1)
      // Before any is adopted: an older index may name a pack that was rewritten into another one.
      if (!present.has(number)) lost.push(...this.#table.forgetPack(number))
    }
    for (const number of present) {
      const { size = 0, liveBytes = 0, liveChunks = 0 } = committed.get(number) ?? {}
      const facts = { sizeBytes: size, liveBytes: liveBytes + liveChunks * PACK_HEADER_BYTES }
      this.#packs.set(number, facts)
      this.#nextNumber = Math.max(this.#nextNumber, number + 1)
      adopted += await this.#recoverTail(number, facts)
    }
    return { adopted, lost }
  }

  /** Resolves when the chunk has its row and survives a power cut. */
  async write(digest: Uint8Array, bytes: Uint8Array): Promise<void> {
    await this.#group.add({ digest, bytes })
  }

  /** The bytes at a place, unverified, and whether what stands before them would let them be found without a row. */
  async read(
    digest: Uint8Array,
    { pack, offset, size }: PackedPlace,
  ): Promise<{ bytes: Uint8Array; isFindable: boolean }> {
    const length = PACK_HEADER_BYTES + size
    const entry = await this.#readers.read(this.#pathOf(pack), offset - PACK_HEADER_BYTES, length)
    const isFindable = packHeader(digest, size).equals(entry.subarray(0, PACK_HEADER_BYTES))
    return { bytes: entry.subarray(PACK_HEADER_BYTES), isFindable }
  }

  /** Writes a chunk anew whose bytes are whole and whose header is not. */
  async rewrite(digest: Uint8Array, bytes: Uint8Array, { pack, offset }: PackedPlace): Promise<void> {
    await this.#group.add({ digest, bytes, from: { pack, offset } })
  }

  /** To be told when a chunk's row was removed. */
  noteRemoved(pack: number, size: number): void {
    const facts = this.#packs.get(pack)
    if (facts !== undefined) facts.liveBytes -= size + PACK_HEADER_BYTES
  }

  /** Whether some pack is worth rewriting. */
  get needsCompaction(): boolean {
    return this.#wasteful() !== undefined
  }

  /**
   * Rewrites packs that are mostly dead, until none is or `isStopped`.
   * @param onDamaged told of each chunk that turned out damaged; its row is gone.
   */
  async compact(isStopped: () => boolean, onDamaged: (id: ContentId, size: number) => void): Promise<void> {
    for (let number = this.#wasteful(); number !== undefined && !isStopped(); number = this.#wasteful()) {
      if (number === this.#current?.number) await this.#sealBetweenAppends()
      for (;;) {
        const rows = this.#table.packed(number, COMPACTION_CHUNKS)
        if (rows.length === 0 || isStopped()) break
        const moves = await Promise.allSettled(rows.map((row) => this.#move(number, row, onDamaged)))
        const failed = moves.find((move) => move.status === 'rejected')
        if (failed !== undefined) throw failed.reason
      }
      if (isStopped()) break
      this.#table.deletePack(number)
      this.#packs.delete(number)
      await this.#readers.forget(this.#pathOf(number))
      await this.#disk.remove(this.#pathOf(number))
    }
  }

  /** Bytes that the packs occupy. */
  get diskBytes(): number {
    let sum = 0
    for (const { sizeBytes } of this.#packs.values()) sum += Math.ceil(sizeBytes / 4096) * 4096
    return sum
  }

  async close(): Promise<void> {
    await this.#sealBetweenAppends()
    await this.#readers.close()
  }

  async #move(
    pack: number,
    { digest, offset, size }: PackedRow,
    onDamaged: (id: ContentId, size: number) => void,
  ): Promise<void> {
    const id = contentIdFromDigest(digest)
    const place = { pack, offset, size }
    let { bytes } = await this.read(digest, place)
    if (!matchesContentId(bytes, id)) bytes = (await this.read(digest, place)).bytes
    if (matchesContentId(bytes, id)) {
      await this.#group.add({ digest, bytes, from: { pack, offset } })
    } else if (this.#table.delete(digest) !== undefined) {
      this.noteRemoved(pack, size)
      onDamaged(id, size)
    }
  }

  async #append(appends: Append[]): Promise<void> {
    const { number, file } = await this.#openCurrent()
    const facts = this.#packs.get(number) as PackFacts
    const bytes = encodePackEntries(appends)
    try {
      await file.write(facts.sizeBytes, bytes)
      await file.sync()
    } catch (error) {
      // After a failed sync nobody knows what reached the medium: this pack takes nothing more.
      await this.#seal()
      throw error
    }
    let offset = facts.sizeBytes
    let liveBytes = 0
    const freed: { pack: number; size: number }[] = []
    this.#table.transaction(() => {
      for (const append of appends) {
        const size = append.bytes.byteLength
        const place = { pack: number, offset: offset + PACK_HEADER_BYTES }
        offset += PACK_HEADER_BYTES + size
        const isLive =
          append.from === undefined
            ? this.#table.insert(append.digest, { size, ...place })
            : this.#table.move(append.digest, append.from, place)
        if (isLive) liveBytes += PACK_HEADER_BYTES + size
        if (isLive && append.from !== undefined) freed.push({ pack: append.from.pack, size })
      }
      this.#table.setPackSize(number, offset)
    })
    facts.sizeBytes = offset
    facts.liveBytes += liveBytes
    for (const { pack, size } of freed) this.noteRemoved(pack, size)
  }

  async #openCurrent(): Promise<{ number: number; file: DiskFile }> {
    if (this.#current !== undefined) {
      const { sizeBytes } = this.#packs.get(this.#current.number) as PackFacts
      if (sizeBytes < this.#packBytesMax) return this.#current
      await this.#seal()
    }
    const number = this.#nextNumber++
    const file = await this.#disk.open(this.#pathOf(number), 'create')
    try {
      await this.#disk.syncFolder(this.#folder)
    } catch (error) {
      await file.close()
      throw error
    }
    this.#packs.set(number, { sizeBytes: 0, liveBytes: 0 })
    this.#current = { number, file }
    return this.#current
  }

  /** For whoever is not the append itself: one that runs writes and syncs the file that would be closed. */
  async #sealBetweenAppends(): Promise<void> {
    const current = this.#current
    this.#current = undefined
    await this.#appending
    await current?.file.close()
  }

  async #seal(): Promise<void> {
    const current = this.#current
    this.#current = undefined
    await current?.file.close()
  }

  async #recoverTail(number: number, facts: PackFacts): Promise<number> {
    const path = this.#pathOf(number)
    const actual = (await this.#disk.sizeOf(path)) as number
    if (actual <= facts.sizeBytes) return 0
    const file = await this.#disk.open(path, 'update')
    let adopted = 0
    let at = facts.sizeBytes
    try {
      for (;;) {
        // In windows, so that a foreign file of any length costs no more than this.
        const bytes = await file.read(at, RECOVERY_WINDOW_BYTES)
        const { entries, end } = scanPackEntries(bytes, at)
        if (entries.length > 0) {
          // Seen is not durable: only the process may have died.
          await file.sync()
          await this.#disk.syncFolder(this.#folder)
          this.#table.transaction(() => {
            for (const { digest, offset, size } of entries) {
              if (!this.#table.insert(digest, { size, pack: number, offset })) continue
              adopted++
              facts.liveBytes += PACK_HEADER_BYTES + size
            }
            this.#table.setPackSize(number, end)
          })
          facts.sizeBytes = end
        }
        if (at + bytes.byteLength >= actual) break
        // What follows damage may be whole: with a lost index a pack is all tail. Half a window, so that no entry
        // is missed that begins before the window's end.
        at = entries.length > 0 ? end : at + RECOVERY_WINDOW_BYTES / 2
      }
      await file.truncate(facts.sizeBytes)
      await file.sync()
    } finally {
      await file.close()
    }
    return adopted
  }

  #wasteful(): number | undefined {
    for (const [number, { sizeBytes, liveBytes }] of this.#packs) {
      const deadBytes = sizeBytes - liveBytes
      if (deadBytes >= DEAD_BYTES_MIN && deadBytes * 2 > sizeBytes) return number
    }
    return undefined
  }

  #pathOf(number: number): string {
    return `${this.#folder}/${String(number).padStart(8, '0')}.pack`
  }
}
