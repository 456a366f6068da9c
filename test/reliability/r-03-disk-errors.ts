/**
 * errors of the disk. A scenario counts its calls of the disk and the index; then it runs again for each of
 * them with that call failing, once or from then on, in each of five ways. And the real thing: a small file system
 * that fills up, by bytes and by names, and a quota measured with the blocks that the folder really takes.
 */
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isKizunaError, toKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { chunkOf } from '../../src/storage/chunk.ts'
import { createFileDisk, toDiskError } from '../../src/storage/file-disk.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { createQuotaChunkStore, quotaOfFolder } from '../../src/storage/quota-chunk-store.ts'
import type { FullDiskOutcome } from './full-disk-child.ts'
import { hookDisk, type StorageCall, type StorageHooks } from './hooked-disk.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'
import { Ledger, openStorageUnderTest, workOnStorage } from './storage-under-test.ts'

const CODES = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'EROFS'] as const
type Code = (typeof CODES)[number]
const MODES = ['once', 'from then on'] as const
type Mode = (typeof MODES)[number]
/** Calls that a disk without room, or one that may only be read, still answers. */
const READING = new Set(['open', 'read', 'readFile', 'measure', 'list', 'sizeOf', 'space', 'openDatabase'])
/** How many of the call sites are tried: every one, or every so many-th in turn with each code. */
const STRIDE = { gate: 30, night: 1, release: 1 } as const
const QUOTA_BYTES = { gate: 32, night: 256, release: 2048 } as const
const CHILD = join(import.meta.dirname, 'full-disk-child.ts')
const MIB = 1024 * 1024

export const check: ReliabilityCheck = {
  row: 'R-03',
  title: 'full disks and errors at every call',
  goal: 'every call × 5 errors: 0 crashes, 0 corrupt index, nothing acknowledged lost, reads go on, writes resume ≤ 5 s; quota overshoot ≤ 1 % with metadata',
  async run(options) {
    const failures: string[] = []
    const crashes = (error: unknown) => failures.push(`unhandled: ${error}`)
    process.on('unhandledRejection', crashes)
    const injected = await failEveryCall(options)
    failures.push(...injected.failures)
    process.off('unhandledRejection', crashes)
    const real = fillRealDisks()
    failures.push(...real.failures)
    const overshoot = await overshootOfQuota(QUOTA_BYTES[options.scale] * MIB)
    if (overshoot > 0.01) failures.push(`quota overshot by ${percent(overshoot)}`)
    return {
      figure:
        `${injected.runs} runs over ${injected.sites} of ${injected.calls} calls × ${CODES.length} errors × ${MODES.length}: ${injected.failures.length} failures; ` +
        `${real.figure}; quota overshot by ${percent(Math.max(overshoot, 0))} (${percent(1 + overshoot)} of ${QUOTA_BYTES[options.scale]} MiB used)`,
      reached: failures.length === 0,
      failures: failures.slice(0, 20),
    }
  },
}

async function failEveryCall({ scale, seed, signal, progress }: ReliabilityOptions) {
  const calls: StorageCall[] = []
  await runScenario(seed, { hooks: { before: (call) => calls.push(call) }, failsFrom: undefined })
  const failures: string[] = []
  const sites = new Set<number>()
  let runs = 0
  for (const [place, code] of CODES.entries()) {
    for (const mode of MODES) {
      for (let nth = (place * 5) % STRIDE[scale]; nth < calls.length; nth += STRIDE[scale]) {
        signal.throwIfAborted()
        sites.add(nth)
        runs++
        const wrong = await runWithFault(seed, { nth, code, mode })
        const { operation, path } = calls[nth] as StorageCall
        failures.push(
          ...wrong.map((one) => `seed ${seed} call ${nth} (${operation} ${path}) ${code} ${mode}: ${one}`),
        )
      }
      progress(`${code} ${mode}: ${runs} runs, ${failures.length} failures`)
    }
  }
  return { runs, calls: calls.length, sites: sites.size, failures }
}

function runWithFault(seed: number, fault: { nth: number; code: Code; mode: Mode }): Promise<string[]> {
  const { nth, code, mode } = fault
  const spares = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS'
  let number = 0
  let isHealed = false
  const before = ({ operation, path }: StorageCall) => {
    const isHit = mode === 'once' ? number === nth : number >= nth && !(spares && READING.has(operation))
    number++
    if (!isHit || isHealed) return
    // SQLite answers questions from a disk that is full.
    if (spares && mode === 'from then on' && operation === 'statement') return
    throw toDiskError(Object.assign(new Error(code), { code }), operation, path)
  }
  return runScenario(seed, {
    hooks: { before },
    failsFrom: { readsGoOn: spares, heal: () => (isHealed = true) },
  })
}

/**
 * Two lives with work in each, the second after a power cut; then the fault ends and everything must be there and
 * work again.
 */
async function runScenario(
  seed: number,
  {
    hooks,
    failsFrom,
  }: { hooks: StorageHooks; failsFrom: { readsGoOn: boolean; heal: () => void } | undefined },
): Promise<string[]> {
  const wrong: string[] = []
  const memory = new MemoryDisk()
  const ledger = new Ledger()
  const random = new SeededRandom(seed)
  const refused = (error: unknown) => {
    if (!isKizunaError(error) || (error.kind !== 'busy' && error.kind !== 'unavailable')) {
      wrong.push(`an error of another kind: ${error}`)
    }
  }
  const live = async () => {
    const session = memory.session()
    const storage = await openStorageUnderTest(hookDisk(session, hooks), { hooks }).catch(refused)
    if (storage === undefined) return
    await workOnStorage(storage, {
      random,
      steps: 6,
      acknowledge: (line) => ledger.note(line),
      onRefused: refused,
    })
    for (const id of ledger.chunks) {
      await storage.chunks.get(id).catch((error: unknown) => {
        refused(error)
        if (failsFrom?.readsGoOn === true && !isKizunaError(error, 'DISK_FULL')) {
          const code = toKizunaError(error).details.systemCode
          if (code !== 'EROFS') wrong.push(`a read failed: ${error}`)
        }
      })
    }
    return storage
  }
  await live()
  memory.crash(random)
  const second = await live()
  await second?.close().catch(refused)
  failsFrom?.heal()
  if (second === undefined) memory.crash(random)
  try {
    const storage = await openStorageUnderTest(memory)
    wrong.push(...(await ledger.check(storage)))
    const { id, bytes } = chunkOf(random.bytes(20_000))
    await storage.chunks.put(id, bytes)
    const integrity = storage.index.get<{ integrity_check: string }>('PRAGMA integrity_check')
    if (integrity?.integrity_check !== 'ok') wrong.push(`index: ${integrity?.integrity_check}`)
    await storage.close()
    for (const path of memory.paths()) if (path.startsWith('chunks/tmp/')) wrong.push(`left behind: ${path}`)
  } catch (error) {
    wrong.push(`does not work after the fault ended: ${error}`)
  }
  return wrong
}

/** A file system of a few MiB in a mount name space of its own, filled by bytes and by names. */
function fillRealDisks(): { failures: string[]; figure: string } {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-r03-'))
  const failures: string[] = []
  const said: string[] = []
  try {
    for (const { what, mount, chunkBytes } of [
      { what: 'bytes', mount: 'size=96m', chunkBytes: 200_000 },
      { what: 'bytes in packs', mount: 'size=64m', chunkBytes: 16_000 },
      { what: 'names', mount: 'size=96m,nr_inodes=400', chunkBytes: 20_000 },
    ]) {
      const script = `mount -t tmpfs -o ${mount} tmpfs ${folder} && exec "$0" ${CHILD} ${folder}/home ${chunkBytes}`
      const child = spawnSync(
        'unshare',
        ['--user', '--map-root-user', '--mount', 'sh', '-c', script, process.execPath],
        { encoding: 'utf8', timeout: 120_000 },
      )
      if (child.error !== undefined || /unshare|mount/.test(child.stderr)) {
        return {
          failures,
          figure: `real full disks not tried (${child.error?.message ?? child.stderr.trim()})`,
        }
      }
      if (child.status !== 0) {
        failures.push(
          `real disk out of ${what}: the process ended with ${child.status}: ${child.stderr.slice(-500)}`,
        )
        continue
      }
      const outcome = JSON.parse(child.stdout) as FullDiskOutcome
      failures.push(...outcome.wrong.map((one) => `real disk out of ${what}: ${one}`))
      if (outcome.resumedMs > 5_000)
        failures.push(`real disk out of ${what}: writes only after ${outcome.resumedMs} ms`)
      said.push(
        `${what} ${outcome.stored} stored, ${outcome.refused} refused, again after ${outcome.resumedMs} ms`,
      )
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return { failures, figure: `real full disks (${said.join('; ')})` }
}

/** How far beyond its quota a folder grows, by the blocks that it really takes; negative when it stays below. */
async function overshootOfQuota(quotaBytes: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-r03-quota-'))
  try {
    const random = new SeededRandom(3)
    const storage = await openStorageUnderTest(createFileDisk(folder))
    const store = createQuotaChunkStore(storage.chunks, quotaOfFolder(quotaBytes))
    let isFull = false
    const fill = async () => {
      for (let misses = 0; misses < 20; ) {
        // The worst lengths for padding, beside small ones, which cost rows.
        const length = random.integer(4) === 0 ? 16_385 + random.integer(4_096) : random.integer(400)
        const { id, bytes } = chunkOf(random.bytes(Math.max(8, length)))
        try {
          await store.put(id, bytes)
          storage.pins.add({ root: id, owner: 'self' }, [id])
        } catch (error) {
          if (!isKizunaError(error, 'QUOTA_EXCEEDED')) throw error
          isFull = true
          misses++
        }
      }
    }
    await Promise.all(Array.from({ length: 16 }, fill))
    const used = bytesUnder(folder)
    await store.close()
    storage.index.close()
    return isFull ? used / quotaBytes - 1 : Number.POSITIVE_INFINITY
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function bytesUnder(path: string): number {
  const facts = lstatSync(path)
  const own = facts.blocks * 512
  if (!facts.isDirectory()) return own
  return readdirSync(path).reduce((sum, name) => sum + bytesUnder(join(path, name)), own)
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`
}
