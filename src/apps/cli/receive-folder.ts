import { lstat, mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { enterFolder, type HeldFolder, holdFolder } from '../../commands/held-folder.ts'
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
  const files = wanted.files.map((file) => ({ ...file, parts: partsInside(file.path) }))
  if (!force && (await factsOf(output)) !== undefined) throw new OutputExistsError({ path: output })
  return await inWritingTo(output, async () => {
    await mkdir(dirname(output), { recursive: true })
    const beside = await holdFolder(dirname(output))
    try {
      const partName = partNameOf(output, wanted.id)
      const part = await enterFolder(beside, [partName], { create: true })
      try {
        const received = await receiveFiles(parts, { ...wanted, files }, part, options)
        if (force) await rm(join(beside.path, basename(output)), { recursive: true, force: true })
        await rename(join(beside.path, partName), join(beside.path, basename(output)))
        return received
      } finally {
        await part.close()
      }
    } finally {
      await beside.close()
    }
  })
}

async function receiveFiles(
  parts: { node: NodeConnection; clock: Clock },
  wanted: { files: readonly (FolderFile & { parts: string[] })[]; timeoutMs?: number },
  part: HeldFolder,
  options: { signal: AbortSignal; onBytes: (done: number) => void },
): Promise<{ resumedBytes: number }> {
  const timeout = wanted.timeoutMs === undefined ? {} : { timeoutMs: wanted.timeoutMs }
  let done = 0
  let resumedBytes = 0
  for (const { path: _, parts: names, ...file } of wanted.files) {
    const folder = await enterFolder(part, names.slice(0, -1), { create: true })
    try {
      const target = join(folder.path, names.at(-1) as string)
      const facts = await factsOf(target)
      // A file under its own name is whole: it came there by a rename.
      if (facts?.isFile() === true && facts.size === file.sizeBytes) resumedBytes += file.sizeBytes
      else {
        const onBytes = (bytes: number) => options.onBytes(done + bytes)
        const received = await receiveFile(
          parts,
          { ...file, ...timeout, output: target, force: true },
          { signal: options.signal, onBytes },
        )
        resumedBytes += received.resumedAt
      }
    } finally {
      await folder.close()
    }
    done += file.sizeBytes
    options.onBytes(done)
  }
  return { resumedBytes }
}

/** The names of a path inside a folder, one below the other. @throws InvalidInputError when it leads outside. */
function partsInside(path: string): string[] {
  const names = path.split('/')
  const isInside = names.every((name) => name !== '' && name !== '.' && name !== '..' && !/[\\\0]/.test(name))
  if (isInside && !isAbsolute(path) && !/^[a-z]:/i.test(path)) return names
  throw new InvalidInputError({
    what: 'The folder',
    reason: 'a path in it leads outside',
    hint: 'Do not trust whoever shared it.',
  })
}

/** What stands there itself, not what a link there leads to. */
async function factsOf(path: string): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
  try {
    return await lstat(path)
  } catch {
    return undefined
  }
}
