import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '../src/core/random.ts'
import { ReedSolomonCode } from '../src/storage/reed-solomon.ts'
import { createScalarXorMachine } from '../src/storage/scalar-xor-machine.ts'
import { createWasmXorMachine } from '../src/storage/wasm-xor-machine.ts'
import type { Result } from './kept-results.ts'
import { describeMachine } from './machine.ts'
import { median, type Standing } from './rounds.ts'

const K = 10
const M = 4
const SHARD_BYTES = 256 * 1024
const STRIPES = 16
/** As many as publishing goes through in turn. */
const ROOMS = 3
const ROUNDS = 5
const PASSES = 21
const ISAL = fileURLToPath(new URL('contenders/isal.c', import.meta.url))
/** Bytes of data a second. */
const GOAL = 10e9

/**
 * 10+4 in one thread. *In place* is what publishing does: data lies in a room, where chunks are read to, hashed and
 * written from, and parity is made there. *From other arrays* copies data in and parity out, as repair does.
 */
export async function compareErasure(folder: string): Promise<Result> {
  const machine = describeMachine()
  const ours = WAYS.map(({ name }): Standing => ({ name, speeds: [], reason: undefined }))
  const native: Standing = { name: 'ISA-L, native, in place', speeds: [], reason: undefined }
  const isal = buildIsal(folder)
  if (isal === undefined) native.reason = 'not built: needs a C compiler and Debian’s libisal-dev'
  const wasm = createWasmXorMachine()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { isScalar, prepare }] of WAYS.entries()) {
      const standing = ours[index] as Standing
      const xor = isScalar ? createScalarXorMachine() : wasm
      if (xor === undefined) standing.reason = 'this machine has no WebAssembly SIMD'
      else standing.speeds.push(speedOf(prepare(new ReedSolomonCode(xor, { k: K, m: M }))))
    }
    if (isal === undefined) continue
    const { stdout } = spawnSync(isal, { encoding: 'utf8' })
    native.speeds.push(
      Number((JSON.parse(stdout) as { gigabytesPerSecond: number }).gigabytesPerSecond) * 1e9,
    )
  }
  const [inPlace = native] = ours
  const ratio = median(inPlace.speeds) / GOAL
  const goal = { ours: inPlace.name, theirs: '10 GB/s', atLeast: 1, ratio, reached: ratio >= 1 }
  return {
    title: 'Erasure code, encoding 10+4',
    machine,
    setting: `Shards of ${SHARD_BYTES / 1024} KiB, ${STRIPES} stripes, one thread, warm, bytes of data (without parity) for a second of processor time`,
    standings: [...ours, native],
    goals: Number.isNaN(ratio) ? [] : [goal],
  }
}

/** Works on one stripe after the other. */
type Work = (stripe: number) => void

/** Ours, the one that the goal is about first. */
const WAYS: readonly { name: string; isScalar: boolean; prepare: (code: ReedSolomonCode) => Work }[] = [
  { name: 'Kizuna, in place', isScalar: false, prepare: inPlace },
  { name: 'Kizuna, from other arrays', isScalar: false, prepare: fromArrays },
  { name: 'Kizuna, rebuilding four of ten from other arrays', isScalar: false, prepare: rebuilding },
  { name: 'Kizuna without WebAssembly, in place', isScalar: true, prepare: inPlace },
]

function inPlace(code: ReedSolomonCode): Work {
  const rooms = Array.from({ length: ROOMS }, () => code.createRoom(SHARD_BYTES))
  const lengths = new Array<number>(K).fill(SHARD_BYTES)
  const random = new SeededRandom(1)
  for (const { data } of rooms) for (const shard of data) shard.set(random.bytes(SHARD_BYTES))
  return (stripe) => void rooms[stripe % ROOMS]?.encode(lengths)
}

function fromArrays(code: ReedSolomonCode): Work {
  const stripes = stripesOfArrays()
  return (stripe) => void code.encode(stripes[stripe] ?? [])
}

/** As if the first four data shards were lost; the parity's bytes do not matter for the time. */
function rebuilding(code: ReedSolomonCode): Work {
  const stripes = stripesOfArrays().map((stripe) => [
    ...stripe.map((shard, place) => (place < M ? undefined : shard)),
    ...stripe.slice(0, M),
  ])
  return (stripe) => void code.reconstruct(stripes[stripe] ?? [])
}

function stripesOfArrays(): Uint8Array[][] {
  const random = new SeededRandom(1)
  return Array.from({ length: STRIPES }, () => Array.from({ length: K }, () => random.bytes(SHARD_BYTES)))
}

/**
 * Bytes of data for each second of processor time, which other programs take nothing of; the median, so that the
 * passes in which it gets warm do not count.
 */
function speedOf(work: Work): number {
  const speeds: number[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    const begin = process.cpuUsage()
    for (let stripe = 0; stripe < STRIPES; stripe++) work(stripe)
    const { user, system } = process.cpuUsage(begin)
    speeds.push((STRIPES * K * SHARD_BYTES) / ((user + system) / 1e6))
  }
  return median(speeds)
}

function buildIsal(folder: string): string | undefined {
  const program = join(folder, 'isal')
  const { status } = spawnSync('gcc', ['-O2', ISAL, '-o', program, '-lisal'], { stdio: 'ignore' })
  return status === 0 ? program : undefined
}
