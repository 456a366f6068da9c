import { SHARD_ALIGNMENT_BYTES } from './erasure-code.ts'
import type { XorProgram } from './xor-program.ts'

/** Works through `blocks` (at least 1) blocks of 128 bytes of every shard in the memory it was made for. */
export type RunBlocks = (blocks: number) => void

/** Memory in which a machine computes: a slice of every shard, inputs first, at `place × strideBytes`. */
export interface XorMemory {
  readonly bytes: Uint8Array
  /** Compiles a program for this memory; quick when the same program was compiled for another one before. */
  prepare(program: XorProgram, strideBytes: number): RunBlocks
}

/** Something that runs XOR programs over memory of its own. */
export interface XorMachine {
  /** What shards from elsewhere are copied through; one serves all programs, since they run one after the other. */
  readonly window: XorMemory
  /** New memory, all zeros. It goes when nobody holds it any more. */
  allocate(sizeBytes: number): XorMemory
}

/**
 * Slices lie this much more than their length apart, or those of a power of two would all fall on the
 * same lines of the cache. A multiple of 64, so that slices stay aligned.
 */
const STRIDE_PADDING_BYTES = 192
/** Length of a machine's window (bytes); stays in a processor's second-level cache. */
export const WINDOW_BYTES = 1024 * 1024
/**
 * Measured: computing is as fast with slices of 4 KiB as with whole shards, and copying is the faster the longer
 * they are; beyond this they leave the second-level cache.
 */
const SLICE_BYTES_MAX = 64 * 1024

/** How far apart slices of up to so many bytes lie. */
export function strideOf(sliceBytesMax: number): number {
  return roundUp(sliceBytesMax, SHARD_ALIGNMENT_BYTES) + STRIDE_PADDING_BYTES
}

/** A program, applied to shards of any length that lie anywhere. */
export class ShardTransform {
  readonly #inputs: number
  readonly #sliceBytes: number
  /** Where a slice of each shard goes, inputs first. */
  readonly #slices: readonly Uint8Array[]
  readonly #run: RunBlocks

  constructor({ window }: XorMachine, program: XorProgram) {
    this.#inputs = program.inputs
    const shards = program.inputs + program.outputs.length / 8
    const fittingBytes = Math.floor(window.bytes.byteLength / shards) - STRIDE_PADDING_BYTES
    const sliceBytes = Math.min(fittingBytes, SLICE_BYTES_MAX)
    this.#sliceBytes = sliceBytes - (sliceBytes % SHARD_ALIGNMENT_BYTES)
    const stride = strideOf(this.#sliceBytes)
    this.#slices = Array.from({ length: shards }, (_, place) =>
      window.bytes.subarray(place * stride, place * stride + this.#sliceBytes),
    )
    this.#run = window.prepare(program, stride)
  }

  /** New output shards from the input shards, which all have `shardBytes` bytes. */
  apply(inputs: readonly Uint8Array[], shardBytes: number): Uint8Array[] {
    const slices = this.#slices
    // Every byte is written below. Memory of its own, not of the shared pool: shards are kept and handed on.
    const outputs = slices
      .slice(this.#inputs)
      .map(() => new Uint8Array(Buffer.allocUnsafeSlow(shardBytes).buffer))
    for (let start = 0; start < shardBytes; start += this.#sliceBytes) {
      const length = Math.min(this.#sliceBytes, shardBytes - start)
      for (const [index, shard] of inputs.entries()) {
        ;(slices[index] as Uint8Array).set(shard.subarray(start, start + length))
      }
      this.#run(length / SHARD_ALIGNMENT_BYTES)
      for (const [index, shard] of outputs.entries()) {
        const slice = slices[this.#inputs + index] as Uint8Array
        shard.set(length === slice.byteLength ? slice : slice.subarray(0, length), start)
      }
    }
    return outputs
  }
}

function roundUp(figure: number, step: number): number {
  return Math.ceil(figure / step) * step
}
