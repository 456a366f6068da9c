import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Where files lie in memory. */
export const MEMORY_FOLDER = '/dev/shm'
const WRITE_BYTES = 1024 * 1024
/** What may be written for each byte of a sample: a store, a file, and what lies in sockets. */
const WRITTEN_FACTOR = 3

/**
 * Free memory that the machine has at hand. A virtual machine gives its host back what was free for some seconds, and
 * the first write to such a page costs five times as much as another: whoever is measured next would pay for it. So
 * it is held by a file until the contenders are ready, and let go of as they begin.
 */
export class WarmMemory {
  readonly #file: string
  #isHeld = false

  /**
   * Does nothing where files do not lie in memory.
   * @param sampleBytes what is to be moved or taken in.
   */
  constructor(folder: string, sampleBytes: number) {
    this.#file = join(folder, 'warm-memory')
    if (!folder.startsWith(MEMORY_FOLDER)) return
    this.#isHeld = true
    const handle = openSync(this.#file, 'w')
    // Not zeros: those a host may keep once for all.
    const bytes = Buffer.alloc(WRITE_BYTES, 0xa5)
    for (let at = 0; at < WRITTEN_FACTOR * sampleBytes; at += WRITE_BYTES) writeSync(handle, bytes)
    closeSync(handle)
  }

  /** May be called again. */
  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    rmSync(this.#file)
  }
}
