import type { Disk, SavedFile } from './disk.ts'
import { parentOf } from './disk-path.ts'

/** What `saveFile` of a disk does, one call after the other. */
export async function saveFileInSteps(
  disk: Pick<Disk, 'open' | 'makeFolder' | 'rename' | 'remove'>,
  { path, temporary, bytes, makesFolder }: SavedFile,
): Promise<void> {
  const file = await disk.open(temporary, 'create')
  try {
    try {
      await file.write(0, bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    if (makesFolder === true) await disk.makeFolder(parentOf(path))
    await disk.rename(temporary, path)
  } catch (error) {
    await disk.remove(temporary).catch(() => false)
    throw error
  }
}

/** What `loadFile` of a disk does, one call after the other. */
export async function loadFileInSteps(
  disk: Pick<Disk, 'open'>,
  path: string,
  length: number,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const file = await disk.open(path, 'read')
  try {
    return await file.read(0, length, into)
  } finally {
    await file.close()
  }
}

/** What `syncFolders` of a disk does, folder by folder. */
export async function syncFoldersInSteps(
  disk: Pick<Disk, 'syncFolder'>,
  paths: readonly string[],
): Promise<void> {
  await Promise.all(paths.map((path) => disk.syncFolder(path)))
}
