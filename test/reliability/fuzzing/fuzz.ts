import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KizunaError } from '../../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../../src/core/random.ts'
import { threadCpuMs } from '../cpu-time.ts'
import type { BranchCoverage } from './branch-coverage.ts'
import type { FuzzTarget } from './fuzz-target.ts'
import { mutate } from './mutate.ts'

/** Inputs that are kept: each a folder of the parser's name, each file one input. */
const CORPUS = fileURLToPath(new URL('../corpus/', import.meta.url))
/** Of processor time: a parser waits for nothing, and a busy machine makes no hang of what is none. */
const HANG_CPU_MS = 1_000
const ALLOCATION_BYTES_MAX = 64 * 1024 * 1024
/** Memory is looked at after so many inputs; what one of them allocates and leaves is still there then, or was too little. */
const LOOK_AT_MEMORY_EVERY = 64
/** Branches are looked at after so many inputs. */
const LOOK_AT_BRANCHES_EVERY = 2_000
/** Inputs of a parser in the tree, and how long they may be. */
const KEPT_MAX = 40
const KEPT_BYTES_MAX = 1_024
/** A find is one of a sort; more of the same are not told. */
const FINDS_MAX = 5

export interface FuzzOptions {
  seed: number
  executions: number
  signal: AbortSignal
  /** Keeps inputs that reach new branches; also in the tree when `keeps`. */
  coverage?: BranchCoverage
  keeps?: boolean
  /** Where inputs are kept, in a folder of the parser's name. @default the corpus in the tree */
  corpus?: string
}

export interface FuzzOutcome {
  executions: number
  seconds: number
  /** How many inputs were let in. */
  accepted: number
  /** One line each: what was thrown or took too long, and where the input is. */
  finds: readonly string[]
  kept: number
}

/** The inputs in the tree for a parser. */
export function corpusOf(target: FuzzTarget): { name: string; input: Uint8Array }[] {
  const folder = `${CORPUS}${target.name}`
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, input: readFileSync(`${folder}/${name}`) }))
}

/** Whether an input is read or refused. @throws what is neither. */
export function runOnce(target: FuzzTarget, input: Uint8Array): 'read' | 'refused' {
  try {
    target.run(input)
    return 'read'
  } catch (error) {
    const isTyped = error instanceof KizunaError || target.refusals?.includes((error as Error)?.name) === true
    if (isTyped && (error as { code?: string }).code !== 'INTERNAL') return 'refused'
    throw error
  }
}

/** Feeds a parser with changed inputs, and keeps what it should not have done. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzOutcome> {
  const { coverage, signal } = options
  const random = new SeededRandom(options.seed)
  const folder = `${options.corpus ?? CORPUS}${target.name}`
  const pool = [...target.seeds, ...corpusOf(target).map(({ input }) => input)]
  const finds = new Map<string, string>()
  const began = performance.now()
  let accepted = 0
  let kept = 0
  let done = 0
  let batch: Uint8Array[] = []
  let memoryBefore = allocatedBytes()
  const find = (sort: string, input: Uint8Array) => {
    if (finds.size < FINDS_MAX && !finds.has(sort)) finds.set(sort, keep(folder, input, 'find'))
  }
  await coverage?.fresh()
  for (; done < options.executions && finds.size < FINDS_MAX && !signal.aborted; done++) {
    const origin = pool[random.integer(pool.length)] as Uint8Array
    const input = done < pool.length ? (pool[done] as Uint8Array) : mutate(random, origin, pool)
    const start = threadCpuMs()
    try {
      if (runOnce(target, input) === 'read') accepted++
    } catch (error) {
      find(`${String(error).slice(0, 200)} ${placeOf(error)}`, input)
    }
    if (threadCpuMs() - start > HANG_CPU_MS) find(`took more than ${HANG_CPU_MS} ms of processor time`, input)
    if (done % LOOK_AT_MEMORY_EVERY === 0) {
      const memory = allocatedBytes()
      if (memory - memoryBefore > ALLOCATION_BYTES_MAX)
        find(`allocated ${memory - memoryBefore} bytes`, input)
      memoryBefore = memory
      // Lets messages of the parent in, such as the one that the time is over.
      if (done % 4_096 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    if (coverage === undefined) continue
    batch.push(input)
    if (batch.length < LOOK_AT_BRANCHES_EVERY) continue
    for (const fresh of await coverage.whoReachedNew(batch, (one) => quietly(target, one))) {
      pool.push(fresh)
      if (options.keeps === true && keep(folder, fresh, 'branch') !== '') kept++
    }
    batch = []
  }
  return {
    executions: done,
    seconds: (performance.now() - began) / 1000,
    accepted,
    finds: [...finds].map(([what, file]) => `${target.name}: ${what} — ${file}`),
    kept,
  }
}

/** Writes an input into the folder; an empty text when there are enough or it is too long. */
function keep(folder: string, input: Uint8Array, why: 'find' | 'branch'): string {
  mkdirSync(folder, { recursive: true })
  const isTooMuch = input.byteLength > KEPT_BYTES_MAX || readdirSync(folder).length >= KEPT_MAX
  if (why === 'branch' && isTooMuch) return ''
  const name = `${why}-${hash('sha256', input).slice(0, 12)}`
  writeFileSync(`${folder}/${name}`, input)
  return `${relative('', folder)}/${name}`
}

function quietly(target: FuzzTarget, input: Uint8Array): void {
  try {
    target.run(input)
  } catch {
    // It was judged before; here it is only watched.
  }
}

function allocatedBytes(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + Math.max(external, arrayBuffers)
}

function placeOf(error: unknown): string {
  const line =
    error instanceof Error ? (error.stack ?? '').split('\n').find((each) => each.includes('/src/')) : ''
  return /src\/[^)]*/.exec(line ?? '')?.[0] ?? ''
}
