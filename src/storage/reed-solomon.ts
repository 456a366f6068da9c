import { InvalidInputError } from '../core/errors.ts'
import { type Matrix, parityMatrix, reconstructionMatrix } from './cauchy-matrix.ts'
import { type ErasureCode, SHARD_ALIGNMENT_BYTES, SHARDS_MAX, type StripeRoom } from './erasure-code.ts'
import { NotEnoughShardsError } from './erasure-errors.ts'
import { createScalarXorMachine } from './scalar-xor-machine.ts'
import { createWasmXorMachine } from './wasm-xor-machine.ts'
import { ShardTransform, type XorMachine } from './xor-machine.ts'
import { type XorProgram, xorProgramOf } from './xor-program.ts'
import { XorStripeRoom } from './xor-stripe-room.ts'

/** Codes kept, each with its programs. A community uses a handful of policies. */
const CODES_MAX = 16
/** Ways to lose shards whose programs are kept per code, fewer for large codes: … */
const LOSS_PATTERNS_MAX = 64
/** … compiled programs take about this much for each of the k × m coefficients, and … (bytes) */
const COEFFICIENT_CODE_BYTES = 320
/** … all of a code together no more than this (bytes). */
const CODE_BYTES_MAX = 32 * 1024 * 1024
/** A program is optimised when it has rebuilt this much, because then it will pay (bytes). */
const OPTIMISED_AFTER_BYTES = 8 * 1024 * 1024

let sharedMachine: XorMachine | undefined
const codes = new Map<string, ErasureCode>()

/**
 * The Reed–Solomon code with `k` data and `m` parity shards, in the layout of `docs/protocol/erasure-code.md`.
 * The same instance is given for the same numbers, so its programs are made once. Works synchronously; a stripe
 * of 10 × 256 KiB takes well under a millisecond once warm, a third of that in a room (`createRoom`).
 *
 * @throws InvalidInputError unless k ≥ 1, m ≥ 1 and k + m ≤ 255.
 */
export function createErasureCode(k: number, m: number): ErasureCode {
  sharedMachine ??= createFastestXorMachine()
  const name = `${k}+${m}`
  const code = codes.get(name) ?? new ReedSolomonCode(sharedMachine, { k, m })
  keepRecent(codes, name, code, CODES_MAX)
  return code
}

/** The one that this processor and runtime allow. */
export function createFastestXorMachine(): XorMachine {
  return createWasmXorMachine() ?? createScalarXorMachine()
}

/** Reed–Solomon on a machine of one's choice; {@link createErasureCode} chooses the fastest there is. */
export class ReedSolomonCode implements ErasureCode {
  readonly k: number
  readonly m: number
  readonly #machine: XorMachine
  readonly #parity: Matrix
  #parityProgram: XorProgram | undefined
  #encoder: ShardTransform | undefined
  readonly #rebuilders = new Map<string, Rebuilder>()

  constructor(machine: XorMachine, shape: { k: number; m: number }) {
    const { k, m } = shape
    if (!Number.isInteger(k) || !Number.isInteger(m) || k < 1 || m < 1 || k + m > SHARDS_MAX) {
      throw new InvalidInputError({
        what: 'An erasure code',
        reason: `${k}+${m} is not at least 1+1 and at most ${SHARDS_MAX} shards together`,
      })
    }
    this.k = k
    this.m = m
    this.#machine = machine
    this.#parity = parityMatrix(k, m)
  }

  encode(data: readonly Uint8Array[]): Uint8Array[] {
    if (data.length !== this.k) {
      throw new InvalidInputError({
        what: 'A stripe',
        reason: `it has ${data.length} data shards, not ${this.k}`,
      })
    }
    const shardBytes = checkLengths(data)
    this.#encoder ??= new ShardTransform(this.#machine, this.#encoding())
    return this.#encoder.apply(data, shardBytes)
  }

  createRoom(shardBytesMax: number): StripeRoom {
    return new XorStripeRoom(this.#machine, this.#encoding(), shardBytesMax)
  }

  reconstruct(shards: readonly (Uint8Array | undefined)[]): Uint8Array[] {
    const { k, m } = this
    if (shards.length !== k + m) {
      throw new InvalidInputError({
        what: 'A stripe',
        reason: `it has ${shards.length} places, not ${k + m}`,
      })
    }
    const places = Array.from(shards.keys())
    const given = places.filter((place) => shards[place] !== undefined)
    const missing = places.filter((place) => shards[place] === undefined)
    const present = given.map((place) => shards[place] as Uint8Array)
    const shardBytes = checkLengths(present)
    if (given.length < k) throw new NotEnoughShardsError({ needed: k, given: given.length })
    if (missing.length === 0) return present
    const rebuilt = this.#rebuilderOf(given.slice(0, k), missing).apply(present.slice(0, k), shardBytes)
    return places.map((place) => shards[place] ?? (rebuilt[missing.indexOf(place)] as Uint8Array))
  }

  /** Made once: looking for what the parity shards have in common takes tens of milliseconds. */
  #encoding(): XorProgram {
    this.#parityProgram ??= xorProgramOf(this.#parity, true)
    return this.#parityProgram
  }

  #rebuilderOf(given: readonly number[], missing: readonly number[]): Rebuilder {
    // The given shards used follow from the missing ones: they are the first k of the others.
    const name = missing.join()
    const rebuilder =
      this.#rebuilders.get(name) ??
      new Rebuilder(this.#machine, reconstructionMatrix(this.#parity, this.k, { given, missing }))
    const fitting = Math.floor(CODE_BYTES_MAX / (COEFFICIENT_CODE_BYTES * this.k * this.m))
    keepRecent(this.#rebuilders, name, rebuilder, Math.min(LOSS_PATTERNS_MAX, fitting))
    return rebuilder
  }
}

/** Rebuilds one loss pattern: at once with a plain program, and with an optimised one when it is used much. */
class Rebuilder {
  readonly #machine: XorMachine
  readonly #matrix: Matrix
  #transform: ShardTransform
  #bytesUntilOptimised = OPTIMISED_AFTER_BYTES

  constructor(machine: XorMachine, matrix: Matrix) {
    this.#machine = machine
    this.#matrix = matrix
    this.#transform = new ShardTransform(machine, xorProgramOf(matrix, false))
  }

  apply(given: readonly Uint8Array[], shardBytes: number): Uint8Array[] {
    if (this.#bytesUntilOptimised > 0) {
      this.#bytesUntilOptimised -= given.length * shardBytes
      if (this.#bytesUntilOptimised <= 0) {
        this.#transform = new ShardTransform(this.#machine, xorProgramOf(this.#matrix, true))
      }
    }
    return this.#transform.apply(given, shardBytes)
  }
}

/** Puts an entry at the young end and drops the oldest one when there are too many. */
function keepRecent<Value>(entries: Map<string, Value>, name: string, value: Value, max: number): void {
  entries.delete(name)
  entries.set(name, value)
  const [oldest] = entries.keys()
  if (entries.size > max) entries.delete(oldest as string)
}

/** The common length of the shards. */
function checkLengths(shards: readonly Uint8Array[]): number {
  const shardBytes = shards[0]?.byteLength ?? 0
  for (const shard of shards) {
    if (shard.byteLength !== shardBytes) {
      throw new InvalidInputError({
        what: 'A stripe',
        reason: `its shards have different lengths (${shardBytes} and ${shard.byteLength} bytes)`,
      })
    }
  }
  if (shardBytes % SHARD_ALIGNMENT_BYTES !== 0) {
    throw new InvalidInputError({
      what: 'A shard',
      reason: `its length of ${shardBytes} bytes is not a multiple of ${SHARD_ALIGNMENT_BYTES}`,
    })
  }
  return shardBytes
}
