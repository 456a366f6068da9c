import type { Matrix } from './cauchy-matrix.ts'
import { bitMatrixOf } from './galois-field.ts'

/** Bit planes of a shard: a field element has eight bits. */
export const PLANES = 8

/** With more XORs than this, looking for common parts takes longer than it can save. */
const XORS_OPTIMISED_MAX = 12_000
/**
 * A program with temporaries has no more operands in all. Looking for common parts counts every pair of them, in
 * cells of two bytes (18 MiB).
 */
export const OPERANDS_MAX = 3072

/**
 * A matrix over GF(2^8) as straight-line XORs of bit planes. Operand numbers: input shard `i`'s plane `p` is
 * `8 i + p`; from `8 × inputs` on they are the temporaries in order.
 */
export interface XorProgram {
  /** Input shards. */
  readonly inputs: number
  /** Each the XOR of two earlier operands. */
  readonly temporaries: readonly (readonly [number, number])[]
  /** The operands whose XOR is a plane of an output shard; eight in a row make one shard. Never empty. */
  readonly outputs: readonly (readonly number[])[]
}

/** The program of a matrix whose rows are the output shards; common parts are computed once if `isOptimised`. */
export function xorProgramOf(matrix: Matrix, isOptimised: boolean): XorProgram {
  const inputs = (matrix[0] as readonly number[]).length
  const outputs = matrix.flatMap(planesOfRow)
  const plain: XorProgram = { inputs, temporaries: [], outputs }
  return isOptimised && xorCount(plain) <= XORS_OPTIMISED_MAX ? shareCommonPairs(plain) : plain
}

/** XORs of 16 bytes that a program does for each block of 128 bytes of a shard. */
export function xorCount(program: XorProgram): number {
  return program.temporaries.length + program.outputs.reduce((sum, operands) => sum + operands.length - 1, 0)
}

function planesOfRow(coefficients: readonly number[]): number[][] {
  const planes: number[][] = Array.from({ length: PLANES }, () => [])
  for (const [input, coefficient] of coefficients.entries()) {
    for (const [plane, bits] of bitMatrixOf(coefficient).entries()) {
      for (let column = 0; column < PLANES; column++) {
        if ((bits >> column) & 1) planes[plane]?.push(input * PLANES + column)
      }
    }
  }
  return planes
}

/**
 * Greedy common subexpression elimination (Paar 1997): again and again, the pair of operands that occurs in the most
 * outputs becomes a temporary. For 10+4 it halves the XORs.
 */
function shareCommonPairs(program: XorProgram): XorProgram {
  const outputs = program.outputs.map((operands) => new Set(operands))
  const temporaries: [number, number][] = []
  // Each temporary saves an XOR and costs one, so there are never more than half as many as XORs.
  const operandsMax = Math.min(program.inputs * PLANES + (xorCount(program) >> 1) + 1, OPERANDS_MAX)
  const pairs = new PairCounts(operandsMax)
  for (const operands of program.outputs) {
    for (const [index, one] of operands.entries()) {
      for (let place = index + 1; place < operands.length; place++) pairs.add(one, operands[place] as number)
    }
  }
  for (let next = program.inputs * PLANES; next < operandsMax; next++) {
    const pair = pairs.takeMostFrequent()
    if (pair === undefined) break
    const [one, other] = pair
    temporaries.push([one, other])
    for (const operands of outputs) {
      if (!operands.has(one) || !operands.has(other)) continue
      operands.delete(one)
      operands.delete(other)
      pairs.remove(one, other)
      for (const third of operands) {
        pairs.remove(one, third)
        pairs.remove(other, third)
        pairs.add(next, third)
      }
      operands.add(next)
    }
  }
  return { inputs: program.inputs, temporaries, outputs: outputs.map((operands) => [...operands]) }
}

/** How often each pair of operands occurs, with quick access to the most frequent one. */
class PairCounts {
  readonly #operandsMax: number
  readonly #counts: Uint16Array
  /** `#byCount[n]` has every pair that once reached `n`; those that lost some since are moved when they come up. */
  readonly #byCount: number[][] = [[], []]

  constructor(operandsMax: number) {
    this.#operandsMax = operandsMax
    this.#counts = new Uint16Array(operandsMax * operandsMax)
  }

  add(one: number, other: number): void {
    const pair = this.#pairOf(one, other)
    const count = (this.#counts[pair] as number) + 1
    this.#counts[pair] = count
    if (count < 2) return
    this.#byCount[count] ??= []
    this.#byCount[count]?.push(pair)
  }

  remove(one: number, other: number): void {
    const pair = this.#pairOf(one, other)
    this.#counts[pair] = (this.#counts[pair] as number) - 1
  }

  /** The most frequent pair, or undefined when none occurs twice. */
  takeMostFrequent(): readonly [number, number] | undefined {
    for (let count = this.#byCount.length - 1; count >= 2; count = this.#byCount.length - 1) {
      const pair = this.#byCount[count]?.pop()
      if (pair === undefined) {
        this.#byCount.pop()
        continue
      }
      const current = this.#counts[pair] as number
      if (current === count) return [Math.floor(pair / this.#operandsMax), pair % this.#operandsMax]
      if (current >= 2) this.#byCount[current]?.push(pair)
    }
    return undefined
  }

  #pairOf(one: number, other: number): number {
    return one < other ? one * this.#operandsMax + other : other * this.#operandsMax + one
  }
}
