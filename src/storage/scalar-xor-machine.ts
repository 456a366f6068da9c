import { SHARD_ALIGNMENT_BYTES } from './erasure-code.ts'
import { WINDOW_BYTES, type XorMachine, type XorMemory } from './xor-machine.ts'
import { OPERANDS_MAX, PLANES, type XorProgram } from './xor-program.ts'

/** 32-bit words in a plane, and in a block of eight planes. */
const PLANE_WORDS = SHARD_ALIGNMENT_BYTES / PLANES / 4
const BLOCK_WORDS = PLANE_WORDS * PLANES
/** Blocks per turn: enough to pay for looking at an instruction, few enough for the temporaries to stay in the cache. */
const BATCH_BLOCKS = 16
const BATCH_WORDS = BATCH_BLOCKS * BLOCK_WORDS
/** Behind the shards, the planes of the temporaries of one batch. */
const TEMPORARY_WORDS = Math.ceil(OPERANDS_MAX / PLANES) * BATCH_WORDS

/**
 * A machine in plain JavaScript, for where WebAssembly SIMD is not to be had.
 * It gives the same bytes, more slowly (`npm run bench -- erasure` says by how much).
 */
export function createScalarXorMachine(): XorMachine {
  return { window: allocate(WINDOW_BYTES), allocate }
}

function allocate(sizeBytes: number): XorMemory {
  const temporariesAt = Math.ceil(sizeBytes / 4)
  const words = new Uint32Array(temporariesAt + TEMPORARY_WORDS)
  return {
    bytes: new Uint8Array(words.buffer, 0, sizeBytes),
    prepare(program, strideBytes) {
      const instructions = instructionsOf(program, strideBytes / 4, temporariesAt)
      return (blocks) => {
        for (let first = 0; first < blocks; first += BATCH_BLOCKS) {
          const count = Math.min(BATCH_BLOCKS, blocks - first)
          for (const instruction of instructions) execute(words, instruction, first * BLOCK_WORDS, count)
        }
      }
    },
  }
}

/** A plane in memory: of a shard, which moves on with every batch, or of a temporary, which is used again. */
interface Plane {
  at: number
  moves: boolean
}

/** `target = one ^ other`, or a copy of `one`. */
interface Instruction {
  target: Plane
  one: Plane
  other: Plane | undefined
}

function instructionsOf(program: XorProgram, strideWords: number, temporariesAt: number): Instruction[] {
  const inputPlanes = program.inputs * PLANES
  const shardPlane = (plane: number): Plane => ({
    at: Math.floor(plane / PLANES) * strideWords + (plane % PLANES) * PLANE_WORDS,
    moves: true,
  })
  // Temporaries lie like the planes of more shards, so that every operand steps by one block per block.
  const temporary = (index: number): Plane => ({
    at: temporariesAt + Math.floor(index / PLANES) * BATCH_WORDS + (index % PLANES) * PLANE_WORDS,
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

function execute(words: Uint32Array, instruction: Instruction, start: number, blocks: number): void {
  const { target, one, other } = instruction
  let outAt = target.at + (target.moves ? start : 0)
  let oneAt = one.at + (one.moves ? start : 0)
  if (other === undefined) {
    for (let block = 0; block < blocks; block++, outAt += BLOCK_WORDS, oneAt += BLOCK_WORDS) {
      words.copyWithin(outAt, oneAt, oneAt + PLANE_WORDS)
    }
    return
  }
  let otherAt = other.at + (other.moves ? start : 0)
  for (let block = 0; block < blocks; block++) {
    for (let word = 0; word < PLANE_WORDS; word++) {
      words[outAt + word] = (words[oneAt + word] as number) ^ (words[otherAt + word] as number)
    }
    outAt += BLOCK_WORDS
    oneAt += BLOCK_WORDS
    otherAt += BLOCK_WORDS
  }
}
