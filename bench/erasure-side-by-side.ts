import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '../src/core/random.ts'
import { ReedSolomonCode } from '../src/storage/reed-solomon.ts'
import { createScalarXorMachine } from '../src/storage/scalar-xor-machine.ts'
import { createWasmXorMachine } from '../src/storage/wasm-xor-machine.ts'
import type { XorMachine } from '../src/storage/xor-machine.ts'
import type { Result } from './kept-results.ts'
import { describeMachine } from './machine.ts'
import { median, type Standing } from './rounds.ts'

const K = 10
const M = 4
const SHARD_BYTES = 256 * 1024
const STRIPES = 16
const ROUNDS = 9
const ISAL = fileURLToPath(new URL('contenders/isal.c', import.meta.url))
/** Bytes of data a second. */
const GOAL = 10e9

/** Encoding 10+4 in one thread: ours compiled, ours without WebAssembly, and ISA-L in native code. */
export async function compareErasure(folder: string): Promise<Result> {
  const machine = describeMachine()
  const ours: Standing = { name: 'Kizuna, WebAssembly', speeds: [], reason: undefined }
  const scalar: Standing = { name: 'Kizuna, without WebAssembly', speeds: [], reason: undefined }
  const rebuilding: Standing = { name: 'Kizuna, rebuilding four of ten', speeds: [], reason: undefined }
  const native: Standing = { name: 'ISA-L, native', speeds: [], reason: undefined }
  const wasm = createWasmXorMachine()
  const isal = buildIsal(folder)
  if (isal === undefined) native.reason = 'not built: needs a C compiler and Debian’s libisal-dev'
  for (let round = 0; round < 3; round++) {
    if (wasm === undefined) ours.reason = 'this machine has no WebAssembly SIMD'
    else {
      ours.speeds.push(speedOf(wasm, (code, stripe) => code.encode(stripe)))
      rebuilding.speeds.push(speedOf(wasm, rebuild))
    }
    scalar.speeds.push(speedOf(createScalarXorMachine(), (code, stripe) => code.encode(stripe)))
    if (isal === undefined) continue
    const { stdout } = spawnSync(isal, { encoding: 'utf8' })
    native.speeds.push(
      Number((JSON.parse(stdout) as { gigabytesPerSecond: number }).gigabytesPerSecond) * 1e9,
    )
  }
  const ratio = median(ours.speeds) / GOAL
  const goal = { ours: ours.name, theirs: '10 GB/s', atLeast: 1, ratio, reached: ratio >= 1 }
  return {
    title: 'Erasure code, encoding 10+4',
    machine,
    setting: `Shards of ${SHARD_BYTES / 1024} KiB, ${STRIPES} stripes, one thread, bytes of data without parity`,
    standings: [ours, rebuilding, scalar, native],
    goals: Number.isNaN(ratio) ? [] : [goal],
  }
}

type Work = (code: ReedSolomonCode, stripe: Uint8Array[]) => void

function speedOf(machine: XorMachine, work: Work): number {
  const random = new SeededRandom(1)
  const code = new ReedSolomonCode(machine, { k: K, m: M })
  const stripes = Array.from({ length: STRIPES }, () =>
    Array.from({ length: K }, () => random.bytes(SHARD_BYTES)),
  )
  const speeds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now()
    for (const stripe of stripes) work(code, stripe)
    speeds.push((STRIPES * K * SHARD_BYTES) / ((performance.now() - begin) / 1000))
  }
  return median(speeds)
}

/** As if the first four data shards were lost; the parity's bytes do not matter for the time. */
function rebuild(code: ReedSolomonCode, stripe: Uint8Array[]): void {
  code.reconstruct(
    [...stripe.keys()].map((place) => (place < M ? undefined : stripe[place])).concat(stripe.slice(0, M)),
  )
}

function buildIsal(folder: string): string | undefined {
  const program = join(folder, 'isal')
  const { status } = spawnSync('gcc', ['-O2', ISAL, '-o', program, '-lisal'], { stdio: 'ignore' })
  return status === 0 ? program : undefined
}
