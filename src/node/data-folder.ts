import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../core/random.ts'
import { HomeUnusableError, NodeRunningError } from './errors.ts'

const LOCK_FILE = 'lock'
const LOCK_BYTES_MAX = 256
/** Two processes that take over the same stale lock at once; one of them wins within a few rounds. */
const TAKEOVER_ROUNDS_MAX = 5

/** Locks of this process, by path: another node in the same process must be refused as well. */
const heldHere = new Set<string>()

/** The right to be the only node on a data folder. */
export interface FolderLock {
  release(): Promise<void>
}

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
 * Takes a data folder for this process. A lock whose process is gone is taken over; a process id that was given
 * to another program since is recognised by its start time where the system tells it (Linux).
 * @throws NodeRunningError, HomeUnusableError
 */
export async function lockFolder(home: string, random: Random): Promise<FolderLock> {
  const path = join(home, LOCK_FILE)
  if (heldHere.has(path)) throw new NodeRunningError({ home, pid: process.pid })
  heldHere.add(path)
  try {
    await takeLock(home, path, random)
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

async function takeLock(home: string, path: string, random: Random): Promise<void> {
  const mine = JSON.stringify({ pid: process.pid, started: await startTimeOf(process.pid) })
  for (let round = 0; round < TAKEOVER_ROUNDS_MAX; round++) {
    if (await createLock(home, path, mine, random)) return
    const text = await readLock(path)
    if (text === undefined) continue
    const holder = parseLock(text)
    if (holder !== undefined && (await isAlive(holder))) throw new NodeRunningError({ home, pid: holder.pid })
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
  throw new NodeRunningError({ home, pid: parseLock((await readLock(path)) ?? '')?.pid ?? 0 })
}

/** Written aside and linked, so that nobody ever sees a lock without its holder. */
async function createLock(home: string, path: string, text: string, random: Random): Promise<boolean> {
  const draft = asideOf(path, random)
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
    await link(draft, path)
    return true
  } catch (error) {
    const systemCode = String((error as NodeJS.ErrnoException).code ?? 'unknown')
    if (systemCode === 'EEXIST') return false
    throw new HomeUnusableError({ home, systemCode, cause: error })
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

interface Holder {
  pid: number
  started: string
}

function parseLock(text: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<Holder>
    return Number.isSafeInteger(pid) && (pid ?? 0) > 0
      ? { pid: pid ?? 0, started: String(started ?? '') }
      : undefined
  } catch {
    // Torn by a crash while it was written: nobody holds it.
    return undefined
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  // Our own id in a lock that we do not hold is from an earlier life, as happens in containers.
  if (holder.pid === process.pid) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const started = await startTimeOf(holder.pid)
  return started === '' || holder.started === '' || started === holder.started
}

/** When a process started, in the system's own terms; empty where the system does not tell. */
async function startTimeOf(pid: number): Promise<string> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The 22nd field (proc(5)); the second may hold spaces and ends with the last bracket.
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
