import { createHash } from 'node:crypto'
import { createReadStream, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '../../src/core/clock.ts'
import { contentIdOf, digestOf } from '../../src/core/content-id.ts'
import { ReconciliationSet } from '../../src/core/set-reconciliation.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import { openIndexDatabase } from '../../src/storage/index-database.ts'
import { Pins } from '../../src/storage/pins.ts'
import { KizunaProcess, type NodePlace } from '../fixtures/kizuna-process.ts'
import { MemoryCell, memoryCellRefusal } from '../fixtures/memory-cell.ts'
import { residentBytes } from '../fixtures/resident-bytes.ts'
import { sha256OfFile, writeSampleFile } from '../fixtures/sample-file.ts'
import { waitUntil } from '../fixtures/wait-until.ts'
import { type SoakResult, soak } from './memory-soak.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'

const MIB = 1024 ** 2
const GROWN_BYTES_MAX = 192 * MIB
/** How much is moved, and how many keys are indexed. */
const SCALES: Record<ReliabilityScale, { sizeBytes: number; keys: number; soakMs: number }> = {
  gate: { sizeBytes: 256 * MIB, keys: 100_000, soakMs: 30_000 },
  night: { sizeBytes: 2_048 * MIB, keys: 1_000_000, soakMs: 20 * 60_000 },
  release: { sizeBytes: 10_240 * MIB, keys: 1_000_000, soakMs: 24 * 3_600_000 },
}
/** Each node has so much, as in a small container; with more the kernel kills it. */
const CELL_BYTES = 512 * MIB
/** Over the measured part of a night's soak; that is what the garbage collector’s moods alone come to. */
const SOAK_GROWN_BYTES_MAX = 16 * MIB
/** Over days. */
const SOAK_BYTES_PER_HOUR_MAX = MIB
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
    'memory bound: a large file shared, fetched, read in ranges and repaired by real nodes in 512 MiB each, then a soak with a member that keeps dying, and an index of many keys',
  goal: 'resident memory ≤ base + 192 MiB in put, get, range-read and repair (256 MiB per commit, 2 GiB a night, 10 GiB before a release) and with an index of 1,000,000 keys (100,000 per commit); no node killed in a control group of 512 MiB; soak: grown ≤ 16 MiB in the last 13 of 20 minutes a night, ≤ 1 MiB/h over 24 h before a release (30 s per commit, not judged)',
  missing() {
    if (process.platform !== 'linux') return 'reads /proc'
    const disk = statfsSync(tmpdir())
    return disk.bavail * disk.bsize < ROOM_FACTOR * SCALES.gate.sizeBytes
      ? `no room in ${tmpdir()}`
      : undefined
  },
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  const { sizeBytes, keys, soakMs } = SCALES[scale]
  const refusal = memoryCellRefusal()
  if (refusal !== undefined) progress(`NOT BOUND to ${mib(CELL_BYTES)} MiB by the kernel: ${refusal}`)
  const cells: MemoryCell[] = []
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-reliability-memory-'))
  const nodes: { name: string; node: KizunaProcess; base: number; peak: number }[] = []
  const phases: string[] = []
  let soaked: SoakResult = { bytesPerHour: 0, grownBytes: 0, transfers: 0, restarts: 0 }
  let kills = 0
  const failures: string[] = []
  const sampler = setInterval(() => {
    for (const each of nodes) each.peak = Math.max(each.peak, residentBytes(each.node.pid))
  }, SAMPLE_EVERY_MS)
  const cellOf = (name: string): { cell?: readonly string[] } => {
    if (refusal !== undefined) return {}
    const cell = new MemoryCell(`r13-${name}-${cells.length}`, CELL_BYTES)
    cells.push(cell)
    return { cell: cell.prefix }
  }
  const start = async (name: string) => {
    const flags = ['--port', '0', '--ws-port', '0', '--no-mdns', '--repair-grace-ms', String(GRACE_MS)]
    const room = ['--cache-bytes-max', '0', '--storage-for-others-bytes-max', String(sizeBytes * 2)]
    const first = nodes[0]?.node.ready.addresses[0]
    const bootstrap = first === undefined ? [] : ['--bootstrap', first]
    const place: NodePlace = { home: join(folder, name), ...cellOf(name) }
    const node = await KizunaProcess.start(place, [...flags, ...room, ...bootstrap])
    const base = residentBytes(node.pid)
    nodes.push({ name, node, base, peak: base })
    return node
  }
  const end = async (node: KizunaProcess) => {
    await node.kill()
    const at = nodes.findIndex((each) => each.node === node)
    if (at >= 0) nodes.splice(at, 1)
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

    const newcomer = await start('newcomer')
    await end(holder)
    await waitUntil('the copy that was lost is made anew', REPAIR_MS_MAX, async () => {
      const { confirmed, holders } = (await sharer.call('describe', { id })) as {
        confirmed: number
        holders: string[]
      }
      return confirmed >= 2 && !holders.includes(holder.peerId)
    })
    endPhase('repair')

    let restless = newcomer
    const restart = async () => {
      await end(restless)
      restless = await start('newcomer')
      return restless
    }
    const parts = { sharer, reader, restart, residentBytes: ({ pid }: KizunaProcess) => residentBytes(pid) }
    soaked = await soak(parts, soakMs, signal)
    endPhase('soak')
  } finally {
    clearInterval(sampler)
    await Promise.all(nodes.map(({ node }) => node.kill()))
    kills = cells.reduce((sum, cell) => sum + cell.kills, 0)
    for (const cell of cells) cell[Symbol.dispose]()
    rmSync(folder, { recursive: true, force: true })
  }
  if (kills > 0)
    failures.push(`seed ${seed}: the kernel killed ${kills} processes for wanting more than 512 MiB`)
  if (isSoakTooSteep(scale, soaked))
    failures.push(`seed ${seed}: the soak grew by ${mib(soaked.bytesPerHour)} MiB/h`)
  const indexed = await indexKeys(keys)
  phases.push(`index of ${keys.toLocaleString('en')} keys ${mib(indexed)}`)
  if (indexed > GROWN_BYTES_MAX) failures.push(`an index of ${keys} keys takes ${mib(indexed)} MiB`)
  return {
    figure: `${mib(sizeBytes)} MiB; the most that any node grew above its base, in MiB: ${phases.join(', ')} (of ${mib(GROWN_BYTES_MAX)}); ${refusal === undefined ? `each node bound to ${mib(CELL_BYTES)} MiB by the kernel, ${kills} killed` : 'NOT bound by the kernel'}; soak of ${soakMs / 60_000} min, ${soaked.transfers} transfers, ${soaked.restarts} restarts: ${mib(soaked.bytesPerHour)} MiB/h, ${mib(soaked.grownBytes)} MiB while it was measured`,
    reached: failures.length === 0,
    failures,
  }
}

/** Half a minute says nothing; a night bounds what stays, a day the slope. */
function isSoakTooSteep(scale: ReliabilityScale, { bytesPerHour, grownBytes }: SoakResult): boolean {
  if (scale === 'gate') return false
  return scale === 'night' ? grownBytes > SOAK_GROWN_BYTES_MAX : bytesPerHour > SOAK_BYTES_PER_HOUR_MAX
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

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}
