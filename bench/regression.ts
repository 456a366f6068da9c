import { hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createNode, type DurabilityPolicy, loadConfig, readPieces } from '../src/index.ts'
import { writeSampleFile } from '../test/fixtures/sample-file.ts'
import { judge, keepRatios, keptRatios, processorName, ratioOf, type Verdict } from './kept-ratios.ts'

const SAMPLE_BYTES = 48 * 1024 ** 2
const ROUNDS = 7
/** Before anything is called slower, it is looked at for longer. */
const MORE_ROUNDS = 7
/** The first ones compile; they do not count. */
const WARM_UP_ROUNDS = 1

const POLICIES = {
  'taking a file in': { kind: 'replica', copies: 1 },
  'taking a file in, 10+4 parity': { kind: 'rs', k: 10, m: 4 },
} as const satisfies Record<string, DurabilityPolicy>

type Rounds = Map<string, { ours: number; theirs: number }[]>

/**
 * Whether taking a file in has become slower since its ratio was kept: beside SHA-256 of the same bytes, in turn, by
 * processor time: of this process with all its threads for ours, of one thread for SHA-256, whose own work would else
 * be counted with what is left over from ours. What else runs on the machine changes little of that.
 */
export async function holdRatios(folder: string, options: { write: boolean }): Promise<Verdict[]> {
  const sample = join(folder, 'regression.bin')
  await writeSampleFile(sample, SAMPLE_BYTES, 1)
  await addRounds(new Map(), sample, folder, WARM_UP_ROUNDS)
  const rounds: Rounds = new Map()
  await addRounds(rounds, sample, folder, ROUNDS + (options.write ? MORE_ROUNDS : 0))
  if (options.write) keepRatios(ratiosOf(rounds))
  let verdicts = judge(keptRatios(), ratiosOf(rounds), processorName())
  if (verdicts.some(({ isSlower, kept }) => isSlower && kept !== undefined)) {
    await addRounds(rounds, sample, folder, MORE_ROUNDS)
    verdicts = judge(keptRatios(), ratiosOf(rounds), processorName())
  }
  return verdicts
}

async function addRounds(rounds: Rounds, sample: string, folder: string, count: number): Promise<void> {
  const bytes = readFileSync(sample)
  for (let round = 0; round < count; round++) {
    for (const [name, policy] of Object.entries(POLICIES)) {
      const before = hashOnce(bytes)
      const ours = await publishOnce(sample, folder, policy)
      const after = hashOnce(bytes)
      rounds.set(name, [...(rounds.get(name) ?? []), { ours, theirs: (before + after) / 2 }])
    }
  }
}

function ratiosOf(rounds: Rounds): Map<string, number> {
  return new Map([...rounds].map(([name, figures]) => [name, ratioOf(figures)]))
}

async function publishOnce(file: string, folder: string, policy: DurabilityPolicy): Promise<number> {
  // A store of its own: what is there already would cost nothing.
  const home = mkdtempSync(join(folder, 'regression-'))
  const flags = { home, label: 'bench', port: 0, mdns: false, upnp: false, dht: false }
  const node = await createNode(loadConfig({ userHome: homedir(), flags }), {})
  try {
    await node.start()
    return await cpuOf(async () => {
      await using source = await open(file)
      const sizeBytes = statSync(file).size
      await node.services.content.publish(readPieces(source), { policy, acknowledge: 'local', sizeBytes })
    })
  } finally {
    await node.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

/** Processor time (ms) of this thread while it hashes. */
function hashOnce(bytes: Uint8Array): number {
  const begin = process.threadCpuUsage()
  hash('sha256', bytes, 'buffer')
  const { user, system } = process.threadCpuUsage(begin)
  return (user + system) / 1_000
}

/** Processor time (ms) of this process while it does something. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const begin = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(begin)
  return (user + system) / 1_000
}
