import type { Stats } from 'node:fs'
import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../core/random.ts'
import { HomeUnusableError, NodeRunningError } from './errors.ts'
import { type FileLock, takeFileLock } from './file-lock.ts'

const LOCK_FILE = 'lock'
/** The rights of everybody but the owner. */
const OTHERS = 0o077
/** In the place of the system's code: the folder is another user's. */
const NOT_OWNED = 'it belongs to another user'

/**
 * Makes the data folder one that only its owner can look into (0700), also when it is there already.
 * @throws HomeUnusableError also when it belongs to somebody else, who could put other files into it
 */
export async function makePrivateFolder(path: string): Promise<void> {
  const { uid, mode } = await makeFolder(path)
  const self = process.getuid?.()
  // Windows has neither owners nor modes of this kind.
  if (self === undefined) return
  if (uid !== self) throw new HomeUnusableError({ home: path, systemCode: NOT_OWNED })
  // Files in it are 0600, but a folder that others can read shows them names, sizes and times.
  if ((mode & OTHERS) !== 0) await orUnusable(path, chmod(path, 0o700))
}

/** Makes a folder, with those above it; one that is there stays as its owner wants it. @throws HomeUnusableError */
export async function makeFolder(path: string): Promise<Stats> {
  await orUnusable(path, mkdir(path, { recursive: true, mode: 0o700 }))
  const found = await orUnusable(path, stat(path))
  if (!found.isDirectory()) throw new HomeUnusableError({ home: path, systemCode: 'ENOTDIR' })
  return found
}

async function orUnusable<Result>(home: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    const systemCode = String((error as NodeJS.ErrnoException).code ?? 'unknown')
    throw new HomeUnusableError({ home, systemCode, cause: error })
  }
}

/**
 * Takes a data folder for this process.
 * @throws NodeRunningError, HomeUnusableError
 */
export async function lockFolder(home: string, random: Random): Promise<FileLock> {
  const taken = await orUnusable(home, takeFileLock(join(home, LOCK_FILE), random))
  if ('heldBy' in taken) throw new NodeRunningError({ home, pid: taken.heldBy })
  return taken
}
