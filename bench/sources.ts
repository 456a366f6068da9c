/**
 * Several sources at once: `node bench/sources.ts [--mib 64] [--cap 8] [--write]`. Each source may send `cap`
 * MiB a second; ideal is the sum. `--write` keeps the figures in RESULTS.md and draws bench/sources.svg.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readWords } from '../scripts/program-words.ts'
import { sha256OfFile, writeSampleFile } from '../test/fixtures/sample-file.ts'
import { ContenderProcess } from './contender-process.ts'
import { transferContenders } from './contenders.ts'
import { keepResults } from './kept-results.ts'
import { describeMachine, machineLine } from './machine.ts'
import { drawLines } from './plot.ts'

const MIB = 1024 ** 2
const COUNTS = [1, 2, 3, 4, 6, 8]

const { values } = readWords(import.meta.filename, {
  options: {
    mib: { type: 'string', default: '64' },
    cap: { type: 'string', default: '8' },
    write: { type: 'boolean', default: false },
  },
})
const machine = describeMachine()
const cap = Number(values.cap)
const sizeBytes = Number(values.mib) * MIB
const command = transferContenders.find(({ name }) => name === 'Kizuna')?.command ?? []
const folder = mkdtempSync(join(tmpdir(), 'kizuna-sources-'))
const measured: [number, number][] = []
try {
  const file = join(folder, 'sample.bin')
  const sha256 = await writeSampleFile(file, sizeBytes, 1)
  for (const count of COUNTS) {
    const sources = Array.from({ length: count }, (_, index) => {
      const home = join(folder, `source-${count}-${index}`)
      mkdirSync(home)
      return new ContenderProcess(command, ['capped', file, home, String(cap * MIB)])
    })
    const home = join(folder, `receiver-${count}`)
    mkdirSync(home)
    const output = join(folder, `output-${count}.bin`)
    const places: string[] = []
    for (const source of sources) places.push(String(await source.said('where')))
    const [id = ''] = places[0]?.split('@') ?? []
    const where = [id, ...places.map((place) => place.split('@')[1])].join('@')
    const receiver = new ContenderProcess(command, ['fetch', where, output, home])
    const rate = sizeBytes / MIB / (await receiver.work())
    if ((await sha256OfFile(output)) !== sha256) throw new Error('The bytes are not the same.')
    measured.push([count, rate])
    console.log(
      `${count} sources: ${rate.toFixed(1)} MiB/s, ${((rate / count / cap) * 100).toFixed(0)} % of their sum`,
    )
    await Promise.all([...sources, receiver].map((one) => one.end()))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(machineLine(machine))
if (values.write) {
  const lines = [
    { name: 'measured', points: measured },
    { name: 'sum of the sources', points: COUNTS.map((count) => [count, count * cap] as const) },
  ]
  const titles = { title: `Sources of ${cap} MiB/s each`, x: 'sources', y: 'MiB/s' }
  writeFileSync(new URL('sources.svg', import.meta.url), drawLines(lines, titles))
  keepResults([
    {
      title: 'One file from several sources',
      machine,
      setting: `${values.mib} MiB, every source limited to ${cap} MiB/s, all on this machine`,
      standings: [],
      goals: [],
      table: {
        head: ['sources', 'MiB/s', 'of their sum'],
        rows: measured.map(([count, rate]) => [
          String(count),
          rate.toFixed(1),
          `${((rate / count / cap) * 100).toFixed(0)} %`,
        ]),
      },
      picture: 'sources.svg',
    },
  ])
}
