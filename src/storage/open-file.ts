import { close, fdatasync, fstat, ftruncate, type OpenMode, open, read, write } from 'node:fs'
import type { DiskFile } from './disk.ts'
import { call } from './disk-call.ts'

/** A file of the real file system. */
export class OpenFile implements DiskFile {
  readonly #path: string
  #handle: number | undefined

  constructor(handle: number, path: string) {
    this.#handle = handle
    this.#path = path
  }

  async read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    // Memory of its own, not of the shared pool: chunks are kept and handed on.
    const bytes = into ?? Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      const count = await call<number>(this.#path, 'read', (done) =>
        read(this.#opened(), bytes, filled, length - filled, position + filled, done),
      )
      if (count === 0) break
      filled += count
    }
    return bytes.subarray(0, filled)
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    let written = 0
    while (written < bytes.byteLength) {
      written += await call<number>(this.#path, 'write', (done) =>
        write(this.#opened(), bytes, written, bytes.byteLength - written, position + written, done),
      )
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return call(this.#path, 'truncate', (done) => ftruncate(this.#opened(), sizeBytes, done))
  }

  sync(): Promise<void> {
    return call(this.#path, 'sync', (done) => fdatasync(this.#opened(), done))
  }

  async sizeBytes(): Promise<number> {
    const facts = await call<{ size: number }>(this.#path, 'measure', (done) => fstat(this.#opened(), done))
    return facts.size
  }

  async close(): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    await call(this.#path, 'close', (done) => close(handle, done))
  }

  #opened(): number {
    if (this.#handle !== undefined) return this.#handle
    throw Object.assign(new Error('the file was closed'), { code: 'EBADF' })
  }
}

/** A handle of the file at `full`, in errors called `path`. */
export function openFile(full: string, flags: OpenMode, mode: number, path: string): Promise<number> {
  return call(path, 'open', (done) => open(full, flags, mode, done))
}
