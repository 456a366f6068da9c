/**
 * Kizuna and others side by side: `npm run bench [-- transfer publish erasure start load] [--mib 1024] [--rounds 3]
 * [--seconds 10] [--folder /dev/shm] [--only NAME,…] [--write]`. Contenders take turns, so that a busy machine slows all
 * alike; only ratios of one run mean anything. `--write` puts the tables into bench/results.json and bench/RESULTS.md.
 *
 * `npm run bench -- publish --compare` measures nobody else: it holds the processor time of taking a file in against
 * bench/kept-ratios.json and fails when that has become 15 % slower; with `--write` it keeps this run's instead.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readWords } from '../scripts/program-words.ts'
import { writeSampleFile } from '../test/fixtures/sample-file.ts'
import { publishContenders, transferContenders } from './contenders.ts'
import { compareErasure } from './erasure-side-by-side.ts'
import { compare, publishGoals, transferGoals } from './goals.ts'
import { keepResults, type Result } from './kept-results.ts'
import { measureLoad } from './load.ts'
import { describeMachine, machineLine } from './machine.ts'
import { holdRatios } from './regression.ts'
import { publish, runRounds, type Sample, transfer } from './rounds.ts'
import { measureStart } from './start.ts'
import { tableOf } from './tables.ts'
import { MEMORY_FOLDER } from './warm-memory.ts'

const MIB = 1024 ** 2
/** Source file, its store, and what is held for the receiver's store and output (`warm-memory.ts`). */
const ROOM_FACTOR = 5

const { values, positionals } = readWords(import.meta.filename, {
  allowPositionals: true,
  options: {
    mib: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir() },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
  },
})

const known = ['transfer', 'publish', 'erasure', 'start', 'load']
const unknown = positionals.filter((word) => !known.includes(word))
if (unknown.length > 0)
  throw new Error(`There is no benchmark “${unknown[0]}”. There are: ${known.join(', ')}.`)
const wanted = positionals.length === 0 ? known : positionals

if (values.compare && wanted.some((word) => word !== 'publish'))
  throw new Error('Only `publish` has kept ratios to compare with.')
if (!values.compare && wanted.some((word) => word === 'transfer' || word === 'publish')) installOthers()
const folder = mkdtempSync(join(values.folder, 'kizuna-bench-'))
process.on('SIGINT', () => process.exit(130))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
if (values.compare) {
  await compareWithKept()
  process.exit()
}

const results: Result[] = []
const files = wanted.filter((word) => word === 'transfer' || word === 'publish')
if (files.length > 0) {
  const sample = await makeSample()
  const setting = `${values.mib} MiB, ${values.rounds} rounds, both ends on this machine, files in ${storage()}`
  for (const word of files) {
    const moves = word === 'transfer'
    const contenders = (moves ? transferContenders : publishContenders).filter(isWanted)
    const machine = describeMachine()
    const options = { sample, folder, rounds: Number(values.rounds), tell: console.error }
    const standings = await runRounds(contenders, moves ? transfer : publish, options)
    const goals = compare(moves ? transferGoals : publishGoals, standings)
    const title = moves ? 'Transfer from one source' : 'Taking a file in'
    results.push({ title, machine, setting, standings, goals })
  }
}
if (wanted.includes('erasure')) results.push(await compareErasure(folder))
if (wanted.includes('start')) results.push(await measureStart(folder))
if (wanted.includes('load')) results.push(await measureLoad(folder, Number(values.seconds)))

for (const result of results) console.log(`\n${tableOf(result)}\n${machineLine(result.machine)}`)
if (values.write) keepResults(results)

/** The others live in a package of their own; it is installed once. */
function installOthers(): void {
  if (existsSync(new URL('node_modules', import.meta.url))) return
  console.error('Installing the systems that Kizuna is measured against (bench/package.json) …')
  const { status } = spawnSync('npm', ['install', '--prefix', new URL('.', import.meta.url).pathname], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) console.error('That failed; those that are missing are named in the tables.')
}

async function makeSample(): Promise<Sample> {
  const sizeBytes = Number(values.mib) * MIB
  const disk = statfsSync(values.folder)
  if (disk.bavail * disk.bsize < sizeBytes * ROOM_FACTOR) {
    throw new Error(`This needs ${ROOM_FACTOR * Number(values.mib)} MiB free in ${values.folder}.`)
  }
  const file = join(folder, 'sample.bin')
  return { file, sizeBytes, sha256: await writeSampleFile(file, sizeBytes, 1) }
}

function storage(): string {
  return values.folder.startsWith(MEMORY_FOLDER) ? 'memory' : 'a folder on disk'
}

function isWanted({ name }: { name: string }): boolean {
  const only = values.only?.toLowerCase().split(',')
  return only === undefined || only.some((word) => name.toLowerCase().includes(word))
}

async function compareWithKept(): Promise<void> {
  for (const { name, ratio, kept, limit, isSlower } of await holdRatios(folder, { write: values.write })) {
    const change = kept === undefined ? 'none is kept: add --write' : percent(ratio / kept)
    const allowed = `${percent(limit)} is allowed`
    console.log(`${isSlower ? 'SLOWER' : 'ok    '} ${name}: ${ratio.toFixed(3)}, ${change}; ${allowed}`)
    if (isSlower) process.exitCode = 1
  }
}

function percent(factor: number): string {
  const change = Math.round((factor - 1) * 100)
  return `${change < 0 ? '−' : '+'}${Math.abs(change)} %`
}
