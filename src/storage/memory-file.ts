import type { Random } from '../core/random.ts'

/** What a medium writes in one piece; a torn write tears between sectors. */
const SECTOR_BYTES = 512

/** An unsynced write or truncation, with what is needed to take it back. */
interface PendingWrite {
  position: number
  /** Undefined for a truncation. */
  bytes: Uint8Array | undefined
  sizeAfter: number
  /** The bytes that stood from `position` on before. */
  before: Uint8Array
  sizeBefore: number
}

/** A file of the memory disk: its bytes, and a log that can take back what was not synced. */
export class MemoryFile {
  #bytes: Uint8Array = new Uint8Array(0)
  #sizeBytes = 0
  #pending: PendingWrite[] = []

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** A copy of at most `length` bytes from `position`. */
  read(position: number, length: number): Uint8Array {
    return this.#bytes.slice(
      Math.min(position, this.#sizeBytes),
      Math.min(position + length, this.#sizeBytes),
    )
  }

  /** Writes and returns by how many bytes the file grew. */
  write(position: number, bytes: Uint8Array): number {
    if (bytes.byteLength === 0) return 0
    const sizeBefore = this.#sizeBytes
    const sizeAfter = Math.max(sizeBefore, position + bytes.byteLength)
    const copy = bytes.slice()
    const before = this.read(position, bytes.byteLength)
    this.#pending.push({ position, bytes: copy, sizeAfter, before, sizeBefore })
    this.#put(position, copy, sizeAfter)
    return sizeAfter - sizeBefore
  }

  /** Cuts or extends with zeros; returns the change of size. */
  truncate(sizeBytes: number): number {
    const sizeBefore = this.#sizeBytes
    const before = this.read(sizeBytes, sizeBefore)
    this.#pending.push({ position: sizeBytes, bytes: undefined, sizeAfter: sizeBytes, before, sizeBefore })
    this.#resize(sizeBytes)
    return sizeBytes - sizeBefore
  }

  sync(): void {
    this.#pending = []
  }

  /** Keeps each unsynced sector with probability `chance`, on top of what was synced. */
  crash(random: Random, chance: number): void {
    const pending = this.#pending
    this.#pending = []
    for (const write of pending.toReversed()) {
      this.#put(write.position, write.before, Math.max(write.sizeBefore, this.#sizeBytes))
      this.#resize(write.sizeBefore)
    }
    for (const write of pending) {
      if (write.bytes === undefined) {
        if (random.fraction() < chance) this.#resize(write.sizeAfter)
        continue
      }
      // The new length may reach the medium before the bytes do; then zeros stand there.
      if (random.fraction() < chance) this.#resize(Math.max(this.#sizeBytes, write.sizeAfter))
      for (let from = 0; from < write.bytes.byteLength; ) {
        const position = write.position + from
        const to = Math.min(write.bytes.byteLength, from + SECTOR_BYTES - (position % SECTOR_BYTES))
        if (random.fraction() < chance) {
          const sector = write.bytes.subarray(from, to)
          this.#put(position, sector, Math.max(this.#sizeBytes, position + sector.byteLength))
        }
        from = to
      }
    }
  }

  /** Turns one bit over, in memory and on the medium alike. */
  flipBit(bitOffset: number): void {
    const at = Math.floor(bitOffset / 8)
    if (at >= this.#sizeBytes) throw new RangeError(`the file has ${this.#sizeBytes} bytes`)
    this.#bytes[at] = (this.#bytes[at] as number) ^ (1 << (bitOffset % 8))
  }

  #put(position: number, bytes: Uint8Array, sizeAfter: number): void {
    this.#resize(sizeAfter)
    this.#bytes.set(bytes, position)
  }

  #resize(sizeBytes: number): void {
    if (sizeBytes > this.#bytes.byteLength) {
      // Exact the first time, since most files are written once; doubled when a file grows again.
      const room = this.#bytes.byteLength === 0 ? sizeBytes : Math.max(sizeBytes, this.#bytes.byteLength * 2)
      const larger = new Uint8Array(room)
      larger.set(this.#bytes.subarray(0, this.#sizeBytes))
      this.#bytes = larger
    }
    if (sizeBytes < this.#sizeBytes) this.#bytes.fill(0, sizeBytes, this.#sizeBytes)
    this.#sizeBytes = sizeBytes
  }
}
