import type { FileHandle } from 'node:fs/promises'

/** Short pieces are written together. */
const WRITE_BYTES = 1024 * 1024
/** Written bytes are made durable in steps of this size, so that the end does not take long. */
const SYNC_BYTES = 64 * 1024 * 1024

/**
 * A file that grows at its end. While one part of it is written and an earlier one made durable, the next is gathered;
 * what fails then is thrown by the next call. It keeps two parts in memory, for a short file short ones.
 */
export class AppendedFile {
  readonly #file: FileHandle
  #gathering: Buffer
  #spare: Buffer
  #gatheredBytes = 0
  #unsyncedBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #syncing: Promise<void> = Promise.resolve()

  /**
   * @param file Open for appending; it is closed with this.
   * @param sizeBytes About how much will be appended.
   */
  constructor(file: FileHandle, sizeBytes: number) {
    const partBytes = Math.min(Math.max(sizeBytes, 1), WRITE_BYTES)
    this.#file = file
    this.#gathering = Buffer.allocUnsafeSlow(partBytes)
    this.#spare = Buffer.allocUnsafeSlow(partBytes)
  }

  /** Takes a copy of a piece. @throws a system error of this write or of one before */
  async append(piece: Uint8Array): Promise<void> {
    for (let start = 0; start < piece.byteLength; ) {
      const part = piece.subarray(start, start + this.#gathering.byteLength - this.#gatheredBytes)
      this.#gathering.set(part, this.#gatheredBytes)
      this.#gatheredBytes += part.byteLength
      start += part.byteLength
      if (this.#gatheredBytes === this.#gathering.byteLength) await this.#write()
    }
  }

  /** Everything is written and durable when this resolves. @throws a system error */
  async finish(): Promise<void> {
    await this.#write()
    await this.#writing
    await this.#syncing
    await this.#file.sync()
  }

  /** Writes what is gathered, as far as it goes: a later attempt goes on from there. */
  async close(): Promise<void> {
    try {
      await this.#write()
      await this.#writing
      await this.#syncing
    } catch {
      // Whoever appended has met it, or ends for another reason.
    } finally {
      await this.#file.close()
    }
  }

  async #write(): Promise<void> {
    await this.#writing
    if (this.#gatheredBytes === 0) return
    const bytes = this.#gathering.subarray(0, this.#gatheredBytes)
    ;[this.#gathering, this.#spare] = [this.#spare, this.#gathering]
    this.#gatheredBytes = 0
    this.#writing = writeAll(this.#file, bytes)
    // Thrown by whoever awaits it next; until then it is nobody's.
    this.#writing.catch(() => {})
    this.#unsyncedBytes += bytes.byteLength
    if (this.#unsyncedBytes >= SYNC_BYTES) await this.#sync()
  }

  async #sync(): Promise<void> {
    await this.#syncing
    this.#unsyncedBytes = 0
    this.#syncing = this.#writing.then(() => this.#file.datasync())
    this.#syncing.catch(() => {})
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    written += (await file.write(bytes, written)).bytesWritten
  }
}
