import { constants, lstat, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from 'node:process'

/** Windows has neither flag. */
const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = constants
/** Linux reaches what stands in an open folder through it, whatever becomes of the folder's name meanwhile. */
const REACHES_THROUGH = platform === 'linux'

/** A folder that is held open. */
export interface HeldFolder {
  /** To be joined with names of what stands in it; good until `close`. */
  readonly path: string
  close(): Promise<void>
}

/** Holds a folder that the user named, links and all. @throws the operating system's error */
export function holdFolder(path: string): Promise<HeldFolder> {
  return hold(path, O_RDONLY | O_DIRECTORY)
}

/**
 * Holds a folder below another, `create` making those that are missing. A link in the place of any of them is
 * refused, also one that is put there at the last moment: elsewhere than on Linux it is looked for before.
 * @throws the operating system's error, ELOOP or ENOTDIR for a link
 */
export async function enterFolder(
  from: HeldFolder,
  names: readonly string[],
  { create }: { create: boolean },
): Promise<HeldFolder> {
  let folder = await hold(from.path, O_RDONLY | O_DIRECTORY)
  for (const name of names) {
    const path = join(folder.path, name)
    try {
      if (create) await makeFolder(path)
      if (!(await lstat(path)).isDirectory()) throw Object.assign(new Error('not a folder'), REFUSED)
      const next = await hold(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      await folder.close()
      folder = next
    } catch (error) {
      await folder.close()
      throw error
    }
  }
  return folder
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** As the system says it. */
const REFUSED = { code: 'ENOTDIR', syscall: 'open' }

async function hold(path: string, flags: number): Promise<HeldFolder> {
  if (!REACHES_THROUGH) return { path, close: async () => {} }
  const handle = await open(path, flags)
  return { path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() }
}
