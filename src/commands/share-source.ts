import { createReadStream } from 'node:fs'
import { lstat, opendir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { InvalidInputError, LimitExceededError } from '../core/errors.ts'
import { KizunaError } from '../core/kizuna-error.ts'

/** Files in one folder share. */
const FILES_MAX = 100_000
const DEPTH_MAX = 64
const READ_BYTES = 1024 * 1024

/** A file of a folder, by its path inside it. */
export interface SourceFile {
  /** Relative, with `/`. */
  path: string
  absolutePath: string
  sizeBytes: number
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
  await collect(absolutePath, '', files, 0, signal)
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { kind: 'folder', name, files }
}

/** A file's bytes, piece by piece. */
export async function* fileBytes(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: READ_BYTES, signal })
  try {
    for await (const piece of stream) yield piece as Buffer
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw unreadable(path, error)
  }
}

async function collect(
  root: string,
  inside: string,
  files: SourceFile[],
  depth: number,
  signal: AbortSignal,
): Promise<void> {
  if (depth > DEPTH_MAX) throw new LimitExceededError({ what: 'The depth of the folder', limit: DEPTH_MAX })
  const folder = await readable(join(root, inside), () => opendir(join(root, inside)))
  for await (const entry of folder) {
    signal.throwIfAborted()
    const path = inside === '' ? entry.name : `${inside}/${entry.name}`
    if (entry.isDirectory()) await collect(root, path, files, depth + 1, signal)
    if (!entry.isFile()) continue
    if (files.length >= FILES_MAX)
      throw new LimitExceededError({ what: 'The number of files', limit: FILES_MAX })
    const absolutePath = join(root, path)
    const { size } = await readable(absolutePath, () => lstat(absolutePath))
    files.push({ path, absolutePath, sizeBytes: size })
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
