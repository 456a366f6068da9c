import { parseContentId } from '../core/content-id.ts'
import { type CborValue, decodeCanonical, encodeCanonical } from '../core/encoding.ts'
import { InvalidInputError, LimitExceededError } from '../core/errors.ts'
import type { FolderEntry } from './content.ts'

/** Entries of one folder listing. */
export const FOLDER_ENTRIES_MAX = 100_000
/** Bytes of a listing in memory: about 100 for an entry with a short name. */
export const FOLDER_LISTING_BYTES_MAX = 32 * 2 ** 20
/** Bytes of a path in UTF-8, and of one part of it, as most file systems have them. */
const PATH_BYTES_MAX = 4096
const PART_BYTES_MAX = 255
const VERSION = 1
/** Names that Windows keeps for devices, whatever the extension. */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\s*(\.|$)/i
/** Control characters and what Windows forbids in names; `\` also hides separators, `:` alternate streams. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused here.
const FORBIDDEN = /[\u0000-\u001f\u007f<>:"|?*\\]/

/**
 * The listing as canonical CBOR: `{v: 1, entries: [[path, id, size], …]}`, sorted by path.
 * @throws InvalidInputError when a path is unsafe or two would fall together on some file system.
 */
export function encodeFolderListing(entries: readonly FolderEntry[]): Uint8Array {
  if (entries.length > FOLDER_ENTRIES_MAX) {
    throw new LimitExceededError({
      what: 'The number of files in a folder',
      limit: FOLDER_ENTRIES_MAX,
      actual: entries.length,
    })
  }
  checkFolderPaths(entries.map(({ path }) => path))
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1))
  return encodeCanonical({
    v: VERSION,
    entries: sorted.map(({ path, id, sizeBytes }) => [path, id, sizeBytes]),
  })
}

/** @throws InvalidInputError when the bytes are no listing or a path in it is unsafe. */
export function decodeFolderListing(bytes: Uint8Array): FolderEntry[] {
  const what = 'The folder listing'
  if (bytes.byteLength > FOLDER_LISTING_BYTES_MAX) {
    throw new LimitExceededError({ what, limit: FOLDER_LISTING_BYTES_MAX, actual: bytes.byteLength })
  }
  const value = decodeCanonical(bytes, what)
  const list = isMap(value) && value.v === VERSION ? value.entries : undefined
  if (!Array.isArray(list) || list.length > FOLDER_ENTRIES_MAX) {
    throw new InvalidInputError({ what, reason: 'it has no list of entries' })
  }
  const entries = list.map((entry): FolderEntry => {
    const [path, id, sizeBytes] = Array.isArray(entry) && entry.length === 3 ? entry : []
    if (typeof path !== 'string' || typeof id !== 'string' || !isSize(sizeBytes)) {
      throw new InvalidInputError({ what, reason: 'an entry is malformed' })
    }
    return { path, id: parseContentId(id), sizeBytes }
  })
  checkFolderPaths(entries.map(({ path }) => path))
  return entries
}

/**
 * Refuses what could leave the folder or fall together: absolute paths, `..`, empty and reserved parts, and two
 * paths that are the same but for case or the form of their accents, or of which one is a folder of the other.
 * @throws InvalidInputError with the first offending path.
 */
export function checkFolderPaths(paths: readonly string[]): void {
  const files = new Map<string, string>()
  const folders = new Map<string, string>()
  for (const path of paths) {
    const fault = pathFault(path)
    if (fault !== undefined) throw unsafe(path, fault)
    const folded = foldPath(path)
    const other = files.get(folded) ?? folders.get(folded)
    if (other !== undefined) throw unsafe(path, `it falls together with “${shown(other)}” on some machines`)
    files.set(folded, path)
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      const foldedFolder = foldPath(folder)
      const clash = files.get(foldedFolder) ?? folders.get(foldedFolder)
      if (clash !== undefined && clash !== folder) {
        throw unsafe(path, `its folder falls together with “${shown(clash)}” on some machines`)
      }
      if (files.has(foldedFolder)) throw unsafe(path, 'its folder is also a file')
      folders.set(foldedFolder, folder)
    }
  }
}

function pathFault(path: string): string | undefined {
  if (path === '') return 'it is empty'
  if (!path.isWellFormed()) return 'it is not well-formed text'
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `it is longer than ${PATH_BYTES_MAX} bytes`
  if (path.startsWith('/')) return 'it is absolute'
  for (const part of path.split('/')) {
    if (part === '') return 'a part of it is empty'
    if (part === '.' || part === '..') return 'it leaves its folder'
    if (Buffer.byteLength(part) > PART_BYTES_MAX) return `a part of it is longer than ${PART_BYTES_MAX} bytes`
    if (FORBIDDEN.test(part)) return 'it has a character that not every file system takes'
    if (/[. ]$/.test(part)) return 'a part of it ends in a dot or a space'
    if (RESERVED.test(part)) return 'a part of it is a reserved name'
  }
  return undefined
}

/**
 * The same for paths that some file system takes for one: whatever the case (by way of capitals, so that ß is SS and ς is σ),
 * the form of accents, and characters that are not seen, which some leave out when they compare.
 */
function foldPath(path: string): string {
  return path
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
}

function unsafe(path: string, reason: string): InvalidInputError {
  return new InvalidInputError({
    what: `The path “${shown(path)}”`,
    reason,
    hint: 'Rename the file before you share the folder.',
  })
}

/** Cut and freed of control characters, fit for a message. */
function shown(path: string): string {
  return path.slice(0, 80).replaceAll(/\p{C}/gu, '�')
}

function isSize(value: CborValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isMap(value: CborValue): value is { readonly [key: string]: CborValue } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}
