import type { Timer } from '../../core/clock.ts'
import type { Services } from '../../node/services.ts'
import {
  BodyTooLargeError,
  NoRoomForUploadError,
  TooManyStreamsError,
  UploadBusyError,
  UploadNotFoundError,
  UploadOffsetError,
  UploadUnfinishedError,
} from './errors.ts'

/** Largest upload; a typing error should not reserve the disk. */
export const UPLOAD_BYTES_MAX = 4 * 1024 ** 4
/** Uploads that may be under way at once, finished and not yet shared ones included. */
const UPLOADS_MAX = 256
/** An upload that nobody touched for this long is removed. */
const LIFETIME_MS = 24 * 3_600_000
const SWEEP_INTERVAL_MS = 15 * 60_000
/** After a crash at most this much must be sent again. */
const SYNC_INTERVAL_BYTES = 16 * 1024 * 1024
const READ_BYTES = 1024 * 1024
const FOLDER = 'uploads'
const MIGRATIONS = [
  `CREATE TABLE upload (
     id TEXT PRIMARY KEY,
     size_bytes INTEGER NOT NULL,
     offset_bytes INTEGER NOT NULL,
     metadata TEXT NOT NULL,
     expires_at INTEGER NOT NULL
   ) STRICT`,
]

/** An upload as it stands. */
export interface Upload {
  id: string
  sizeBytes: number
  /** Bytes that are safe on this disk. */
  offset: number
  /** The `Upload-Metadata` header as it came. */
  metadata: string
  /** `clock.now()` when it is removed. */
  expiresAt: number
}

type UploadStoreParts = Pick<Services, 'disk' | 'index' | 'clock' | 'random' | 'log'>
type DiskFile = Awaited<ReturnType<Services['disk']['open']>>

/**
 * Uploads that go on after an interruption, also of this node: the bytes lie in the data folder, and the offset
 * in the index moves only after they were synced, so that it never promises what a power cut could take.
 */
export class UploadStore {
  readonly #parts: UploadStoreParts
  /** Uploads that a request works on. */
  readonly #busy = new Set<string>()
  #timer: Timer | undefined
  #closed = false

  private constructor(parts: UploadStoreParts) {
    this.#parts = parts
    parts.index.migrate('http uploads', MIGRATIONS)
  }

  /** Opens the uploads of this node and removes what expired or belongs to none. */
  static async open(parts: UploadStoreParts): Promise<UploadStore> {
    const store = new UploadStore(parts)
    await parts.disk.makeFolder(FOLDER)
    await parts.disk.syncFolder('')
    await store.#sweep()
    await store.#removeOrphans()
    store.#schedule()
    return store
  }

  close(): void {
    this.#closed = true
    this.#timer?.stop()
  }

  /** @throws BodyTooLargeError, TooManyStreamsError, NoRoomForUploadError */
  async create(options: { sizeBytes: number; metadata: string }): Promise<Upload> {
    const { index, disk, clock, random } = this.#parts
    if (options.sizeBytes > UPLOAD_BYTES_MAX) throw new BodyTooLargeError({ limitBytes: UPLOAD_BYTES_MAX })
    const row = index.get<{ count: number }>('SELECT count(*) AS count FROM upload')
    if ((row?.count ?? 0) >= UPLOADS_MAX)
      throw new TooManyStreamsError({ what: 'uploads', limit: UPLOADS_MAX })
    const id = Buffer.from(random.bytes(16)).toString('hex')
    if ((await disk.space()).freeBytes < options.sizeBytes) {
      throw new NoRoomForUploadError({ sizeBytes: options.sizeBytes })
    }
    const file = await disk.open(pathOf(id), 'create')
    await file.close()
    await disk.syncFolder(FOLDER)
    const expiresAt = clock.now() + LIFETIME_MS
    index.run(
      'INSERT INTO upload (id, size_bytes, offset_bytes, metadata, expires_at) VALUES (?, ?, 0, ?, ?)',
      id,
      options.sizeBytes,
      options.metadata,
      expiresAt,
    )
    return { id, sizeBytes: options.sizeBytes, offset: 0, metadata: options.metadata, expiresAt }
  }

  /** @throws UploadNotFoundError */
  find(id: string): Upload {
    const row = this.#parts.index.get<Upload>(
      `SELECT id, size_bytes AS sizeBytes, offset_bytes AS offset, metadata, expires_at AS expiresAt
       FROM upload WHERE id = ?`,
      id,
    )
    if (row === undefined || row.expiresAt <= this.#parts.clock.now()) throw new UploadNotFoundError()
    return { ...row }
  }

  /**
   * Adds bytes at `offset`. Whatever came is kept, also when the source breaks off.
   * @throws UploadNotFoundError, UploadOffsetError, UploadBusyError, BodyTooLargeError, DiskFullError
   */
  append(id: string, offset: number, source: AsyncIterable<Uint8Array>): Promise<Upload> {
    return this.#alone(id, async (upload) => {
      if (upload.offset !== offset) throw new UploadOffsetError({ offset: upload.offset, asked: offset })
      const file = await this.#parts.disk.open(pathOf(id), 'update')
      try {
        // What lies behind the offset was never acknowledged: a crash may have left anything there.
        await file.truncate(offset)
        await this.#write(upload, file, source)
      } finally {
        await file.close()
      }
      return this.find(id)
    })
  }

  /** Gives the whole upload to `use`; when that succeeds the upload is removed. @throws UploadUnfinishedError */
  consume<Result>(
    id: string,
    use: (upload: Upload, bytes: AsyncIterable<Uint8Array>) => Promise<Result>,
  ): Promise<Result> {
    return this.#alone(id, async (upload) => {
      if (upload.offset !== upload.sizeBytes) throw new UploadUnfinishedError(upload)
      const result = await use(upload, this.#read(upload))
      await this.#forget(id)
      return result
    })
  }

  /** @throws UploadNotFoundError, UploadBusyError */
  remove(id: string): Promise<void> {
    return this.#alone(id, () => this.#forget(id))
  }

  async #alone<Result>(id: string, work: (upload: Upload) => Promise<Result>): Promise<Result> {
    const upload = this.find(id)
    if (this.#busy.has(id)) throw new UploadBusyError()
    this.#busy.add(id)
    try {
      return await work(upload)
    } finally {
      this.#busy.delete(id)
    }
  }

  async #write(upload: Upload, file: DiskFile, source: AsyncIterable<Uint8Array>): Promise<void> {
    let position = upload.offset
    let safe = upload.offset
    const keep = async () => {
      await file.sync()
      safe = position
      this.#parts.index.run(
        'UPDATE upload SET offset_bytes = ?, expires_at = ? WHERE id = ?',
        safe,
        this.#parts.clock.now() + LIFETIME_MS,
        upload.id,
      )
    }
    try {
      for await (const piece of source) {
        if (position + piece.byteLength > upload.sizeBytes) {
          throw new BodyTooLargeError({ limitBytes: upload.sizeBytes - upload.offset })
        }
        await file.write(position, piece)
        position += piece.byteLength
        if (position - safe >= SYNC_INTERVAL_BYTES) await keep()
      }
    } finally {
      if (position > safe) await keep()
    }
  }

  async *#read(upload: Upload): AsyncGenerator<Uint8Array> {
    const file = await this.#parts.disk.open(pathOf(upload.id), 'read')
    try {
      for (let position = 0; position < upload.sizeBytes; ) {
        const piece = await file.read(position, Math.min(READ_BYTES, upload.sizeBytes - position))
        if (piece.byteLength === 0)
          throw new UploadUnfinishedError({ offset: position, sizeBytes: upload.sizeBytes })
        position += piece.byteLength
        yield piece
      }
    } finally {
      await file.close()
    }
  }

  /** The row goes first: a file without a row is swept, a row without a file would be a lie. */
  async #forget(id: string): Promise<void> {
    this.#parts.index.run('DELETE FROM upload WHERE id = ?', id)
    await this.#parts.disk.remove(pathOf(id))
  }

  async #sweep(): Promise<void> {
    const { index, clock } = this.#parts
    for (const { id } of index.all<{ id: string }>(
      'SELECT id FROM upload WHERE expires_at <= ?',
      clock.now(),
    )) {
      if (!this.#busy.has(id)) await this.#forget(id)
    }
  }

  /** Files without a row and rows without a file; before the first request, as `create` makes one before the other. */
  async #removeOrphans(): Promise<void> {
    const { index, disk, log } = this.#parts
    const rows = index.all<{ id: string; offset: number }>('SELECT id, offset_bytes AS offset FROM upload')
    const known = new Set(rows.map((row) => nameOf(row.id)))
    for await (const entry of disk.list(FOLDER)) {
      if (entry.kind !== 'file' || known.has(entry.name)) continue
      log.info('orphaned upload removed', { name: entry.name })
      await disk.remove(`${FOLDER}/${entry.name}`)
    }
    for (const { id, offset } of rows) {
      if (((await disk.sizeOf(pathOf(id))) ?? -1) >= offset) continue
      log.warn('upload lost its file', { name: nameOf(id) })
      await this.#forget(id)
    }
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer = this.#parts.clock.after(SWEEP_INTERVAL_MS, () => {
      this.#sweep()
        .catch((error: unknown) => this.#parts.log.warn('upload sweep failed', { error }))
        .finally(() => this.#schedule())
    })
  }
}

function nameOf(id: string): string {
  return `${id}.part`
}

function pathOf(id: string): string {
  return `${FOLDER}/${nameOf(id)}`
}
