import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { Random } from '../core/random.ts'
import { identityOf, isRunning, type ProcessIdentity } from './process-identity.ts'

const LOCK_BYTES_MAX = 256
/** Processes that take over the same stale lock at once; one of them wins within a few rounds. */
const TAKEOVER_ROUNDS_MAX = 5

/** Locks of this process, by path: a second taker in the same process must be refused as well. */
const heldHere = new Set<string>()

/** A lock that is held until released, or until this process is gone. */
export interface FileLock {
  release(): Promise<void>
}

/**
 * Takes a lock for this process, or says which process holds it. A lock whose process is gone is taken over; a
 * process id that was given to another program since is recognised by its start time where the system tells it
 * (Linux).
 * @throws the operating system's error when the lock cannot be written.
 */
export async function takeFileLock(path: string, random: Random): Promise<FileLock | { heldBy: number }> {
  if (heldHere.has(path)) return { heldBy: process.pid }
  heldHere.add(path)
  try {
    const refused = await take(path, random)
    if (refused !== undefined) {
      heldHere.delete(path)
      return refused
    }
  } catch (error) {
    heldHere.delete(path)
    throw error
  }
  return {
    async release() {
      if (heldHere.delete(path)) await rm(path, { force: true })
    },
  }
}

async function take(path: string, random: Random): Promise<{ heldBy: number } | undefined> {
  const mine = JSON.stringify(identityOf(process.pid))
  for (let round = 0; round < TAKEOVER_ROUNDS_MAX; round++) {
    if (await createLock(path, mine, random)) return undefined
    const text = await readLock(path)
    if (text === undefined) continue
    const holder = parseLock(text)
    if (holder !== undefined && holds(holder)) return { heldBy: holder.pid }
    // Moved away rather than removed: who moves it has it alone, and can look at what it moved.
    const aside = asideOf(path, random)
    try {
      await rename(path, aside)
    } catch {
      continue
    }
    const moved = await readLock(aside)
    if (moved !== undefined && moved !== text) await rename(aside, path)
    else await rm(aside, { force: true })
  }
  return { heldBy: parseLock((await readLock(path)) ?? '')?.pid ?? 0 }
}

/** Written aside and linked, so that nobody ever sees a lock without its holder. */
async function createLock(path: string, text: string, random: Random): Promise<boolean> {
  const draft = asideOf(path, random)
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

function asideOf(path: string, random: Random): string {
  return `${path}.${Buffer.from(random.bytes(6)).toString('hex')}`
}

async function readLock(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).slice(0, LOCK_BYTES_MAX)
  } catch {
    return undefined
  }
}

function parseLock(text: string): ProcessIdentity | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<ProcessIdentity>
    return Number.isSafeInteger(pid) && (pid ?? 0) > 0
      ? { pid: pid ?? 0, started: String(started ?? '') }
      : undefined
  } catch {
    // Torn by a crash while it was written: nobody holds it.
    return undefined
  }
}

function holds(holder: ProcessIdentity): boolean {
  // Our own id in a lock that we do not hold is from an earlier life, as happens in containers.
  return holder.pid !== process.pid && isRunning(holder)
}
