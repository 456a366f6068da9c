import { SHARD_ALIGNMENT_BYTES } from './erasure-code.ts'
import { type RunBlocks, WINDOW_BYTES, type XorMachine } from './xor-machine.ts'
import { PLANES, type XorProgram } from './xor-program.ts'

/** 32-bit words in a plane, and in a block of eight planes. */
const PLANE_WORDS = SHARD_ALIGNMENT_BYTES / PLANES / 4
const BLOCK_WORDS = PLANE_WORDS * PLANES
/** Blocks per turn: enough to pay for looking at an instruction, few enough for the temporaries to stay in the cache. */
const BATCH_BLOCKS = 16
const BATCH_WORDS = BATCH_BLOCKS * BLOCK_WORDS
const WINDOW_WORDS = WINDOW_BYTES / 4

/**
 * A machine in plain JavaScript, for where WebAssembly SIMD is not to be had.
 * It gives the same bytes, more slowly (`bench/erasure.ts` says by how much).
 */
export function createScalarXorMachine(): XorMachine {
  const words = new Uint32Array(WINDOW_WORDS)
  return {
    window: new Uint8Array(words.buffer),
    compile: (program, strideBytes) => compile(words, program, strideBytes / 4),
  }
}

/** A plane in memory: of a shard, which moves on with every batch, or of a temporary, which is used again. */
interface Plane {
  memory: Uint32Array
  at: number
  moves: boolean
}

/** `target = one ^ other`, or a copy of `one`. */
interface Instruction {
  target: Plane
  one: Plane
  other: Plane | undefined
}

function compile(window: Uint32Array, program: XorProgram, strideWords: number): RunBlocks {
  const instructions = instructionsOf(window, program, strideWords)
  return (blocks) => {
    for (let first = 0; first < blocks; first += BATCH_BLOCKS) {
      const count = Math.min(BATCH_BLOCKS, blocks - first)
      for (const instruction of instructions) execute(instruction, first * BLOCK_WORDS, count)
    }
  }
}

function instructionsOf(window: Uint32Array, program: XorProgram, strideWords: number): Instruction[] {
  const inputPlanes = program.inputs * PLANES
  // Temporaries lie like the planes of more shards, so that every operand steps by one block per block.
  const memory = new Uint32Array(Math.ceil(program.temporaries.length / PLANES) * BATCH_WORDS)
  const shardPlane = (plane: number): Plane => ({
    memory: window,
    at: Math.floor(plane / PLANES) * strideWords + (plane % PLANES) * PLANE_WORDS,
    moves: true,
  })
  const temporary = (index: number): Plane => ({
    memory,
    at: Math.floor(index / PLANES) * BATCH_WORDS + (index % PLANES) * PLANE_WORDS,
    moves: false,
  })
  const operand = (number: number) =>
    number < inputPlanes ? shardPlane(number) : temporary(number - inputPlanes)
  const instructions: Instruction[] = program.temporaries.map(([one, other], index) => ({
    target: temporary(index),
    one: operand(one),
    other: operand(other),
  }))
  for (const [index, operands] of program.outputs.entries()) {
    const target = shardPlane(inputPlanes + index)
    const [first, second, ...rest] = operands.map(operand)
    instructions.push({ target, one: first as Plane, other: second })
    for (const next of rest) instructions.push({ target, one: target, other: next })
  }
  return instructions
}

function execute(instruction: Instruction, start: number, blocks: number): void {
  const { target, one, other } = instruction
  const out = target.memory
  const a = one.memory
  let outAt = target.at + (target.moves ? start : 0)
  let aAt = one.at + (one.moves ? start : 0)
  if (other === undefined) {
    for (let block = 0; block < blocks; block++, outAt += BLOCK_WORDS, aAt += BLOCK_WORDS) {
      out.set(a.subarray(aAt, aAt + PLANE_WORDS), outAt)
    }
    return
  }
  const b = other.memory
  let bAt = other.at + (other.moves ? start : 0)
  for (let block = 0; block < blocks; block++) {
    for (let word = 0; word < PLANE_WORDS; word++) {
      out[outAt + word] = (a[aAt + word] as number) ^ (b[bAt + word] as number)
    }
    outAt += BLOCK_WORDS
    aAt += BLOCK_WORDS
    bAt += BLOCK_WORDS
  }
}
