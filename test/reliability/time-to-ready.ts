import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL('./large-store-child.ts', import.meta.url))
/** Memory that looks like a disk, on Linux: filling waits for no disk there. */
const QUICK_FOLDER = '/dev/shm'
const QUICK_BYTES_MIN = 4 * 2 ** 30
const PREFIX = 'kizuna-r01-'
/** No run takes so long: what is older was left by one that was killed, and takes memory. */
const LEFT_MS = 6 * 3_600_000
/** A busy machine may make one opening slow; what the store itself needs it needs every time. */
const TRIES = 3

/** How long an opening took, in all and of one processor. */
export interface Opening {
  wallMs: number
  cpuMs: number
}

/** How long a store of so many chunks takes to be ready. */
export interface TimeToReady {
  afterKill: Opening
  afterStop: Opening
}

/**
 * Fills a store in a process of its own, which is killed while it stores on, and opens what is left on the real disk:
 * first as the kill left it, then after a stop in order. The pages of its files are in the system's memory.
 *
 * @param folder on the real disk; made and left behind.
 * @throws Error when a chunk that was stored is not there.
 */
export async function timeToReady(
  folder: string,
  input: { chunks: number; limitMs: number; signal: AbortSignal },
): Promise<TimeToReady> {
  const { chunks, limitMs, signal } = input
  removeLeft()
  const filled = mkdtempSync(join(isQuickThere() ? QUICK_FOLDER : dirname(folder), PREFIX))
  try {
    await fillAndKill(filled, chunks, signal)
    let best: TimeToReady | undefined
    for (let attempt = 0; attempt < TRIES; attempt++) {
      rmSync(folder, { recursive: true, force: true })
      cpSync(filled, folder, { recursive: true })
      const afterKill = await open(folder, chunks, signal)
      const afterStop = await open(folder, chunks, signal)
      best = {
        afterKill: quicker(best?.afterKill, afterKill),
        afterStop: quicker(best?.afterStop, afterStop),
      }
      if (Math.max(best.afterKill.wallMs, best.afterStop.wallMs) <= limitMs) break
    }
    return best as TimeToReady
  } finally {
    rmSync(filled, { recursive: true, force: true })
  }
}

function quicker(one: Opening | undefined, other: Opening): Opening {
  return one === undefined || other.wallMs < one.wallMs ? other : one
}

function isQuickThere(): boolean {
  try {
    const { bavail, bsize } = statfsSync(QUICK_FOLDER)
    return bavail * bsize >= QUICK_BYTES_MIN
  } catch {
    return false
  }
}

function removeLeft(): void {
  if (!isQuickThere()) return
  for (const name of readdirSync(QUICK_FOLDER)) {
    const path = join(QUICK_FOLDER, name)
    const isLeft = name.startsWith(PREFIX) && Date.now() - statSync(path).mtimeMs > LEFT_MS
    if (isLeft) rmSync(path, { recursive: true, force: true })
  }
}

async function fillAndKill(folder: string, chunks: number, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, [CHILD, folder, 'fill', String(chunks)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise<void>((resolve, reject) =>
    child.once('error', reject).once('close', () => resolve()),
  )
  for await (const line of createInterface({ input: child.stdout })) {
    const { filled } = JSON.parse(line) as { filled: number }
    if (filled !== chunks) throw new Error(`${filled} of ${chunks} chunks were stored`)
    child.kill('SIGKILL')
  }
  await ended
}

async function open(folder: string, chunks: number, signal: AbortSignal): Promise<Opening> {
  const child = spawn(process.execPath, [CHILD, folder, 'open'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  )
  let opening: (Opening & { chunks: number }) | undefined
  for await (const line of createInterface({ input: child.stdout })) opening = JSON.parse(line)
  const code = await ended
  if (opening === undefined || code !== 0) throw new Error(`the store did not open: ${code}`)
  // Of what was being stored when the kill came, some may be there besides.
  if (opening.chunks < chunks) throw new Error(`${opening.chunks} of ${chunks} chunks after the restart`)
  return { wallMs: opening.wallMs, cpuMs: opening.cpuMs }
}
