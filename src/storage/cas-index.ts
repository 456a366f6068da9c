import { z } from 'zod'
import { type ContentId, contentIdFromDigest, formatContentId } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { Disk } from './disk.ts'
import { ChunkCorruptError, ChunkNotFoundError, SizeMismatchError } from './errors.ts'
import { verifyChunk } from './verified-chunk-store.ts'

/** Where older versions kept chunks, each in a file named by the hex of its SHA-256. */
export const CAS_FOLDER_DEFAULT = 'storage/hashed_files'
/** Name of the index beside or above that folder. */
export const CAS_INDEX_NAME = 'cas_index.json'
/** Longest index that is read (bytes). */
const INDEX_BYTES_MAX = 64 * 1024 * 1024
/** Most files in an index, and most chunks of one of them. */
const FILES_MAX = 100_000
const CHUNKS_MAX = 1_000_000
const NAME_LENGTH_MAX = 1_024

const digest = z.string().regex(/^[0-9a-f]{64}$/i)
const entrySchema = z.object({
  original_name: z.string().max(NAME_LENGTH_MAX),
  size: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  data_chunks: z.array(digest).max(CHUNKS_MAX),
  parity_chunks: z.array(digest).max(CHUNKS_MAX).default([]),
  published_by: z.string().max(NAME_LENGTH_MAX).optional(),
})

/** One file of an index of the older format. */
export interface CasEntry {
  /** SHA-256 of the file. */
  fileId: ContentId
  originalName: string
  sizeBytes: number
  dataIds: ContentId[]
  parityIds: ContentId[]
  /** Whoever wrote the index says so; nothing proves it. */
  publishedBy: string | undefined
}

/**
 * Reads a `cas_index.json`: an object from each file's hash (hex) to `original_name`, `size`, `data_chunks`,
 * `parity_chunks` and `published_by`.
 * @throws InvalidInputError
 */
export function parseCasIndex(text: string): CasEntry[] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw invalid('it is not JSON')
  }
  // An object's own keys one by one: a record schema would copy hostile keys such as `__proto__` blindly.
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid('it is not an object')
  const files = Object.entries(json)
  if (files.length > FILES_MAX) throw invalid(`it has more than ${FILES_MAX} files`)
  return files.map(([hash, value]) => {
    const parsed = entrySchema.safeParse(value)
    if (!digest.safeParse(hash).success) throw invalid(`“${hash.slice(0, 72)}” is not a SHA-256 hash in hex`)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      throw invalid(`${issue?.path.join('.')} of ${hash.slice(0, 12)}… — ${issue?.message}`)
    }
    const { original_name, size, data_chunks, parity_chunks, published_by } = parsed.data
    return {
      fileId: idOfHex(hash),
      originalName: original_name,
      sizeBytes: size,
      dataIds: data_chunks.map(idOfHex),
      parityIds: parity_chunks.map(idOfHex),
      publishedBy: published_by,
    }
  })
}

/** The same shape again; reading it gives the same entries. */
export function formatCasIndex(entries: readonly CasEntry[]): string {
  const hex = (id: ContentId) => formatContentId(id, 'hex')
  const files = entries.map((entry) => [
    hex(entry.fileId),
    {
      original_name: entry.originalName,
      size: entry.sizeBytes,
      data_chunks: entry.dataIds.map(hex),
      parity_chunks: entry.parityIds.map(hex),
      ...(entry.publishedBy === undefined ? {} : { published_by: entry.publishedBy }),
    },
  ])
  return `${JSON.stringify(Object.fromEntries(files), null, 2)}\n`
}

/**
 * Reads the index at `path` on a disk.
 * @throws FileMissingError, LimitExceededError, InvalidInputError
 */
export async function readCasIndex(disk: Disk, path: string): Promise<CasEntry[]> {
  return parseCasIndex(Buffer.from(await disk.readFile(path, INDEX_BYTES_MAX)).toString())
}

/**
 * The bytes of a file of the old store, chunk by chunk, each checked against its hash: give it to `publish`.
 * @param options `folder` holds the chunks. @default `storage/hashed_files`
 * @throws ChunkNotFoundError, ChunkCorruptError, SizeMismatchError
 */
export async function* readCasFile(
  disk: Disk,
  entry: CasEntry,
  options: { folder?: string } = {},
): AsyncGenerator<Uint8Array> {
  const folder = options.folder ?? CAS_FOLDER_DEFAULT
  let readBytes = 0
  for (const id of entry.dataIds) {
    const path = `${folder}/${formatContentId(id, 'hex')}`
    const sizeBytes = await disk.sizeOf(path)
    if (sizeBytes === undefined) throw new ChunkNotFoundError({ id })
    if (sizeBytes > CHUNK_BYTES_MAX) throw new ChunkCorruptError({ id, reason: 'its file is too long' })
    yield verifyChunk(id, await disk.readFile(path, CHUNK_BYTES_MAX))
    readBytes += sizeBytes
  }
  if (readBytes !== entry.sizeBytes)
    throw new SizeMismatchError({ declaredBytes: entry.sizeBytes, readBytes })
}

function idOfHex(hex: string): ContentId {
  return contentIdFromDigest(Buffer.from(hex, 'hex'))
}

function invalid(reason: string): InvalidInputError {
  return new InvalidInputError({
    what: `The index (${CAS_INDEX_NAME})`,
    reason,
    hint: 'Export it again, or share the files themselves.',
  })
}
