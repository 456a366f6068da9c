import { InvalidInputError } from '../core/errors.ts'
import { SHARD_ALIGNMENT_BYTES, type StripeRoom } from './erasure-code.ts'
import { type RunBlocks, strideOf, type XorMachine } from './xor-machine.ts'
import { PLANES, type XorProgram } from './xor-program.ts'

/** A stripe in the memory of an XOR machine, data first, parity behind it. */
export class XorStripeRoom implements StripeRoom {
  readonly shardBytesMax: number
  readonly sizeBytes: number
  readonly data: readonly Uint8Array[]
  /** Data shards with the room behind them for their padding. */
  readonly #padded: readonly Uint8Array[]
  readonly #parity: readonly Uint8Array[]
  readonly #run: RunBlocks

  /** @throws InvalidInputError unless `shardBytesMax` is at least 1. */
  constructor(machine: XorMachine, program: XorProgram, shardBytesMax: number) {
    if (!Number.isSafeInteger(shardBytesMax) || shardBytesMax < 1) {
      throw new InvalidInputError({ what: 'The longest shard', reason: `${shardBytesMax} is not a length` })
    }
    const stride = strideOf(shardBytesMax)
    const shards = program.inputs + program.outputs.length / PLANES
    const memory = machine.allocate(shards * stride)
    const slices = Array.from({ length: shards }, (_, place) =>
      memory.bytes.subarray(place * stride, (place + 1) * stride),
    )
    this.shardBytesMax = shardBytesMax
    this.sizeBytes = memory.bytes.byteLength
    this.#padded = slices.slice(0, program.inputs)
    this.data = this.#padded.map((slice) => slice.subarray(0, shardBytesMax))
    this.#parity = slices.slice(program.inputs)
    this.#run = memory.prepare(program, stride)
  }

  encode(lengths: readonly number[]): Uint8Array[] {
    this.#check(lengths)
    const blocks = Math.ceil(Math.max(0, ...lengths) / SHARD_ALIGNMENT_BYTES)
    const shardBytes = blocks * SHARD_ALIGNMENT_BYTES
    for (const [index, shard] of this.#padded.entries()) {
      const length = lengths[index] ?? 0
      if (length < shardBytes) shard.fill(0, length, shardBytes)
    }
    if (blocks > 0) this.#run(blocks)
    return this.#parity.map((shard) => shard.subarray(0, shardBytes))
  }

  #check(lengths: readonly number[]): void {
    const isStripe = lengths.length > 0 && lengths.length <= this.data.length
    const fits = (length: number) =>
      Number.isSafeInteger(length) && length >= 0 && length <= this.shardBytesMax
    if (isStripe && lengths.every(fits)) return
    throw new InvalidInputError({
      what: 'A stripe',
      reason: `${lengths.length} shards of up to ${Math.max(0, ...lengths)} bytes do not fit ${this.data.length} of ${this.shardBytesMax}`,
    })
  }
}
