import { createHash } from 'node:crypto'
import { createReadStream, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '../../src/core/clock.ts'
import { contentIdOf, digestOf } from '../../src/core/content-id.ts'
import { ReconciliationSet } from '../../src/core/set-reconciliation.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import { openIndexDatabase } from '../../src/storage/index-database.ts'
import { Pins } from '../../src/storage/pins.ts'
import { KizunaProcess } from '../fixtures/kizuna-process.ts'
import { sha256OfFile, writeSampleFile } from '../fixtures/sample-file.ts'
import { waitUntil } from '../fixtures/wait-until.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'

const MIB = 1024 ** 2
const GROWN_BYTES_MAX = 192 * MIB
/** How much is moved, and how many keys are indexed. */
const SCALES: Record<ReliabilityScale, { sizeBytes: number; keys: number }> = {
  gate: { sizeBytes: 256 * MIB, keys: 100_000 },
  night: { sizeBytes: 2_048 * MIB, keys: 1_000_000 },
  release: { sizeBytes: 10_240 * MIB, keys: 1_000_000 },
}
const SAMPLE_EVERY_MS = 100
/** Source, copies on four nodes, the reader's output. */
const ROOM_FACTOR = 6
const RANGES = 24
const RANGE_BYTES = 3 * MIB
/** A node that is away is given up so soon, and its copies are made anew. */
const GRACE_MS = 5_000
const REPAIR_MS_MAX = 20 * 60_000
const KEYS_AT_ONCE = 1_000

/** Real nodes that share, get, read ranges of and repair a large file, and the index of many keys. */
export const check: ReliabilityCheck = {
  row: 'R-13',
  title:
    'memory bound: a large file shared, fetched, read in ranges and repaired by real nodes, and an index of many keys',
  goal: 'resident memory ≤ base + 192 MiB in put, get, range-read and repair (256 MiB per commit, 2 GiB a night, 10 GiB before a release) and with an index of 1,000,000 keys (100,000 per commit)',
  alone: true,
  missing() {
    if (process.platform !== 'linux') return 'reads /proc'
    const disk = statfsSync(tmpdir())
    return disk.bavail * disk.bsize < ROOM_FACTOR * SCALES.gate.sizeBytes
      ? `no room in ${tmpdir()}`
      : undefined
  },
  run,
}

async function run({ scale, seed, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  const { sizeBytes, keys } = SCALES[scale]
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-reliability-memory-'))
  const nodes: { name: string; node: KizunaProcess; base: number; peak: number }[] = []
  const phases: string[] = []
  const failures: string[] = []
  const sampler = setInterval(() => {
    for (const each of nodes) each.peak = Math.max(each.peak, residentBytes(each.node.pid))
  }, SAMPLE_EVERY_MS)
  const start = async (name: string) => {
    const flags = ['--port', '0', '--ws-port', '0', '--no-mdns', '--repair-grace-ms', String(GRACE_MS)]
    const room = ['--cache-bytes-max', '0', '--storage-for-others-bytes-max', String(sizeBytes * 2)]
    const first = nodes[0]?.node.ready.addresses[0]
    const bootstrap = first === undefined ? [] : ['--bootstrap', first]
    const node = await KizunaProcess.start({ home: join(folder, name) }, [...flags, ...room, ...bootstrap])
    const base = residentBytes(node.pid)
    nodes.push({ name, node, base, peak: base })
    return node
  }
  /** What the worst node had more than at rest since the last phase. */
  const endPhase = (phase: string) => {
    const grown = Math.max(...nodes.map(({ base, peak }) => peak - base))
    phases.push(`${phase} ${mib(grown)}`)
    progress(`${phase}: grown by ${mib(grown)} MiB at most`)
    if (grown > GROWN_BYTES_MAX) {
      const each = nodes.map(({ name, base, peak }) => `${name} ${mib(base)} → ${mib(peak)}`).join(', ')
      failures.push(`seed ${seed}, ${phase}: grown by ${mib(grown)} MiB (${each})`)
    }
    for (const each of nodes) each.peak = residentBytes(each.node.pid)
  }
  try {
    const source = join(folder, 'source.bin')
    const sha256 = await writeSampleFile(source, sizeBytes, seed % 256)
    const sharer = await start('sharer')
    const holder = await start('holder')
    const shared = await sharer.json('share', source, '--copies', '2')
    const id = String(shared.id)
    endPhase('put')

    const reader = await start('reader')
    const output = join(folder, 'output.bin')
    await reader.json('get', id, '--output', output)
    if ((await sha256OfFile(output)) !== sha256) failures.push(`seed ${seed}: other bytes came back`)
    endPhase('get')

    for (let range = 0; range < RANGES; range++) {
      const offset = Math.floor(((sizeBytes - RANGE_BYTES) * range) / (RANGES - 1))
      const got = await readRange(reader, id, offset)
      if (got !== (await hashOfRange(source, offset))) failures.push(`seed ${seed}: other bytes at ${offset}`)
    }
    endPhase('range-read')

    await start('newcomer')
    await holder.kill()
    nodes.splice(
      nodes.findIndex(({ node }) => node === holder),
      1,
    )
    await waitUntil('the copy that was lost is made anew', REPAIR_MS_MAX, async () => {
      const { confirmed, holders } = (await sharer.call('describe', { id })) as {
        confirmed: number
        holders: string[]
      }
      return confirmed >= 2 && !holders.includes(holder.peerId)
    })
    endPhase('repair')
  } finally {
    clearInterval(sampler)
    await Promise.all(nodes.map(({ node }) => node.kill()))
    rmSync(folder, { recursive: true, force: true })
  }
  const indexed = await indexKeys(keys)
  phases.push(`index of ${keys.toLocaleString('en')} keys ${mib(indexed)}`)
  if (indexed > GROWN_BYTES_MAX) failures.push(`an index of ${keys} keys takes ${mib(indexed)} MiB`)
  return {
    figure: `${mib(sizeBytes)} MiB; the most that any node grew above its base, in MiB: ${phases.join(', ')} (of ${mib(GROWN_BYTES_MAX)})`,
    reached: failures.length === 0,
    failures,
  }
}

/** What the pins of so many chunks and the set that is compared with other members take, in bytes. */
async function indexKeys(keys: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-reliability-index-'))
  try {
    const disk = createFileDisk(folder)
    const index = openIndexDatabase(disk.openDatabase('index.db'))
    const pins = new Pins({ index, clock: new SystemClock() })
    const set = new ReconciliationSet(32)
    const base = residentBytes(process.pid)
    for (let from = 0; from < keys; from += KEYS_AT_ONCE) {
      const ids = Array.from({ length: Math.min(KEYS_AT_ONCE, keys - from) }, (_, each) =>
        contentIdOf(Buffer.from(`chunk ${from + each}`)),
      )
      pins.add({ root: ids[0] as (typeof ids)[number], owner: 'self' }, ids)
      for (const id of ids) set.add(digestOf(id))
    }
    const grown = residentBytes(process.pid) - base
    index.close()
    return grown
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function readRange(node: KizunaProcess, id: string, offset: number): Promise<string> {
  const response = await fetch(`${node.ready.api}/v1/content/${id}`, {
    headers: {
      authorization: `Bearer ${node.ready.token}`,
      range: `bytes=${offset}-${offset + RANGE_BYTES - 1}`,
    },
  })
  const hash = createHash('sha256')
  for await (const piece of response.body ?? []) hash.update(piece)
  return hash.digest('hex')
}

async function hashOfRange(path: string, offset: number): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { start: offset, end: offset + RANGE_BYTES - 1 }))
    hash.update(piece)
  return hash.digest('hex')
}

function residentBytes(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Number(line?.[1] ?? 0) * 1024
  } catch {
    // It has ended.
    return 0
  }
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}
