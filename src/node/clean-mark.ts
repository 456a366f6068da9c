import { isKizunaError } from '../core/kizuna-error.ts'
import type { Disk } from '../storage/disk.ts'

/** Stands in the data folder while no node runs, when the last one saved everything before it ended. */
const MARK_FILE = 'clean-shutdown'
const IDENTITY_FILE = 'identity.key'
const MARK_BYTES_MAX = 1024

/** Takes the mark away at the start. @returns whether the last stop was clean; a first start counts as clean. */
export async function takeCleanMark(disk: Disk): Promise<boolean> {
  try {
    await disk.readFile(MARK_FILE, MARK_BYTES_MAX)
  } catch (error) {
    if (!isKizunaError(error, 'FILE_MISSING')) return false
    return (await disk.sizeOf(IDENTITY_FILE)) === undefined
  }
  await disk.remove(MARK_FILE)
  return true
}

/** Leaves the mark after everything was saved. */
export async function leaveCleanMark(
  disk: Disk,
  facts: { stoppedAt: number; version: string },
): Promise<void> {
  await disk.writeFile(MARK_FILE, Buffer.from(`${JSON.stringify(facts)}\n`))
}
