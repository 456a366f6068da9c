/**
 * What storage on one machine should do, in a few lines without disk or database: chunks, pins, leases, quota and
 * garbage collection as plain maps. Chunks are numbers here. After a crash or a refused call the model does not
 * know whether a chunk is there; it then learns from the first answer, and holds the subject to it from then on.
 */

export interface ModelChunk {
  sizeBytes: number
}

/** A pin by root and owner. */
interface ModelPin {
  root: number
  owner: string
  chunks: Set<number>
  expiresAt: number | undefined
}

/** Charged per chunk beside its bytes; of chunks too long for packs, whole blocks. */
const CHARGE_BYTES = 640
const PACKED_BYTES_MAX = 16_384

export interface ModelLimits {
  graceMs: number
  sizeBytesMax: number
  chunksMax: number
}

export class StorageModel {
  readonly #chunks: readonly ModelChunk[]
  readonly #held = new Set<number>()
  readonly #unknown = new Set<number>()
  /** Deleted since the last crash: the medium may have kept their files. */
  readonly #deleted = new Set<number>()
  readonly #refused = new Set<number>()
  #pins: ModelPin[] = []
  #leases = new Map<number, Set<number>>()
  readonly #marks = new Map<number, number>()
  readonly #limits: ModelLimits
  now = 0

  constructor(chunks: readonly ModelChunk[], limits: ModelLimits) {
    this.#chunks = chunks
    this.#limits = limits
  }

  /** Whether the chunk is held; undefined when the model cannot know. */
  has(chunk: number): boolean | undefined {
    return this.#unknown.has(chunk) ? undefined : this.#held.has(chunk)
  }

  /** The subject said so when the model did not know. */
  learn(chunk: number, isHeld: boolean): void {
    if (!this.#unknown.delete(chunk)) return
    if (isHeld) this.#held.add(chunk)
    else {
      this.#held.delete(chunk)
      // A call that was refused halfway may have left its bytes, which the next start finds.
      this.#refused.add(chunk)
    }
  }

  /** A call about this chunk did not end well. */
  doubt(chunk: number): void {
    this.#unknown.add(chunk)
  }

  get doubted(): number[] {
    return [...this.#unknown]
  }

  get held(): number[] {
    return [...this.#held].filter((chunk) => !this.#unknown.has(chunk)).sort((a, b) => a - b)
  }

  get sizeBytes(): number {
    return this.held.reduce((sum, chunk) => sum + this.#sizeOf(chunk), 0)
  }

  /**
   * What a put must do. `full` when only the disk's own use is in the way, which a rewritten pack may lower meanwhile.
   * @param diskBytes what the subject says that it takes on its disk.
   */
  mayPut(chunk: number, diskBytes: number): 'known' | 'stored' | 'refused' | 'full' {
    if (this.has(chunk) === true) return 'known'
    const size = this.#sizeOf(chunk)
    const charge = (size > PACKED_BYTES_MAX ? Math.ceil(size / 4096) * 4096 : size) + CHARGE_BYTES
    const { sizeBytesMax, chunksMax } = this.#limits
    const live = this.sizeBytes + this.#held.size * CHARGE_BYTES
    if (this.held.length + 1 > chunksMax || live + charge > sizeBytesMax) return 'refused'
    return diskBytes + charge > sizeBytesMax ? 'full' : 'stored'
  }

  put(chunk: number): void {
    this.#unknown.delete(chunk)
    this.#held.add(chunk)
    this.noteStored(chunk)
  }

  /** Asking to store a chunk begins its grace anew, whatever comes of it. */
  noteStored(chunk: number): void {
    this.#marks.delete(chunk)
  }

  remove(chunk: number): boolean {
    this.#unknown.delete(chunk)
    this.#deleted.add(chunk)
    return this.#held.delete(chunk)
  }

  pin(root: number, owner: string, chunks: readonly number[], expiresAt: number | undefined): void {
    const pin = this.#pins.find((one) => one.root === root && one.owner === owner)
    if (pin === undefined) this.#pins.push({ root, owner, chunks: new Set(chunks), expiresAt })
    else {
      pin.expiresAt = expiresAt
      for (const chunk of chunks) pin.chunks.add(chunk)
    }
  }

  unpin(root: number, owner: string): boolean {
    const count = this.#pins.length
    this.#pins = this.#pins.filter((pin) => pin.root !== root || pin.owner !== owner)
    return this.#pins.length < count
  }

  isPinned(chunk: number): boolean {
    return this.#live().some((pin) => pin.chunks.has(chunk))
  }

  /** The live pins as words, sorted. */
  get pins(): string[] {
    return this.#live()
      .map(({ root, owner, expiresAt }) => `${root} ${owner} ${expiresAt ?? 'never'}`)
      .sort()
  }

  get pinnedChunks(): number[] {
    return [...new Set(this.#live().flatMap((pin) => [...pin.chunks]))].sort((a, b) => a - b)
  }

  lease(holder: number, chunks: readonly number[]): void {
    this.#leases.set(holder, new Set([...(this.#leases.get(holder) ?? []), ...chunks]))
  }

  release(holder: number): void {
    this.#leases.delete(holder)
  }

  isLeased(chunk: number): boolean {
    return [...this.#leases.values()].some((chunks) => chunks.has(chunk))
  }

  /** Chunks that a collection now takes; the rest of the garbage is marked. A dry run changes nothing. */
  collect(dryRun: boolean): number[] {
    const due: number[] = []
    if (!dryRun) this.#pins = this.#live()
    for (const chunk of this.held) {
      if (this.isPinned(chunk) || this.isLeased(chunk)) {
        if (!dryRun) this.#marks.delete(chunk)
        continue
      }
      const since = this.#marks.get(chunk)
      if (since !== undefined && this.now - since >= this.#limits.graceMs) due.push(chunk)
      else if (since === undefined && !dryRun) this.#marks.set(chunk, this.now)
    }
    if (dryRun) return due
    for (const chunk of this.#marks.keys()) if (!this.#held.has(chunk)) this.#marks.delete(chunk)
    for (const chunk of due) {
      this.remove(chunk)
      this.#marks.delete(chunk)
    }
    return due
  }

  /** Power cut: leases die with the process; what was deleted may be back. */
  crash(): void {
    this.#leases = new Map()
    this.#mayBeBack(this.#deleted)
    this.#mayBeBack(this.#refused)
  }

  /** @param leavings whether the disk refused to remove something since the last start. */
  restart({ leavings }: { leavings: boolean }): void {
    this.#leases = new Map()
    this.#mayBeBack(this.#refused)
    if (leavings) this.#mayBeBack(this.#deleted)
  }

  #mayBeBack(chunks: Set<number>): void {
    for (const chunk of chunks) if (!this.#held.has(chunk)) this.#unknown.add(chunk)
    chunks.clear()
  }

  #live(): ModelPin[] {
    return this.#pins.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > this.now)
  }

  #sizeOf(chunk: number): number {
    return this.#chunks[chunk]?.sizeBytes ?? 0
  }
}
