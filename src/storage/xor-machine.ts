import { SHARD_ALIGNMENT_BYTES } from './erasure-code.ts'
import type { XorProgram } from './xor-program.ts'

/** Works through `blocks` (at least 1) blocks of 128 bytes of every shard in the machine's window. */
export type RunBlocks = (blocks: number) => void

/**
 * Something that runs XOR programs over a window of memory. The window holds a slice of every shard, inputs first,
 * at `place × strideBytes`; a compiled program reads and writes there.
 */
export interface XorMachine {
  readonly window: Uint8Array
  compile(program: XorProgram, strideBytes: number): RunBlocks
}

/** What a machine's window holds at the most (bytes); small enough to stay in a processor's second-level cache. */
export const WINDOW_BYTES = 1024 * 1024
/**
 * Slices lie this much more than their length apart, or those of a power of two would all fall on the
 * same lines of the cache. A multiple of 64, so that slices stay aligned.
 */
const STRIDE_PADDING_BYTES = 192
/** Measured: from 4 to 16 KiB all are about as fast, longer ones leave the first-level cache. */
const SLICE_BYTES_MAX = 8 * 1024

/** A program on a machine, applied to shards of any length. */
export class ShardTransform {
  readonly #machine: XorMachine
  readonly #inputs: number
  readonly #outputs: number
  readonly #sliceBytes: number
  readonly #strideBytes: number
  readonly #run: RunBlocks

  constructor(machine: XorMachine, program: XorProgram) {
    this.#machine = machine
    this.#inputs = program.inputs
    this.#outputs = program.outputs.length / 8
    const fittingBytes = Math.floor(WINDOW_BYTES / (this.#inputs + this.#outputs)) - STRIDE_PADDING_BYTES
    const sliceBytes = Math.min(fittingBytes, SLICE_BYTES_MAX)
    this.#sliceBytes = sliceBytes - (sliceBytes % SHARD_ALIGNMENT_BYTES)
    this.#strideBytes = this.#sliceBytes + STRIDE_PADDING_BYTES
    this.#run = machine.compile(program, this.#strideBytes)
  }

  /** New output shards from the input shards, which all have `shardBytes` bytes. */
  apply(inputs: readonly Uint8Array[], shardBytes: number): Uint8Array[] {
    const { window } = this.#machine
    const outputs = Array.from({ length: this.#outputs }, () => new Uint8Array(shardBytes))
    for (let start = 0; start < shardBytes; start += this.#sliceBytes) {
      const end = Math.min(start + this.#sliceBytes, shardBytes)
      for (const [index, shard] of inputs.entries()) {
        window.set(shard.subarray(start, end), index * this.#strideBytes)
      }
      this.#run((end - start) / SHARD_ALIGNMENT_BYTES)
      for (const [index, shard] of outputs.entries()) {
        const at = (this.#inputs + index) * this.#strideBytes
        shard.set(window.subarray(at, at + end - start), start)
      }
    }
    return outputs
  }
}
