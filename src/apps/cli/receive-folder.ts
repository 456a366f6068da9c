import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { InvalidInputError } from '../../core/errors.ts'
import { OutputExistsError } from './errors.ts'
import type { NodeConnection } from './node-connection.ts'
import { inWritingTo, partNameOf, receiveFile } from './receive-file.ts'

/** A file of a folder to be had. */
export interface FolderFile {
  id: string
  key?: string
  /** Relative, with `/`; from a stranger. */
  path: string
  sizeBytes: number
}

/** A folder to be had. */
export interface FolderWanted {
  id: string
  files: readonly FolderFile[]
  output: string
  force: boolean
  /** No progress for this long ends it with the reason; default: the node's setting. */
  timeoutMs?: number
}

/**
 * Brings a folder to its place: file by file into a hidden folder beside it, then by one rename. What an earlier
 * attempt brought in is kept.
 * @throws OutputExistsError, OutputUnwritableError, InvalidInputError when a path leads outside.
 */
export async function receiveFolder(
  parts: { node: NodeConnection; clock: Clock },
  wanted: FolderWanted,
  options: { signal: AbortSignal; onBytes: (done: number) => void },
): Promise<{ resumedBytes: number }> {
  const { output, force } = wanted
  const timeout = wanted.timeoutMs === undefined ? {} : { timeoutMs: wanted.timeoutMs }
  if (!force && (await sizeOf(output)) !== undefined) throw new OutputExistsError({ path: output })
  const part = partNameOf(output, wanted.id)
  for (const file of wanted.files) insideOf(part, file.path)
  return await inWritingTo(output, async () => {
    await mkdir(part, { recursive: true })
    let done = 0
    let resumedBytes = 0
    for (const { path, ...file } of wanted.files) {
      const target = insideOf(part, path)
      // A file under its own name is whole: it came there by a rename.
      if ((await sizeOf(target)) === file.sizeBytes) resumedBytes += file.sizeBytes
      else {
        const onBytes = (bytes: number) => options.onBytes(done + bytes)
        const received = await receiveFile(
          parts,
          { ...file, ...timeout, output: target, force: true },
          { signal: options.signal, onBytes },
        )
        resumedBytes += received.resumedAt
      }
      done += file.sizeBytes
      options.onBytes(done)
    }
    if (force) await rm(output, { recursive: true, force: true })
    await rename(part, output)
    return { resumedBytes }
  })
}

/** The place of a path inside a folder. @throws InvalidInputError when it leads outside. */
function insideOf(folder: string, path: string): string {
  const target = resolve(join(folder, path))
  const way = relative(folder, target)
  const isInside = way !== '' && !isAbsolute(way) && !way.split(/[/\\]/).includes('..')
  if (isInside && !isAbsolute(path) && !path.includes('\0')) return target
  throw new InvalidInputError({
    what: 'The folder',
    reason: 'a path in it leads outside',
    hint: 'Do not trust whoever shared it.',
  })
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch {
    return undefined
  }
}
