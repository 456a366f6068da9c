import { InvalidInputError } from '../core/errors.ts'

/** Longest path under a root, in UTF-16 units; keeps whole paths below what every system takes. */
const PATH_LENGTH_MAX = 1024
/** Longest single name (most file systems: 255 bytes). */
const NAME_BYTES_MAX = 255

/**
 * The parts of a path relative to a disk's root; none for the root itself (`''`).
 * Absolute paths, `.` and `..`, empty parts, backslashes, drive letters and NUL are refused,
 * so that no path from a manifest, a peer or a user can leave the root.
 * @throws InvalidInputError
 */
export function diskPathParts(path: string): string[] {
  if (path === '') return []
  if (path.length > PATH_LENGTH_MAX) throw refused(path, `it is longer than ${PATH_LENGTH_MAX} characters`)
  const parts = path.split('/')
  for (const part of parts) {
    if (part === '') throw refused(path, 'it has an empty part or starts at the root of the machine')
    if (part === '.' || part === '..') throw refused(path, 'it would leave its folder')
    if (/[\0\\:]/.test(part)) throw refused(path, 'it has a backslash, a colon or a NUL character')
    if (Buffer.byteLength(part) > NAME_BYTES_MAX)
      throw refused(path, `a name in it is over ${NAME_BYTES_MAX} bytes`)
  }
  return parts
}

/** The folder in which a path's last part stands; `''` is the root. */
export function parentOf(path: string): string {
  const end = path.lastIndexOf('/')
  return end < 0 ? '' : path.slice(0, end)
}

function refused(path: string, reason: string): InvalidInputError {
  return new InvalidInputError({
    what: `The path “${path.slice(0, 80).replaceAll('\0', '\\0')}”`,
    reason,
    hint: 'Use a path relative to the folder, with `/` between its parts.',
  })
}
