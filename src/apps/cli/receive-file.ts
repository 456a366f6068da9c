import { constants, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type HeldFolder, holdFolder } from '../../commands/held-folder.ts'
import type { Clock } from '../../core/clock.ts'
import { isKizunaError } from '../../core/kizuna-error.ts'
import { SystemRandom } from '../../core/random.ts'
import { takeFileLock } from '../../node/file-lock.ts'
import { AppendedFile } from './appended-file.ts'
import {
  LongerThanSaidError,
  NodeLostError,
  OutputBusyError,
  OutputExistsError,
  OutputUnwritableError,
} from './errors.ts'
import type { NodeConnection } from './node-connection.ts'

/** What was written last before a crash may not have reached the disk whole; it is fetched again. */
const DISTRUSTED_BYTES = 4 * 1024 * 1024
/** A node that restarts in the middle is waited for this often without a byte in between. */
const ATTEMPTS_MAX = 5
const ATTEMPT_DELAY_MS = 500
/** Long names are cut so that the temporary one, of at most four bytes a character, fits into any file system. */
const NAME_LENGTH_MAX = 50
/** A link in the place of the part would lead the bytes to wherever somebody else likes. Windows has no such flag. */
const PART_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0)

/** One file to be had. */
export interface FileWanted {
  id: string
  key?: string
  sizeBytes: number
  /** Where it goes in the end. */
  output: string
  /** Replace what is there. */
  force: boolean
  /** No progress for this long ends it with the reason; default: the node's setting. */
  timeoutMs?: number
}

/** The temporary name beside an output: hidden, and of this content only. */
export function partNameOf(output: string, id: string): string {
  const name = [...basename(output)].slice(0, NAME_LENGTH_MAX).join('')
  return `.${name}.${id.slice(-8)}.kizuna-part`
}

/**
 * Brings a file to its place: beside it under a temporary name, then by one atomic step. A part left behind by
 * an earlier attempt is continued.
 * @throws OutputExistsError, OutputUnwritableError, or why the content cannot be had.
 */
export async function receiveFile(
  parts: { node: NodeConnection; clock: Clock },
  wanted: FileWanted,
  options: { signal: AbortSignal; onBytes: (done: number) => void },
): Promise<{ resumedAt: number }> {
  const { output, force } = wanted
  if (!force && (await exists(output))) throw new OutputExistsError({ path: output })
  return await inWritingTo(output, async () => {
    await mkdir(dirname(output), { recursive: true })
    const folder = await holdFolder(dirname(output))
    try {
      const part = join(folder.path, partNameOf(output, wanted.id))
      return await alone(part, output, async () => {
        const resumedAt = await fillPart(parts, wanted, part, options)
        await putInPlace(folder, part, output, force)
        return { resumedAt }
      })
    } finally {
      await folder.close()
    }
  })
}

/** Parts that this process writes, by their folder's number and their name: a held folder has no name of its own. */
const underWay = new Set<string>()

/** Two that write the same part would mix their bytes. @throws OutputBusyError */
async function alone<Result>(part: string, output: string, work: () => Promise<Result>): Promise<Result> {
  const { dev, ino } = await stat(dirname(part), { bigint: true })
  const name = `${dev} ${ino} ${basename(part)}`
  if (underWay.has(name)) throw new OutputBusyError({ path: output, pid: process.pid })
  underWay.add(name)
  try {
    const lock = await takeFileLock(`${part}.lock`, new SystemRandom())
    if ('heldBy' in lock) throw new OutputBusyError({ path: output, pid: lock.heldBy })
    try {
      return await work()
    } finally {
      await lock.release()
    }
  } finally {
    underWay.delete(name)
  }
}

async function fillPart(
  { node, clock }: { node: NodeConnection; clock: Clock },
  wanted: FileWanted,
  part: string,
  { signal, onBytes }: { signal: AbortSignal; onBytes: (done: number) => void },
): Promise<number> {
  const file = await open(part, PART_FLAGS, 0o644)
  const written = new AppendedFile(file, wanted.sizeBytes)
  try {
    const { size, nlink } = await file.stat()
    // A second name means that somebody put a file of theirs, or of yours, in its place.
    if (nlink !== 1) throw Object.assign(new Error('not ours alone'), { code: 'EMLINK', syscall: 'open' })
    const resumedAt = size > wanted.sizeBytes ? 0 : Math.max(size - DISTRUSTED_BYTES, 0)
    await file.truncate(resumedAt)
    let position = resumedAt
    let fruitless = 0
    onBytes(position)
    while (position < wanted.sizeBytes) {
      const before = position
      try {
        const call = {
          id: wanted.id,
          offset: position,
          signal,
          ...(wanted.key === undefined ? {} : { key: wanted.key }),
          ...(wanted.timeoutMs === undefined ? {} : { timeoutMs: wanted.timeoutMs }),
        }
        for await (const bytes of node.read(call)) {
          if (position + bytes.byteLength > wanted.sizeBytes) throw new LongerThanSaidError({ id: wanted.id })
          await written.append(bytes)
          position += bytes.byteLength
          onBytes(position)
        }
        if (position === before) throw new NodeLostError({ url: 'this machine' })
      } catch (error) {
        // Broken off in the middle: asking again gives the rest, or the reason.
        if (!isKizunaError(error, 'NODE_LOST') || signal.aborted) throw error
        fruitless = position > before ? 0 : fruitless + 1
        if (fruitless >= ATTEMPTS_MAX) throw error
        await clock.sleep(ATTEMPT_DELAY_MS * 2 ** fruitless, signal)
      }
    }
    await written.finish()
    return resumedAt
  } finally {
    await written.close()
  }
}

async function putInPlace(folder: HeldFolder, part: string, output: string, force: boolean): Promise<void> {
  const place = join(folder.path, basename(output))
  if (force) await rename(part, place)
  else {
    try {
      // Unlike a rename, a link never replaces what somebody put there meanwhile.
      await link(part, place)
      await rm(part)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') throw new OutputExistsError({ path: output })
      if (await exists(place)) throw new OutputExistsError({ path: output })
      await rename(part, place)
    }
  }
  const handle = await open(folder.path, 'r')
  try {
    await handle.sync()
  } catch {
    // Some systems cannot sync a folder; the file itself is safe.
  } finally {
    await handle.close()
  }
}

/** Runs file work; refusals of the operating system become a typed error about the output. */
export async function inWritingTo<Result>(output: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (isKizunaError(error) || code === undefined || syscall === undefined) throw error
    throw new OutputUnwritableError({ path: output, systemCode: code, cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}
