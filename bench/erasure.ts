/**
 * Speed of the erasure code, the compiled machine against the scalar fallback in one run: `node bench/erasure.ts`.
 * Prints GB/s of data (decimal, the parity not counted), the median of several rounds once warm.
 */
import { SystemClock } from '../src/core/clock.ts'
import { SeededRandom } from '../src/core/random.ts'
import { ReedSolomonCode } from '../src/storage/reed-solomon.ts'
import { createScalarXorMachine } from '../src/storage/scalar-xor-machine.ts'
import { createWasmXorMachine } from '../src/storage/wasm-xor-machine.ts'
import type { XorMachine } from '../src/storage/xor-machine.ts'

const K = 10
const M = 4
const SHARD_BYTES = 256 * 1024
/** Several stripes, so that the data does not lie in the cache already. */
const STRIPES = 16
const ROUNDS = 9
const LOSSES = [[2], [1, 11], [0, 3, 7], [0, 1, 2, 3], [0, 5, 9, 12]]

const clock = new SystemClock()
const random = new SeededRandom(1)
const stripes = Array.from({ length: STRIPES }, () =>
  Array.from({ length: K }, () => random.bytes(SHARD_BYTES)),
)

function gigabytesPerSecond(work: (stripe: Uint8Array[]) => void): number {
  const speeds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = clock.monotonic()
    for (const stripe of stripes) work(stripe)
    speeds.push((STRIPES * K * SHARD_BYTES) / 1e6 / (clock.monotonic() - startMs))
  }
  return speeds.toSorted((one, other) => one - other)[ROUNDS >> 1] ?? 0
}

function measure(machine: XorMachine): Map<string, number> {
  const code = new ReedSolomonCode(machine, { k: K, m: M })
  const results = new Map<string, number>()
  results.set(
    'encode',
    gigabytesPerSecond((stripe) => void code.encode(stripe)),
  )
  const parity = code.encode(stripes[0] ?? [])
  for (const lost of LOSSES) {
    const rebuild = (stripe: Uint8Array[]) => {
      code.reconstruct(
        [...stripe, ...parity].map((shard, place) => (lost.includes(place) ? undefined : shard)),
      )
    }
    results.set(`rebuild ${lost.join(' ')}`, gigabytesPerSecond(rebuild))
  }
  return results
}

const wasm = createWasmXorMachine()
const scalar = measure(createScalarXorMachine())
const compiled = wasm === undefined ? new Map<string, number>() : measure(wasm)
console.log(`${K}+${M}, shards of ${SHARD_BYTES / 1024} KiB, ${STRIPES} stripes, GB/s of data`)
console.log(`${'work'.padEnd(20)} ${'wasm'.padStart(8)} ${'scalar'.padStart(8)} ${'ratio'.padStart(7)}`)
for (const [work, slow] of scalar) {
  const fast = compiled.get(work)
  const ratio = fast === undefined ? '–' : `${(fast / slow).toFixed(0)} ×`
  console.log(
    `${work.padEnd(20)} ${(fast?.toFixed(2) ?? '–').padStart(8)} ${slow.toFixed(2).padStart(8)} ${ratio.padStart(7)}`,
  )
}
