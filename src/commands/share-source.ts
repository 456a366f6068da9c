import { constants, type FileHandle, lstat, open, opendir, realpath, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { InvalidInputError, LimitExceededError } from '../core/errors.ts'
import { KizunaError } from '../core/kizuna-error.ts'
import { readPieces } from '../storage/read-pieces.ts'
import { enterFolder, type HeldFolder, holdFolder } from './held-folder.ts'

/** Files in one folder share. */
const FILES_MAX = 100_000
const DEPTH_MAX = 64

/** A file of a folder, by its path inside it. */
export interface SourceFile {
  /** Relative, with `/`. */
  path: string
  absolutePath: string
  sizeBytes: number
  /** The folder that was looked through, without links on its way. */
  realRoot: string
}

/** What a path on this machine holds. */
export type PathSource =
  | { kind: 'file'; name: string; sizeBytes: number; bytes: () => AsyncIterable<Uint8Array> }
  | { kind: 'folder'; name: string; files: SourceFile[] }

/** Thrown when a path to share cannot be read. */
export class PathUnreadableError extends KizunaError {
  override name = 'PathUnreadableError'
  constructor(facts: { path: string; systemCode: string; cause?: unknown }) {
    super({
      code: 'PATH_UNREADABLE',
      kind: facts.systemCode === 'ENOENT' ? 'missing' : 'invalid',
      message:
        facts.systemCode === 'ENOENT'
          ? `There is nothing at ${facts.path}.`
          : `${facts.path} cannot be read (${facts.systemCode}).`,
      hint: 'Check the path and its rights; it must be on the machine where the node runs.',
      details: { path: facts.path, systemCode: facts.systemCode },
      cause: facts.cause,
    })
  }
}

/** Looks at a path: a file, or a folder with all files below it. Links inside a folder are left out. */
export async function readPathSource(path: string, signal: AbortSignal): Promise<PathSource> {
  const absolutePath = resolve(path)
  const facts = await readable(absolutePath, () => stat(absolutePath))
  const name = basename(absolutePath)
  if (facts.isFile()) {
    return { kind: 'file', name, sizeBytes: facts.size, bytes: () => fileBytes(absolutePath, signal) }
  }
  if (!facts.isDirectory()) {
    throw new InvalidInputError({ what: 'The path', reason: `${path} is neither a file nor a folder` })
  }
  const files: SourceFile[] = []
  const realRoot = await readable(absolutePath, () => realpath(absolutePath))
  const folder = await readable(absolutePath, () => holdRoot(realRoot))
  try {
    await collect({ folder, root: absolutePath, realRoot }, '', files, 0, signal)
  } finally {
    await folder.close()
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { kind: 'folder', name, files }
}

/** A file's bytes, piece by piece. */
function fileBytes(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  return bytesOf(path, signal, () => open(path, READ_FLAGS))
}

/**
 * The bytes of a file in a folder that was looked through. Whoever puts a link on the way meanwhile stops the reading;
 * it never leads outside.
 */
export function sourceFileBytes(file: SourceFile, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  return bytesOf(file.absolutePath, signal, async () => {
    const names = file.path.split('/')
    const root = await holdRoot(file.realRoot)
    try {
      const folder = await enterFolder(root, names.slice(0, -1), { create: false })
      try {
        return await open(join(folder.path, names.at(-1) ?? ''), READ_FLAGS | (constants.O_NOFOLLOW ?? 0))
      } finally {
        await folder.close()
      }
    } finally {
      await root.close()
    }
  })
}

/** Not to wait for the other end of what became a pipe meanwhile. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

async function* bytesOf(
  path: string,
  signal: AbortSignal,
  openIt: () => Promise<FileHandle>,
): AsyncGenerator<Uint8Array> {
  try {
    const file = await openIt()
    try {
      yield* readPieces(file, signal)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw unreadable(path, error)
  }
}

/** Holds the folder that is shared, if it is still the one that was named. */
async function holdRoot(realRoot: string): Promise<HeldFolder> {
  const root = await holdFolder(realRoot)
  if ((await realpath(root.path)) === realRoot) return root
  await root.close()
  throw Object.assign(new Error('a link leads elsewhere'), { code: 'ELOOP' })
}

async function collect(
  place: { folder: HeldFolder; root: string; realRoot: string },
  inside: string,
  files: SourceFile[],
  depth: number,
  signal: AbortSignal,
): Promise<void> {
  const { folder, root, realRoot } = place
  if (depth > DEPTH_MAX) throw new LimitExceededError({ what: 'The depth of the folder', limit: DEPTH_MAX })
  for await (const entry of await readable(join(root, inside), () => opendir(folder.path))) {
    signal.throwIfAborted()
    const path = inside === '' ? entry.name : `${inside}/${entry.name}`
    const absolutePath = join(root, path)
    if (entry.isDirectory()) {
      const below = await readable(absolutePath, () => enterFolder(folder, [entry.name], { create: false }))
      try {
        await collect({ ...place, folder: below }, path, files, depth + 1, signal)
      } finally {
        await below.close()
      }
    }
    if (!entry.isFile()) continue
    if (files.length >= FILES_MAX)
      throw new LimitExceededError({ what: 'The number of files', limit: FILES_MAX })
    const { size } = await readable(absolutePath, () => lstat(join(folder.path, entry.name)))
    files.push({ path, absolutePath, sizeBytes: size, realRoot })
  }
}

async function readable<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): PathUnreadableError {
  return new PathUnreadableError({
    path,
    systemCode: (error as NodeJS.ErrnoException).code ?? 'UNKNOWN',
    cause: error,
  })
}
