/**
 * One file from one process to another by every way that there is: `node bench/transfer.ts [--mib 1024] [--rounds 3]
 * [--folder /dev/shm] [--only WORD,…]`. Ways take turns; only ratios of one run mean anything. Beside the rate stands
 * the processor time of both ends for each gigabyte, which a busy machine does not change.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readWords } from '../scripts/program-words.ts'
import { writeSampleFile } from '../test/fixtures/sample-file.ts'
import { ContenderProcess } from './contender-process.ts'
import { describeMachine, machineLine } from './machine.ts'
import { median, megabytes } from './rounds.ts'
import { WarmMemory } from './warm-memory.ts'

/** A way, its words for transfer-end.ts, and what has to be reached against others. */
const ways = [
  { name: 'whole node, kept', words: ['kept'] },
  { name: 'whole node', words: ['node'] },
  { name: 'whole node, libp2p streams only', words: ['node-streams'] },
  { name: 'request, direct', words: ['direct'] },
  { name: 'request, libp2p with native TLS', words: ['native'] },
  { name: 'stream of libp2p, native TLS', words: ['stream'] },
  { name: 'stream of stock libp2p, stock TLS', words: ['stock'] },
  { name: 'Node TLS, onread', words: ['onread'] },
  { name: 'Node TLS + SHA-256, one thread', words: ['hashed'] },
]
const goals = [
  { ours: 'whole node, kept', theirs: 'Node TLS, onread', atLeast: 0.45 },
  { ours: 'whole node, kept', theirs: 'Node TLS + SHA-256, one thread', atLeast: 0.9 },
  { ours: 'whole node', theirs: 'Node TLS, onread', atLeast: 0.45 },
  { ours: 'whole node', theirs: 'Node TLS + SHA-256, one thread', atLeast: 0.9 },
  { ours: 'whole node, libp2p streams only', theirs: 'stream of stock libp2p, stock TLS', atLeast: 1.5 },
  { ours: 'request, direct', theirs: 'Node TLS, onread', atLeast: 0.45 },
  { ours: 'stream of libp2p, native TLS', theirs: 'stream of stock libp2p, stock TLS', atLeast: 1.5 },
]

const program = fileURLToPath(new URL('transfer-end.ts', import.meta.url))
const { values } = readWords(import.meta.filename, {
  options: {
    mib: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: '/dev/shm' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
})
const sizeBytes = Number(values.mib) * 1024 ** 2
const only = values.only?.split(',')
const wanted = ways.filter(({ words }) => only === undefined || words.some((word) => only.includes(word)))
const results = new Map(wanted.map(({ name }) => [name, { speeds: [] as number[], cpu: [] as number[] }]))
const folder = mkdtempSync(join(values.folder, 'kizuna-transfer-'))
process.on('SIGINT', () => process.exit(130))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const machine = describeMachine()
const file = join(folder, 'sample.bin')
await writeSampleFile(file, sizeBytes, 1)

for (let round = 1; round <= Number(values.rounds); round++) {
  for (const { name, words } of wanted) {
    const command = [process.execPath, '--max-semi-space-size=16', ...profiling(), program, ...words]
    const room = mkdtempSync(join(folder, 'round-'))
    const memory = new WarmMemory(room, sizeBytes)
    const source = new ContenderProcess(command, ['seed', file, join(room, 'source')])
    let receiver: ContenderProcess | undefined
    try {
      const where = String(await source.said('where'))
      receiver = new ContenderProcess(command, ['fetch', where, String(sizeBytes), join(room, 'receiver')])
      await receiver.ready()
      memory.release()
      const seconds = await receiver.work()
      const cpu = Number(await receiver.said('cpu')) + (await source.work())
      const gigabytes = sizeBytes / 1e9
      results.get(name)?.speeds.push(sizeBytes / seconds)
      results.get(name)?.cpu.push(cpu / gigabytes)
      console.error(
        `round ${round}: ${name}: ${megabytes(sizeBytes / seconds)}, ${(cpu / gigabytes).toFixed(2)} CPU s/GB`,
      )
      // Profiles are written when a process ends by itself.
      if (values.profile !== undefined) await new Promise((resolve) => setTimeout(resolve, 5_000))
    } finally {
      await Promise.all([source.end(), receiver?.end()])
      rmSync(room, { recursive: true, force: true })
    }
  }
}

console.log(
  `\n${values.mib} MiB, ${values.rounds} rounds\n\n| way | median | lowest to highest | CPU s/GB, both ends |\n| --- | --- | --- | --- |`,
)
for (const [name, { speeds, cpu }] of results) {
  const range = `${megabytes(Math.min(...speeds))} to ${megabytes(Math.max(...speeds))}`
  console.log(`| ${name} | ${megabytes(median(speeds))} | ${range} | ${median(cpu).toFixed(2)} |`)
}
console.log('\n| ratio | by rate | by CPU time | goal |\n| --- | --- | --- | --- |')
for (const { ours, theirs, atLeast } of goals) {
  const [one, other] = [results.get(ours), results.get(theirs)]
  if (one === undefined || other === undefined) continue
  const rate = median(one.speeds) / median(other.speeds)
  const time = median(other.cpu) / median(one.cpu)
  console.log(`| ${ours} : ${theirs} | ${rate.toFixed(2)} | ${time.toFixed(2)} | ≥ ${atLeast} |`)
}
console.log(`\n${machineLine(machine)}`)

function profiling(): string[] {
  return values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
}
