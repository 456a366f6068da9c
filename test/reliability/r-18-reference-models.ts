/**
 * the chunk store with quota, pins, leases and garbage collector against a model of plain maps. Random steps,
 * among them restarts, power cuts in the middle of a call, refused calls and rot; after each the two must agree.
 * What differs is shrunk to a few steps. And bugs are planted: each must be found, or the agreement says nothing.
 */
import { type Random, SeededRandom } from '../../src/core/random.ts'
import type { DiskOperation } from '../../src/storage/memory-disk.ts'
import { PLANTED_BUGS, type Plantings } from './planted-storage-bugs.ts'
import type { ReliabilityCheck } from './reliability-check.ts'
import { CHUNKS, FIRST_FILE_CHUNK, type Plan, runSteps, type Step } from './storage-model-run.ts'

const COUNTS = { gate: 20_000, night: 1_000_000, release: 5_000_000 } as const
const SEQUENCE_STEPS = 250
/** Sequences within which a planted bug must be found. */
const SEQUENCES_PER_BUG = 40
const SHRINK_RUNS_MAX = 150
const ROOTS = 4
const OWNERS = ['self', 'space'] as const
const HOLDERS = 3
const FAULTS: readonly DiskOperation[] = ['open', 'write', 'sync', 'rename', 'syncFolder', 'read', 'remove']

export const check: ReliabilityCheck = {
  row: 'R-18',
  title: 'reference model of store, pins, leases, quota and garbage collector',
  goal: '1,000,000 operations a night, 20,000 per commit: 0 divergences; ≥ 20 of 20 planted bugs caught',
  async run({ scale, seed, signal, progress }) {
    const failures: string[] = []
    let steps = 0
    for (let sequence = 0; steps < COUNTS[scale]; sequence++) {
      signal.throwIfAborted()
      const plan = planOf(seed * 1_000_003, sequence)
      const found = await runSteps(plan)
      steps += found?.step ?? plan.steps.length
      if (found !== undefined) {
        const short = await shrink(plan, {})
        failures.push(
          `seed ${seed} sequence ${sequence} step ${found.step}: ${found.what}\n  ${short.map((step) => JSON.stringify(step)).join('\n  ')}`,
        )
        if (failures.length >= 3) break
      }
      if (sequence % 400 === 399) progress(`${steps} operations, ${failures.length} divergences`)
    }
    const divergences = failures.length
    const needed: number[] = []
    for (const [name, bug] of Object.entries(PLANTED_BUGS)) {
      signal.throwIfAborted()
      const sequences = await findBug(bug, seed)
      if (sequences === undefined) failures.push(`seed ${seed}: planted and not found: ${name}`)
      else needed.push(sequences)
    }
    const planted = Object.keys(PLANTED_BUGS).length
    return {
      figure: `${steps.toLocaleString('en')} operations: ${divergences} divergences; ${needed.length} of ${planted} planted bugs found, in ${Math.max(...needed)} sequences at most`,
      reached: failures.length === 0 && planted >= 20,
      failures,
    }
  },
}

/** How many sequences it took; undefined when it was not found. */
async function findBug(bug: Plantings, seed: number): Promise<number | undefined> {
  for (let sequence = 0; sequence < SEQUENCES_PER_BUG; sequence++) {
    const plan = planOf(seed * 1_000_033, sequence)
    if ((await runSteps(plan, bug)) !== undefined) return sequence + 1
  }
  return undefined
}

/** Leaves out what is not needed for the divergence. */
async function shrink({ sequence, steps: all }: Plan, bug: Plantings): Promise<Step[]> {
  let steps = [...all]
  let runs = 0
  for (let size = Math.floor(steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < steps.length && runs < SHRINK_RUNS_MAX; ) {
      const fewer = [...steps.slice(0, from), ...steps.slice(from + size)]
      runs++
      if ((await runSteps({ sequence, steps: fewer }, bug)) === undefined) from += size
      else steps = fewer
    }
  }
  return steps
}

function planOf(seed: number, sequence: number): Plan {
  return { sequence, steps: planSteps(new SeededRandom(seed + sequence)) }
}

function planSteps(random: Random): Step[] {
  const pick = <T>(from: readonly T[]): T => from[random.integer(from.length)] as T
  const chunk = () => random.integer(CHUNKS.length)
  const fileChunk = () => FIRST_FILE_CHUNK + random.integer(CHUNKS.length - FIRST_FILE_CHUNK)
  const some = () => Array.from({ length: 1 + random.integer(4) }, chunk)
  const owner = () => pick(OWNERS)
  const plans: [number, () => Step][] = [
    [26, () => ({ kind: 'put', chunk: chunk() })],
    [8, () => ({ kind: 'delete', chunk: chunk() })],
    [
      16,
      () => ({
        kind: 'get',
        chunk: random.integer(3) === 0 ? fileChunk() : chunk(),
        range: pick([{}, {}, { offset: 3, length: 5 }, { offset: 20 }]),
      }),
    ],
    [
      10,
      () => ({
        kind: 'pin',
        root: random.integer(ROOTS),
        owner: owner(),
        chunks: some(),
        lastsMs: pick([undefined, undefined, 400, 1_500]),
      }),
    ],
    [6, () => ({ kind: 'unpin', root: random.integer(ROOTS), owner: owner() })],
    [5, () => ({ kind: 'lease', holder: random.integer(HOLDERS), chunks: some() })],
    [5, () => ({ kind: 'release', holder: random.integer(HOLDERS) })],
    [12, () => ({ kind: 'collect', dryRun: random.integer(4) === 0 })],
    [9, () => ({ kind: 'wait', ms: pick([1, 200, 400, 499, 501, 1_000]) })],
    [5, () => ({ kind: 'rot', chunk: fileChunk() })],
    [2, () => ({ kind: 'restart' })],
    [3, () => ({ kind: 'fault', operation: pick(FAULTS), code: pick(['EIO', 'ENOSPC', 'EMFILE']) })],
    [
      3,
      () => ({
        kind: 'crash',
        during: { kind: pick(['put', 'delete'] as const), chunk: chunk() },
        turns: random.integer(60),
        seed: random.integer(2 ** 31),
      }),
    ],
  ]
  const total = plans.reduce((sum, [weight]) => sum + weight, 0)
  return Array.from({ length: SEQUENCE_STEPS }, () => {
    let at = random.integer(total)
    for (const [weight, plan] of plans) {
      if (at < weight) return plan()
      at -= weight
    }
    throw new Error('weights do not add up')
  })
}
