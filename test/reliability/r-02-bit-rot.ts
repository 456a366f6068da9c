/**
 * rot. In five nodes in virtual time chunks, parity, manifests and packs rot, are found by readers or by
 * scrubbing, and heal from copies and parity. And on a real disk everything that one machine keeps rots, index,
 * copy and seal included, and two files change places: what is wrong is found when it is read, what is right is
 * served, what was pinned stays pinned, and at the end the index is thrown away and made again from the files.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { rotAndHeal } from '../../src/content/rot-healing.suite.ts'
import { type ContentId, contentIdOf } from '../../src/core/content-id.ts'
import { toKizunaError } from '../../src/core/kizuna-error.ts'
import { type Random, SeededRandom } from '../../src/core/random.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'
import { Ledger, openStorageUnderTest, workOnStorage } from './storage-under-test.ts'

const COUNTS = {
  gate: { nodes: 120, disk: 120 },
  night: { nodes: 1_200, disk: 1_000 },
  release: { nodes: 7_000, disk: 3_000 },
} as const
const HEAL_MS_MEDIAN_MAX = 10_000
const HEAL_MS_MAX = 60_000
const BLOCK_BYTES = 4096
/** Rot per life: several at once, in files of any kind. */
const HITS_MAX = 3
const KINDS = ['bit', 'zeros', 'cut', 'swap'] as const

export const check: ReliabilityCheck = {
  row: 'R-02',
  title: 'bit rot in chunks, packs, manifests, parity and the index',
  goal: '10,000 injections: 100 % found at the next read or scrub, 0 wrong bytes served, 100 % healed when a good copy or k shards exist, median ≤ 10 s, all ≤ 60 s (5 nodes)',
  async run(options) {
    const counts = COUNTS[options.scale]
    const healed = await rotAndHeal({ ...options, injections: counts.nodes })
    const disk = await rotOnDisk(options, counts.disk)
    const failures = [...healed.failures, ...disk.failures]
    const times = healed.healMs.toSorted((one, other) => one - other)
    const medianMs = times[Math.floor(times.length / 2)] ?? 0
    const longestMs = times.at(-1) ?? 0
    if (medianMs > HEAL_MS_MEDIAN_MAX || longestMs > HEAL_MS_MAX) {
      failures.push(
        `seed ${options.seed}: healing took ${medianMs} ms at the median, ${longestMs} ms at most`,
      )
    }
    if (healed.wrongReads > 0)
      failures.push(`seed ${options.seed}: ${healed.wrongReads} reads gave wrong bytes`)
    return {
      figure:
        `5 nodes: ${healed.detected} of ${healed.injected} found, ${healed.healed} of ${healed.kept} kept ones healed, ` +
        `${healed.wrongReads} of ${healed.reads} reads wrong, healed in ${Math.round(medianMs)} ms (median, simulated), ${Math.round(longestMs)} ms at most; ` +
        `one disk: ${disk.hits} injections (${disk.index} in the index, its copy or its seal), ${disk.found} of ${disk.wrong} wrong chunks found, ` +
        `${disk.reads} reads with 0 wrong bytes, ${disk.restored} times the index put back, ${disk.rebuilt} times made again`,
      reached: failures.length === 0,
      failures: failures.slice(0, 20),
    }
  },
}

interface Outcome {
  hits: number
  index: number
  wrong: number
  found: number
  reads: number
  restored: number
  rebuilt: number
  failures: string[]
}

/** A folder as it should be: every file's bytes, every chunk's, and what was acknowledged. */
interface Pristine {
  files: Map<string, Buffer>
  chunks: Map<ContentId, Uint8Array>
  ledger: Ledger
}

async function rotOnDisk(
  { seed, signal, progress }: ReliabilityOptions,
  injections: number,
): Promise<Outcome> {
  const outcome: Outcome = {
    hits: 0,
    index: 0,
    wrong: 0,
    found: 0,
    reads: 0,
    restored: 0,
    rebuilt: 0,
    failures: [],
  }
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-r02-'))
  try {
    const pristine = await makePristine(join(folder, 'pristine'), seed)
    for (let life = 0; outcome.hits < injections; life++) {
      signal.throwIfAborted()
      const random = new SeededRandom(seed * 100_043 + life)
      const home = join(folder, 'home')
      for (const [path, bytes] of pristine.files) {
        mkdirSync(dirname(join(home, path)), { recursive: true })
        writeFileSync(join(home, path), bytes)
      }
      const hits = injectRot(home, pristine, random)
      outcome.hits += hits.length
      outcome.index += hits.filter((path) => path.startsWith('index')).length
      const name = `seed ${seed} life ${life} (${hits.join(', ')})`
      try {
        const wrong = await liveThrough(home, pristine, { random, outcome, loseIndex: life % 8 === 0 })
        outcome.failures.push(...wrong.map((one) => `${name}: ${one}`))
      } catch (error) {
        outcome.failures.push(`${name}: ${error}`)
      }
      rmSync(home, { recursive: true })
      if (life % 100 === 99)
        progress(`${outcome.hits} injections on one disk, ${outcome.failures.length} failures`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return outcome
}

async function makePristine(home: string, seed: number): Promise<Pristine> {
  const ledger = new Ledger()
  const storage = await openStorageUnderTest(createFileDisk(home))
  await workOnStorage(storage, {
    random: new SeededRandom(seed),
    steps: 30,
    acknowledge: (line) => ledger.note(line),
  })
  const chunks = new Map<ContentId, Uint8Array>()
  for await (const id of storage.chunks.ids()) chunks.set(id, await storage.chunks.get(id))
  await storage.close()
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' })
  const paths = names.filter((path) => statSync(join(home, path)).isFile())
  return { files: new Map(paths.map((path) => [path, readFileSync(join(home, path))])), chunks, ledger }
}

/** Spoils a few files; at most one of the index and its copy, since nothing survives the loss of every copy. */
function injectRot(home: string, { files }: Pristine, random: Random): string[] {
  const pick = <T>(from: readonly T[]): T => from[random.integer(from.length)] as T
  const chunkFiles = [...files.keys()].filter((path) => /^chunks\/..\//.test(path))
  const packs = [...files.keys()].filter((path) => path.endsWith('.pack'))
  const index = pick(['index.db', 'index.db-copy', 'index.db-seal'])
  const hits: string[] = []
  for (let count = 1 + random.integer(HITS_MAX); count > 0; count--) {
    const path = pick([pick(chunkFiles), pick(packs), index])
    const kind = pick(KINDS)
    const full = join(home, path)
    const bytes = readFileSync(full)
    const at = random.integer(Math.max(1, bytes.length))
    if (kind === 'swap') {
      const other = join(home, pick(path.endsWith('.pack') ? packs : chunkFiles))
      if (path.startsWith('index')) continue
      const others = readFileSync(other)
      writeFileSync(other, bytes)
      writeFileSync(full, others)
    } else if (kind === 'cut') writeFileSync(full, bytes.subarray(0, at))
    else if (kind === 'zeros') {
      const from = Math.floor(at / BLOCK_BYTES) * BLOCK_BYTES
      writeFileSync(full, bytes.fill(0, from, Math.min(bytes.length, from + BLOCK_BYTES)))
    } else {
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8))
      writeFileSync(full, bytes)
    }
    hits.push(`${kind} ${path}`.replace(/^\w+ index/, `index`))
  }
  return hits
}

/** A node's life on what is left: reads everything, gets back what was damaged, and at times loses its index. */
async function liveThrough(
  home: string,
  { chunks, ledger }: Pristine,
  { random, outcome, loseIndex }: { random: Random; outcome: Outcome; loseIndex: boolean },
): Promise<string[]> {
  const wrong: string[] = []
  const reported = new Set<ContentId>()
  const disk = createFileDisk(home)
  let storage = await openStorageUnderTest(disk, { onCorrupt: (id) => reported.add(id) })
  if (storage.index.wasRestored === true) outcome.restored++
  for (const [id, right] of chunks) {
    const range = random.integer(3) === 0 ? { offset: 1, length: 5 } : {}
    outcome.reads++
    const wanted = right.subarray(range.offset ?? 0, range.length === undefined ? right.length : 6)
    const got = await storage.chunks.get(id, range).catch((error: unknown) => toKizunaError(error).code)
    if (typeof got === 'string') {
      outcome.wrong++
      if (reported.has(id)) outcome.found++
      else wrong.push(`${id} is ${got} and was not reported`)
      // From another node's copy.
      await storage.chunks.put(id, right)
    } else if (Buffer.compare(got, wanted) !== 0) wrong.push(`${id} was served with wrong bytes`)
  }
  wrong.push(...(await ledger.check(storage)))
  await storage.close()
  if (!loseIndex) return wrong
  for (const path of ['index.db', 'index.db-copy', 'index.db-seal']) rmSync(join(home, path))
  storage = await openStorageUnderTest(disk)
  outcome.rebuilt++
  for (const id of chunks.keys()) {
    const bytes = await storage.chunks.get(id).catch(() => undefined)
    if (bytes === undefined || contentIdOf(bytes) !== id) wrong.push(`${id} is not in the index made again`)
  }
  await storage.close()
  return wrong
}
