import type { Content } from '../content/content.ts'
import type { ContentId } from '../core/content-id.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import { safeFileName } from '../records/file-record.ts'
import type { Disk } from '../storage/disk.ts'
import type { ExportedAttachment } from './export-html.ts'

/** No bytes for this long: it is noted as not kept. */
const READ_TIMEOUT_MS = 20_000
/** Of a name, in UTF-8 bytes, before its hash. */
const NAME_BYTES_MAX = 100
/** What a browser would run when it is opened from the disk; the name in the messages stays. */
const ACTIVE = /\.(x?html?|xht|svgz?|xml|xsl|m?js|mhtml?|hta|shtml|pdf\.html)$/i

/** An attachment as its row has it. */
export interface AttachmentRow {
  name: string
  type: string
  size: number
  state: string
  reason: string | null
  content: string | null
  key: Uint8Array | null
  sha256: string | null
}

/** Writes attachments into an export, each once however often it was posted. */
export class AttachmentFiles {
  readonly #parts: { content: Content; disk: Disk }
  readonly #folder: string
  written = 0
  missing = 0

  constructor(parts: { content: Content; disk: Disk }, folder: string) {
    this.#parts = parts
    this.#folder = folder
  }

  /** Brings one into the folder, unless it is there; says where it is, or why it is not. */
  async write(row: AttachmentRow, signal: AbortSignal): Promise<ExportedAttachment> {
    const { name, type, size: sizeBytes, content, key, sha256 } = row
    const facts = { name, type, sizeBytes }
    if (content === null || key === null || sha256 === null) {
      this.missing++
      return { ...facts, unavailable: row.reason ?? 'it is still waited for' }
    }
    const path = `attachments/${sha256.slice(0, 2)}/${sha256.slice(0, 32)}-${fileNameOf(name)}`
    try {
      await this.#bring(path, { id: content as ContentId, key, sizeBytes }, signal)
      this.written++
      return { ...facts, sha256, file: path }
    } catch (error) {
      signal.throwIfAborted()
      const known = toKizunaError(error)
      // A full disk is not the attachment's fault, and would be met again with the next.
      if (known.code === 'DISK_FULL' || known.code === 'DISK_ERROR') throw error
      this.missing++
      return { ...facts, sha256, unavailable: known.message }
    }
  }

  async #bring(
    path: string,
    { id, key, sizeBytes }: { id: ContentId; key: Uint8Array; sizeBytes: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { disk, content } = this.#parts
    const full = `${this.#folder}/${path}`
    if ((await disk.sizeOf(full)) === sizeBytes) return
    await disk.makeFolder(full.slice(0, full.lastIndexOf('/')))
    const opened = await content.retrieve(id, { key, signal, timeoutMs: READ_TIMEOUT_MS, reuse: true })
    const partial = `${full}.part`
    await disk.remove(partial)
    const file = await disk.open(partial, 'create')
    let position = 0
    try {
      for await (const piece of opened.bytes) {
        await file.write(position, piece)
        position += piece.byteLength
      }
    } finally {
      await file.close()
    }
    // Whole or not at all, also when it is interrupted.
    await disk.rename(partial, full)
  }
}

/** A name that every file system takes and no browser runs. */
function fileNameOf(name: string): string {
  const plain = safeFileName(name)
    .replaceAll(/[<>:"|?*\\/]|\p{Cc}/gu, '_')
    .replaceAll(/[. ]+$/g, '_')
  const end = plain.slice(-20)
  const short =
    Buffer.byteLength(plain) <= NAME_BYTES_MAX
      ? plain
      : `${plain.slice(0, 20).toWellFormed()}…${end.toWellFormed()}`
  return ACTIVE.test(short) ? `${short}.txt` : short
}
