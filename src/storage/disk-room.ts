import type { Disk } from './disk.ts'
import { DiskFullError } from './errors.ts'

/**
 * Room that chunks never take: the index must be able to write when it says that something was deleted, or a
 * full disk could not even be emptied (bytes). An eighth on media so small that this is more.
 */
const RESERVE_BYTES_MAX = 64 * 1024 * 1024
/** So much is written before the disk is asked again: others fill it too (bytes). A quarter of what is left at most. */
const ALLOWANCE_BYTES_MAX = 64 * 1024 * 1024

/** Refuses what would use up a disk to the last byte. */
export class DiskRoom {
  readonly #disk: Disk
  #allowanceBytes = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** To be asked before so many bytes are written at `path`. @throws DiskFullError, DiskError */
  async take(sizeBytes: number, path: string): Promise<void> {
    if (this.#allowanceBytes < sizeBytes) {
      const { freeBytes, totalBytes } = await this.#disk.space()
      const leftBytes = freeBytes - Math.min(RESERVE_BYTES_MAX, Math.floor(totalBytes / 8))
      // Some file systems say nothing about their size.
      if (leftBytes < sizeBytes && totalBytes > 0) throw new DiskFullError({ path })
      this.#allowanceBytes = Math.max(sizeBytes, Math.min(ALLOWANCE_BYTES_MAX, Math.floor(leftBytes / 4)))
    }
    this.#allowanceBytes -= sizeBytes
  }
}
