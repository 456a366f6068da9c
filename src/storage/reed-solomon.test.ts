/**
 * The code is checked against the definition itself (one field element at a time, from the layout of the protocol
 * page), against its vectors, and on both machines.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvalidInputError } from '../core/errors.ts'
import { SeededRandom, shuffled } from '../core/random.ts'
import { parityMatrix } from './cauchy-matrix.ts'
import { NotEnoughShardsError } from './erasure-errors.ts'
import { multiply } from './galois-field.ts'
import { createErasureCode, createFastestXorMachine, ReedSolomonCode } from './reed-solomon.ts'
import { createScalarXorMachine } from './scalar-xor-machine.ts'
import { createWasmXorMachine } from './wasm-xor-machine.ts'

const PAGE = new URL('../../docs/protocol/erasure-code.md', import.meta.url)
const scalar = createScalarXorMachine()

function wasmMachine() {
  const machine = createWasmXorMachine()
  assert.ok(machine !== undefined, 'Node 24 has WebAssembly SIMD')
  return machine
}
const wasm = wasmMachine()

function randomShards(random: SeededRandom, count: number, shardBytes: number): Uint8Array[] {
  return Array.from({ length: count }, () => random.bytes(shardBytes))
}

/** Element `index` (0 to 127) of a block: one bit of each plane. */
function elementAt(shard: Uint8Array, block: number, index: number): number {
  let element = 0
  for (let plane = 0; plane < 8; plane++) {
    const byte = shard[block * 128 + plane * 16 + (index >> 3)] as number
    element |= ((byte >> (index & 7)) & 1) << plane
  }
  return element
}

/** Loses the places in `lost`, rebuilds, and says whether all shards came back as they were. */
function assertRebuilt(code: ReedSolomonCode, all: readonly Uint8Array[], lost: readonly number[]): void {
  const rebuilt = code.reconstruct(all.map((shard, place) => (lost.includes(place) ? undefined : shard)))
  for (const [place, shard] of rebuilt.entries()) {
    assert.equal(Buffer.compare(shard, all[place] as Uint8Array), 0, `place ${place} after losing ${lost}`)
  }
}

function* waysToChoose(count: number, from: number, first = 0): Generator<number[]> {
  if (count === 0) yield []
  else {
    for (let one = first; one <= from - count; one++) {
      for (const others of waysToChoose(count - 1, from, one + 1)) yield [one, ...others]
    }
  }
}

test('all 1,001 ways to lose 4 of 14 shards are rebuilt byte for byte [B-40]', () => {
  const code = new ReedSolomonCode(wasm, { k: 10, m: 4 })
  const data = randomShards(new SeededRandom(1), 10, 256)
  const all = [...data, ...code.encode(data)]
  let ways = 0
  for (const lost of waysToChoose(4, 14)) {
    assertRebuilt(code, all, lost)
    ways += 1
  }
  assert.equal(ways, 1001)
})

test('parity is what the definition says, element by element', () => {
  for (const [k, m] of [
    [1, 1],
    [3, 2],
    [10, 4],
    [17, 3],
  ] as const) {
    const data = randomShards(new SeededRandom(k), k, 384)
    const matrix = parityMatrix(k, m)
    const parity = createErasureCode(k, m).encode(data)
    for (let row = 0; row < m; row++) {
      for (let index = 0; index < 384; index++) {
        const [block, inBlock] = [index >> 7, index & 127]
        const expected = data.reduce(
          (sum, shard, column) =>
            sum ^ multiply(matrix[row]?.[column] ?? 0, elementAt(shard, block, inBlock)),
          0,
        )
        assert.equal(elementAt(parity[row] as Uint8Array, block, inBlock), expected)
      }
    }
  }
})

test('any k, m, length and loss round-trips, and both machines give the same bytes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 12 }),
      fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 250, max: 700 })),
      fc.nat(),
      (k, m, blocks, seed) => {
        const random = new SeededRandom(seed)
        const data = randomShards(random, k, blocks * 128)
        const code = new ReedSolomonCode(wasm, { k, m })
        const plain = new ReedSolomonCode(scalar, { k, m })
        const parity = code.encode(data)
        assert.deepEqual(plain.encode(data), parity)
        const all = [...data, ...parity]
        const lost = shuffled(random, [...all.keys()]).slice(0, random.integer(m + 1))
        assertRebuilt(code, all, lost)
        assertRebuilt(plain, all, lost)
      },
    ),
    { numRuns: 40 },
  )
})

test('the largest codes work: 200+55, 254+1, 1+254', () => {
  for (const [k, m] of [
    [200, 55],
    [254, 1],
    [1, 254],
  ] as const) {
    const random = new SeededRandom(k)
    const code = new ReedSolomonCode(wasm, { k, m })
    const data = randomShards(random, k, 4096)
    const all = [...data, ...code.encode(data)]
    assertRebuilt(code, all, shuffled(random, [...all.keys()]).slice(0, m))
  }
})

test('shards longer than the window of memory, and shards at odd addresses, are worked through in slices', () => {
  const random = new SeededRandom(3)
  const backing = random.bytes(10 * (1_048_576 + 129) + 1)
  const data = Array.from({ length: 10 }, (_, index) => {
    const start = 1 + index * (1_048_576 + 129)
    return backing.subarray(start, start + 1_048_576 + 128)
  })
  const code = new ReedSolomonCode(wasm, { k: 10, m: 4 })
  const parity = code.encode(data)
  assert.deepEqual(new ReedSolomonCode(scalar, { k: 10, m: 4 }).encode(data), parity)
  assertRebuilt(code, [...data, ...parity], [0, 5, 9, 12])
})

test('a loss pattern keeps giving the same bytes once its program is optimised', () => {
  const code = new ReedSolomonCode(wasm, { k: 10, m: 4 })
  const data = randomShards(new SeededRandom(4), 10, 262_144)
  const all = [...data, ...code.encode(data)]
  for (let time = 0; time < 6; time++) assertRebuilt(code, all, [1, 2, 3, 13])
})

test('shards that were given come back as they are; nothing missing costs nothing', () => {
  const code = createErasureCode(4, 2)
  const data = randomShards(new SeededRandom(5), 4, 128)
  const all = [...data, ...code.encode(data)]
  const complete = code.reconstruct(all)
  for (const [place, shard] of complete.entries()) assert.equal(shard, all[place])
  const rebuilt = code.reconstruct(all.map((shard, place) => (place === 2 ? undefined : shard)))
  assert.equal(rebuilt[0], all[0])
  assert.notEqual(rebuilt[2], all[2])
})

test('in a room the parity is the same, of any length, stripe after stripe, and of short stripes [B-40]', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3_000 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      (k, m, shardBytesMax, seeds) => {
        for (const machine of [wasm, scalar]) {
          const code = new ReedSolomonCode(machine, { k, m })
          const room = code.createRoom(shardBytesMax)
          for (const seed of seeds) {
            const random = new SeededRandom(seed)
            const shards = Array.from({ length: 1 + random.integer(k) }, () =>
              random.bytes(random.integer(shardBytesMax + 1)),
            )
            for (const [place, shard] of shards.entries()) room.data[place]?.set(shard)
            const longest = Math.max(...shards.map(({ byteLength }) => byteLength))
            const padded = Array.from({ length: k }, (_, place) => {
              const shard = new Uint8Array(Math.ceil(longest / 128) * 128)
              shard.set(shards[place] ?? [])
              return shard
            })
            const parity = room.encode(shards.map(({ byteLength }) => byteLength))
            assert.equal(Buffer.compare(Buffer.concat(parity), Buffer.concat(code.encode(padded))), 0)
            for (const [place, shard] of shards.entries()) {
              const kept = room.data[place]?.subarray(0, shard.byteLength) as Uint8Array
              assert.equal(Buffer.compare(kept, shard), 0, 'the data stays as it was')
            }
          }
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('a room says what it takes, can be read by other threads, and refuses what does not fit', () => {
  const room = new ReedSolomonCode(wasm, { k: 3, m: 2 }).createRoom(1_000)
  assert.ok(room.data[0]?.buffer instanceof SharedArrayBuffer)
  assert.ok(room.sizeBytes >= 5_000 && room.sizeBytes <= 5_000 + 65_536)
  assert.equal(room.data.length, 3)
  for (const lengths of [[], [1, 1, 1, 1], [1_001], [-1], [0.5], [Number.NaN]]) {
    assert.throws(() => room.encode(lengths), InvalidInputError, `${lengths}`)
  }
  for (const shardBytesMax of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => createErasureCode(3, 2).createRoom(shardBytesMax), InvalidInputError)
  }
  assert.deepEqual(
    room.encode([0, 0]).map(({ byteLength }) => byteLength),
    [0, 0],
  )
})

test('one shard too few is a typed error that says how many there are', () => {
  const code = createErasureCode(4, 2)
  const data = randomShards(new SeededRandom(6), 4, 128)
  const all: (Uint8Array | undefined)[] = [...data, ...code.encode(data)]
  all[0] = all[3] = all[5] = undefined
  assert.throws(
    () => code.reconstruct(all),
    (error) =>
      error instanceof NotEnoughShardsError && error.details.given === 3 && error.details.needed === 4,
  )
  assert.throws(() => code.reconstruct(new Array(6).fill(undefined)), NotEnoughShardsError)
})

test('wrong arguments are refused', () => {
  for (const [k, m] of [
    [0, 1],
    [1, 0],
    [200, 56],
    [1.5, 2],
    [Number.NaN, 2],
    [-1, 4],
  ] as const) {
    assert.throws(() => createErasureCode(k, m), InvalidInputError, `${k}+${m}`)
  }
  const code = createErasureCode(2, 2)
  const shard = new Uint8Array(128)
  assert.throws(() => code.encode([shard]), InvalidInputError)
  assert.throws(() => code.encode([shard, shard, shard]), InvalidInputError)
  assert.throws(() => code.encode([shard, new Uint8Array(256)]), InvalidInputError)
  assert.throws(() => code.encode([new Uint8Array(100), new Uint8Array(100)]), InvalidInputError)
  assert.throws(() => code.reconstruct([shard, shard, shard]), InvalidInputError)
  assert.throws(() => code.reconstruct([shard, undefined, new Uint8Array(256), undefined]), InvalidInputError)
})

test('the same numbers give the same instance', () => {
  assert.equal(createErasureCode(5, 3), createErasureCode(5, 3))
  assert.notEqual(createErasureCode(5, 3), createErasureCode(3, 5))
})

test('the vectors of the protocol page hold', () => {
  const page = readFileSync(PAGE, 'utf8')
  const matrix = page.match(/^```matrix 10\+4\n([\s\S]*?)^```/m)?.[1]
  assert.equal(
    parityMatrix(10, 4)
      .map((row) => `${row.map((element) => element.toString(16).padStart(2, '0')).join(' ')}\n`)
      .join(''),
    matrix,
  )
  const rows = [...page.matchAll(/^\| (\d+)\+(\d+) \| (\d+) \| `([0-9a-f]{64})` \|$/gm)]
  assert.equal(rows.length, 7)
  for (const [, k, m, shardBytes, digest] of rows) {
    const data = Array.from({ length: Number(k) }, (_, shard) =>
      Uint8Array.from({ length: Number(shardBytes) }, (_, index) => shard * 131 + index * 7 + (index >> 8)),
    )
    for (const machine of [wasm, scalar]) {
      const parity = new ReedSolomonCode(machine, { k: Number(k), m: Number(m) }).encode(data)
      assert.equal(hash('sha256', Buffer.concat(parity), 'hex'), digest, `${k}+${m}`)
    }
  }
})

test('without WebAssembly, or without its vectors, the code runs on plain numbers', () => {
  const holder = globalThis as { WebAssembly?: unknown }
  const own = holder.WebAssembly
  try {
    holder.WebAssembly = undefined
    assert.equal(createWasmXorMachine(), undefined)
    const code = new ReedSolomonCode(createFastestXorMachine(), { k: 2, m: 1 })
    const data = [new Uint8Array(128).fill(1), new Uint8Array(128).fill(2)]
    const [parity] = code.encode(data)
    assert.deepEqual(code.reconstruct([undefined, data[1], parity])[0], data[0])
    class NoVectors {
      constructor() {
        throw new Error('unknown opcode 0xfd')
      }
    }
    holder.WebAssembly = {
      ...(own as object),
      Memory: (own as { Memory: unknown }).Memory,
      Module: NoVectors,
    }
    assert.equal(createWasmXorMachine(), undefined)
  } finally {
    holder.WebAssembly = own
  }
})
