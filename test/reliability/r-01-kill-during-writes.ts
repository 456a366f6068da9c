/**
 * what was acknowledged survives. A child process works on a real disk and is killed, by itself at a named
 * point or by us at a random moment, again and again on the same folder, also while it recovers from the last kill.
 * Beside it the same work on a memory disk whose power is cut, which loses, reorders and tears what was not synced;
 * and how soon a large store is ready again.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Random, SeededRandom } from '../../src/core/random.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { CRASH_POINTS } from './crash-child.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'
import { Ledger, openStorageUnderTest, workOnStorage } from './storage-under-test.ts'
import { type Opening, timeToReady } from './time-to-ready.ts'

const CHILD = join(import.meta.dirname, 'crash-child.ts')
const COUNTS = {
  gate: { kills: 50, cuts: 50, stores: [10_000] },
  night: { kills: 500, cuts: 500, stores: [10_000, 1_000_000] },
  release: { kills: 2_000, cuts: 1_000, stores: [10_000, 1_000_000] },
} as const
/** Lives on one folder before a new one is taken; the longer, the more there is to read after each. */
const LIVES_PER_FOLDER = 12
/** A point that is not reached by then is not on the way this time; the child is killed all the same. */
const POINT_MS_MAX = 400
/** By the number of chunks; of processor time, because the files are in memory and other programs want it, too. */
const READY_MS_MAX = { 10000: 2_000, 1000000: 10_000 } as const
/** A machine that does other things makes everything so much slower; what waits longer waits for something of ours. */
const BUSY_FACTOR = 3

export const check: ReliabilityCheck = {
  row: 'R-01',
  title: 'kill -9 and power cuts during writes',
  goal: '2,000 kills and 1,000 power cuts: 0 acknowledged items lost, 0 torn ones visible, 0 manual repairs; ready in ≤ 2 s of a core with 10,000 chunks, ≤ 10 s with 1,000,000 (a night and with --release)',
  async run(options) {
    const counts = COUNTS[options.scale]
    const folder = mkdtempSync(join(tmpdir(), 'kizuna-r01-'))
    try {
      const kills = await killOften(folder, counts.kills, options)
      const cuts = await cutOften(counts.cuts, options)
      const failures = [...kills.failures, ...cuts.failures]
      const ready: string[] = []
      for (const chunks of counts.stores) {
        const limitMs = READY_MS_MAX[chunks]
        const { signal } = options
        const times = await timeToReady(join(folder, 'large'), { chunks, limitMs, signal })
        const { afterKill, afterStop } = times
        const text = `with ${chunks.toLocaleString('en')} chunks in ${timeOf(afterKill)} after a kill, in ${timeOf(afterStop)} after a stop`
        options.progress(`ready ${text}`)
        ready.push(text)
        const isLate = [afterKill, afterStop].some(
          ({ wallMs, cpuMs }) => cpuMs > limitMs || wallMs > BUSY_FACTOR * limitMs,
        )
        if (isLate) failures.push(`ready only ${text}`)
      }
      return {
        figure:
          `${counts.kills} kills (${kills.points.size} of ${CRASH_POINTS.length} named points reached) and ` +
          `${counts.cuts} power cuts: ${kills.checked + cuts.checked} acknowledged items looked up, ` +
          `${failures.length} failures; ready ${ready.join('; ')}`,
        reached: failures.length === 0 && kills.points.size >= 12,
        failures: failures.slice(0, 20),
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

function timeOf({ wallMs, cpuMs }: Opening): string {
  return `${wallMs.toLocaleString('en')} ms (${cpuMs.toLocaleString('en')} ms of a core)`
}

async function killOften(
  base: string,
  kills: number,
  { seed, signal, progress }: ReliabilityOptions,
): Promise<{ failures: string[]; points: Set<string>; checked: number }> {
  const failures: string[] = []
  const points = new Set<string>()
  let checked = 0
  let ledger = new Ledger()
  let read = 0
  for (let round = 0; round < kills; round++) {
    signal.throwIfAborted()
    const life = round % LIVES_PER_FOLDER
    const folder = join(base, `kill-${Math.floor(round / LIVES_PER_FOLDER)}`)
    const acknowledgements = `${folder}.acknowledged`
    if (life === 0) {
      ledger = new Ledger()
      read = 0
    }
    const random = new SeededRandom(seed * 100_003 + round)
    // Two of three at a named point, each in turn; the others whenever it happens.
    const point =
      round % 3 === 2 ? undefined : CRASH_POINTS[(round - Math.floor(round / 3)) % CRASH_POINTS.length]
    const reached = await killChild({ folder, acknowledgements, random, point: point?.name })
    if (reached && point !== undefined) points.add(point.name)
    const lines = existsSync(acknowledgements) ? readFileSync(acknowledgements, 'utf8').split('\n') : []
    for (const line of lines.slice(read, -1)) ledger.note(line)
    read = Math.max(read, lines.length - 1)
    try {
      const storage = await openStorageUnderTest(createFileDisk(folder))
      const wrong = await ledger.check(storage)
      checked += ledger.chunks.size + ledger.pins.size + ledger.rows.size
      failures.push(
        ...wrong.map((one) => `seed ${seed} kill ${round} (${point?.name ?? 'any time'}): ${one}`),
      )
      // Every other life ends as it began, so that kills also meet the leftovers of kills.
      if (round % 2 === 0) await storage.close()
      else storage.index.close()
    } catch (error) {
      failures.push(`seed ${seed} kill ${round} (${point?.name ?? 'any time'}): not ready again: ${error}`)
    }
    if (life === LIVES_PER_FOLDER - 1) rmSync(folder, { recursive: true })
    if (round % 50 === 49)
      progress(`${round + 1} kills, ${checked} items looked up, ${failures.length} failures`)
  }
  return { failures, points, checked }
}

/** Lets a child work until it is dead; true when it reached its point. */
function killChild(options: {
  folder: string
  acknowledgements: string
  random: Random
  point: string | undefined
}): Promise<boolean> {
  const { folder, acknowledgements, random, point } = options
  const words = [CHILD, folder, acknowledgements, String(random.integer(2 ** 31))]
  if (point !== undefined) words.push(point, String(1 + random.integer(random.integer(2) === 0 ? 2 : 12)))
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  // Sometimes before it is even ready: a kill may meet the recovery from the last one.
  const hurry = point === undefined && random.integer(3) === 0
  let timer = hurry ? setTimeout(() => child.kill('SIGKILL'), 60 + random.integer(240)) : undefined
  let reached = false
  child.stdout.on('data', (data: Buffer) => {
    reached ||= data.includes('reached')
    if (!data.includes('ready') || timer !== undefined) return
    timer = setTimeout(() => child.kill('SIGKILL'), point === undefined ? random.integer(150) : POINT_MS_MAX)
  })
  return new Promise((resolve) =>
    child.once('close', () => {
      clearTimeout(timer)
      resolve(reached)
    }),
  )
}

async function cutOften(
  cuts: number,
  { seed, signal, progress }: ReliabilityOptions,
): Promise<{ failures: string[]; checked: number }> {
  const failures: string[] = []
  let checked = 0
  let disk = new MemoryDisk()
  let ledger = new Ledger()
  for (let round = 0; round < cuts; round++) {
    signal.throwIfAborted()
    if (round % LIVES_PER_FOLDER === 0) {
      disk = new MemoryDisk()
      ledger = new Ledger()
    }
    const random = new SeededRandom(seed * 100_019 + round)
    let isOn = true
    // Also while it opens: what is being recovered may be cut off again.
    const life = async () => {
      const storage = await openStorageUnderTest(disk.session())
      await workOnStorage(storage, {
        random,
        steps: 30,
        acknowledge: (line) => {
          if (isOn) ledger.note(line)
        },
      })
    }
    const running = life().catch(() => {})
    for (let turns = random.integer(4_000); turns > 0; turns--) await null
    isOn = false
    disk.crash(random)
    await running
    try {
      const storage = await openStorageUnderTest(disk.session())
      failures.push(...(await ledger.check(storage)).map((one) => `seed ${seed} cut ${round}: ${one}`))
      checked += ledger.chunks.size + ledger.pins.size + ledger.rows.size
      if (round % 2 === 0) await storage.close()
      else disk.crash(random)
    } catch (error) {
      failures.push(`seed ${seed} cut ${round}: not ready again: ${error}`)
    }
    if (round % 100 === 99) progress(`${round + 1} power cuts, ${failures.length} failures`)
  }
  return { failures, checked }
}
