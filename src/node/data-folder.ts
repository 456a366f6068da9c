import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../core/random.ts'
import { HomeUnusableError, NodeRunningError } from './errors.ts'
import { type FileLock, takeFileLock } from './file-lock.ts'

const LOCK_FILE = 'lock'

/** Makes a folder that only its owner can look into (0700), with those above it. @throws HomeUnusableError */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode: 0o700 })
    if (made === undefined && !(await stat(path)).isDirectory())
      throw Object.assign(new Error(), { code: 'ENOTDIR' })
    if (made !== undefined) await chmod(path, 0o700)
  } catch (error) {
    const systemCode = String((error as NodeJS.ErrnoException).code ?? 'unknown')
    throw new HomeUnusableError({ home: path, systemCode, cause: error })
  }
}

/**
 * Takes a data folder for this process.
 * @throws NodeRunningError, HomeUnusableError
 */
export async function lockFolder(home: string, random: Random): Promise<FileLock> {
  let taken: Awaited<ReturnType<typeof takeFileLock>>
  try {
    taken = await takeFileLock(join(home, LOCK_FILE), random)
  } catch (error) {
    const systemCode = String((error as NodeJS.ErrnoException).code ?? 'unknown')
    throw new HomeUnusableError({ home, systemCode, cause: error })
  }
  if ('heldBy' in taken) throw new NodeRunningError({ home, pid: taken.heldBy })
  return taken
}
