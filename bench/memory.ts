/**
 * Memory while sharing and getting a large file: three real nodes, the file shared on the first (two copies),
 * fetched on the third. Prints, per node, the resident memory at rest, the highest seen, and the difference.
 *
 *   node bench/memory.ts [--gib 10] [--folder /somewhere/with/room]
 *
 * The goal is at most 192 MiB above the base for any file size. Linux only (reads /proc).
 */
import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readWords } from '../scripts/program-words.ts'
import { KizunaProcess } from '../test/fixtures/kizuna-process.ts'
import { sha256OfFile, writeSampleFile } from '../test/fixtures/sample-file.ts'

const GIB = 1024 ** 3
const MIB = 1024 ** 2
const GOAL_BYTES = 192 * MIB
const SAMPLE_EVERY_MS = 200
/** Source, two copies, the reader's cache and its output. */
const ROOM_FACTOR = 5

const { values } = readWords(import.meta.filename, {
  options: { gib: { type: 'string', default: '10' }, folder: { type: 'string', default: tmpdir() } },
})
const sizeBytes = Math.round(Number(values.gib) * GIB)

const disk = statfsSync(values.folder)
if (disk.bavail * disk.bsize < sizeBytes * ROOM_FACTOR) {
  throw new Error(`This run needs ${ROOM_FACTOR * Number(values.gib)} GiB free in ${values.folder}.`)
}

const folder = mkdtempSync(join(values.folder, 'kizuna-memory-'))
const nodes: KizunaProcess[] = []
try {
  const source = join(folder, 'source.bin')
  const sha256 = await writeSampleFile(source, sizeBytes, 1)
  const flags = ['--port', '0', '--ws-port', '0', '--no-mdns', '--cache-bytes-max', String(sizeBytes * 2)]
  const room = ['--storage-for-others-bytes-max', String(sizeBytes * 2)]
  nodes.push(await KizunaProcess.start({ home: join(folder, 'a') }, [...flags, ...room]))
  const bootstrap = ['--bootstrap', nodes[0]?.ready.addresses[0] ?? '']
  for (const name of ['b', 'c']) {
    nodes.push(await KizunaProcess.start({ home: join(folder, name) }, [...flags, ...room, ...bootstrap]))
  }
  const [a, , c] = nodes as [KizunaProcess, KizunaProcess, KizunaProcess]

  const base = nodes.map((node) => residentBytes(node.pid))
  const peak = [...base]
  const sampler = setInterval(() => {
    for (const [index, node] of nodes.entries()) {
      peak[index] = Math.max(peak[index] ?? 0, residentBytes(node.pid))
    }
  }, SAMPLE_EVERY_MS)

  let begin = performance.now()
  const shared = await a.json('share', source, '--copies', '2')
  report('share', begin)
  begin = performance.now()
  const output = join(folder, 'output.bin')
  await c.json('get', String(shared.id), '--output', output)
  report('get', begin)
  clearInterval(sampler)

  if ((await sha256OfFile(output)) !== sha256) throw new Error('The bytes that came back are not the same.')
  let worst = 0
  for (const [index, name] of ['a (shares)', 'b (holds)', 'c (gets)'].entries()) {
    const grown = (peak[index] ?? 0) - (base[index] ?? 0)
    worst = Math.max(worst, grown)
    console.log(`${name.padEnd(12)} base ${mib(base[index])}  peak ${mib(peak[index])}  grown ${mib(grown)}`)
  }
  console.log(`goal: grown at most ${mib(GOAL_BYTES)}: ${worst <= GOAL_BYTES ? 'reached' : 'NOT reached'}`)
  process.exitCode = worst <= GOAL_BYTES ? 0 : 1
} finally {
  await Promise.all(nodes.map((node) => node.kill()))
  rmSync(folder, { recursive: true, force: true })
}

function report(what: string, begin: number): void {
  const seconds = (performance.now() - begin) / 1000
  const rate = sizeBytes / MIB / seconds
  console.log(`${what} ${values.gib} GiB in ${seconds.toFixed(1)} s, ${rate.toFixed(0)} MiB/s`)
}

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}

function mib(bytes = 0): string {
  return `${(bytes / MIB).toFixed(0)} MiB`.padStart(9)
}
