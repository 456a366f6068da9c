import { createHash } from 'node:crypto'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Disk } from './disk.ts'
import { DiskError, IndexDamagedError } from './errors.ts'
import { type IndexDatabase, openIndexDatabase } from './index-database.ts'
import { writeTwofold } from './twofold-writes.ts'

/** Longest seal that is read (bytes). */
const SEAL_BYTES_MAX = 1024
/** Read at a time while a database's hash is made (bytes). */
const HASH_WINDOW_BYTES = 4 * 1024 * 1024

/** Refusals that say nothing about the bytes: the file would be as it was a moment later. */
const PASSING_CODES: readonly unknown[] = ['EMFILE', 'ENFILE', 'EACCES', 'EPERM', 'EROFS', 'EBUSY', 'ENOMEM']

/** What is wrong with a database. */
interface Fault {
  reason: string
  /** The disk did not let it be read. */
  refusal?: DiskError
}

/** The index, kept twice. */
export interface TwofoldIndex {
  index: IndexDatabase
  /** Closes both and leaves the seal that proves at the next start that neither changed meanwhile. */
  close(): Promise<void>
}

/** SHA-256 (hex) of both databases while nobody has them open; `null` for a copy that is not up to date. */
interface Seal {
  index: string
  copy: string | null
}

/** Paths of the index and of what stands beside it. */
interface Places {
  path: string
  copyPath: string
  sealPath: string
}

/**
 * Opens the index database and its second copy, to which every write goes as well. What the index says cannot be
 * found again from elsewhere (what is kept, and for whom), so damage to either file must cost nothing.
 *
 * After an orderly end the seal tells exactly which file rotted. Without it the index is checked by SQLite, which
 * takes about a second for a million chunks, and the copy is made anew. The copy is not synced at each
 * commit: after a power cut it may miss the last ones, which costs something only if the index rotted as well.
 * @throws IndexDamagedError when neither can be used; DiskError, DiskFullError
 */
export async function openTwofoldIndex(
  parts: { disk: Disk; log: Logger },
  options: { path: string },
): Promise<TwofoldIndex> {
  const { disk, log } = parts
  const { path } = options
  const places: Places = { path, copyPath: `${path}-copy`, sealPath: `${path}-seal` }
  const { isCopyCurrent, wasRestored } = await makeSound(disk, log, places)
  // Before the first write: a seal must never outlive what it speaks of.
  if (await disk.remove(places.sealPath)) await disk.syncFolder('')
  if (!isCopyCurrent) await refreshCopy(disk, log, places)
  const index = openIndexDatabase(disk.openDatabase(path))
  const twofold = writeTwofold(index, openCopy(disk, log, places), {
    wasRestored,
    onCopyLost: (error) => log.warn('index copy lost', { error }),
  })
  return {
    index: twofold,
    async close() {
      const isCurrent = twofold.isCopyCurrent
      twofold.close()
      try {
        const seal: Seal = {
          index: await hashOf(disk, path),
          copy: isCurrent ? await hashOf(disk, places.copyPath) : null,
        }
        await disk.writeFile(places.sealPath, Buffer.from(JSON.stringify(seal)))
      } catch (error) {
        // Without it the next start checks more.
        log.warn('index not sealed', { error })
      }
    },
  }
}

/** Leaves a usable index at its path, from its copy if need be. */
async function makeSound(
  disk: Disk,
  log: Logger,
  { path, copyPath, sealPath }: Places,
): Promise<{ isCopyCurrent: boolean; wasRestored: boolean }> {
  const hasIndex = ((await disk.sizeOf(path)) ?? 0) > 0
  const hasCopy = ((await disk.sizeOf(copyPath)) ?? 0) > 0
  if (!hasIndex && !hasCopy) return { isCopyCurrent: false, wasRestored: false }
  const seal = await readSeal(disk, sealPath)
  const gone: Fault = { reason: 'it is gone' }
  const fault = hasIndex ? await faultOf(disk, path, seal?.index) : gone
  if (fault === undefined) {
    const isCopyCurrent = hasCopy && (await isVouchedFor(disk, copyPath, seal))
    return { isCopyCurrent, wasRestored: false }
  }
  log.warn('index damaged', { reason: fault.reason })
  const copyFault = hasCopy ? await faultOf(disk, copyPath, seal?.copy ?? undefined) : gone
  if (copyFault === undefined) {
    await disk.copyDatabase(copyPath, path)
    log.warn('index restored from its copy', {})
    return { isCopyCurrent: false, wasRestored: true }
  }
  // The seal may be what rotted: then SQLite's own check has the word.
  if (hasIndex && (await faultOf(disk, path, undefined)) === undefined) {
    return { isCopyCurrent: false, wasRestored: true }
  }
  // A disk that lets neither be read has said nothing about what they hold.
  if (fault.refusal !== undefined && copyFault.refusal !== undefined) throw fault.refusal
  throw new IndexDamagedError({ path, copyPath, reason: `${fault.reason}; ${copyFault.reason}` })
}

/** A copy that no seal vouches for may lag behind. */
async function isVouchedFor(disk: Disk, path: string, seal: Seal | undefined): Promise<boolean> {
  if (seal === undefined || seal.copy === null) return false
  try {
    return (await hashOf(disk, path)) === seal.copy
  } catch {
    // Made anew then, as far as the disk lets it.
    return false
  }
}

/**
 * What is wrong with a database that nobody has open; undefined when it is as it should be.
 * @throws DiskError when it cannot be looked at now, which is no reason to put the copy in its place
 */
async function faultOf(disk: Disk, path: string, sealed: string | undefined): Promise<Fault | undefined> {
  try {
    if (sealed !== undefined) {
      const isSame = (await hashOf(disk, path)) === sealed
      return isSame ? undefined : { reason: 'its bytes changed while it was closed' }
    }
    const database = disk.openDatabase(path)
    try {
      const row = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
      return row.quick_check === 'ok' ? undefined : { reason: `SQLite finds ${row.quick_check}` }
    } finally {
      database.close()
    }
  } catch (error) {
    const refusal = error instanceof DiskError ? error : undefined
    if (PASSING_CODES.includes(refusal?.details.systemCode)) throw error
    return { reason: (error as Error).message, ...(refusal === undefined ? {} : { refusal }) }
  }
}

async function refreshCopy(disk: Disk, log: Logger, { path, copyPath }: Places): Promise<void> {
  try {
    await disk.copyDatabase(path, copyPath)
  } catch (error) {
    // The node works without; the next start tries again.
    log.warn('index copy not made', { error })
  }
}

function openCopy(disk: Disk, log: Logger, { copyPath }: Places): IndexDatabase | undefined {
  try {
    const database = disk.openDatabase(copyPath)
    database.exec('PRAGMA synchronous = NORMAL')
    return openIndexDatabase(database)
  } catch (error) {
    log.warn('index copy not opened', { error })
    return undefined
  }
}

async function readSeal(disk: Disk, path: string): Promise<Seal | undefined> {
  try {
    const seal = JSON.parse(Buffer.from(await disk.readFile(path, SEAL_BYTES_MAX)).toString()) as Seal
    return typeof seal.index === 'string' ? seal : undefined
  } catch {
    return undefined
  }
}

/** SHA-256 (hex) of a file; of nothing for a database in memory, which has none. */
async function hashOf(disk: Disk, path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    const file = await disk.open(path, 'read')
    try {
      for (let position = 0; ; ) {
        const bytes = await file.read(position, HASH_WINDOW_BYTES)
        if (bytes.byteLength === 0) break
        hash.update(bytes)
        position += bytes.byteLength
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!isKizunaError(error, 'FILE_MISSING')) throw error
  }
  return hash.digest('hex')
}
