import assert from 'node:assert/strict'
import { BIT_MATRIX_ONES, invert, multiply } from './galois-field.ts'

/** Rows of elements of GF(2^8). */
export type Matrix = number[][]

/**
 * The matrix that makes `m` parity shards from `k` data shards. Part of the format on disk
 * (`docs/protocol/erasure-code.md`): it must never change.
 *
 * A Cauchy matrix with x_i = k + i and y_j = j, of which every square part can be inverted, so that any `k` shards are
 * enough. Multiplying a row or a column by a constant keeps that, and is used to save XORs: columns so that the first
 * row is all ones, then each other row by the inverse of that one of its elements which leaves the fewest ones in
 * the row's bit matrices (the first of equals).
 */
export function parityMatrix(k: number, m: number): Matrix {
  const columnScales = Array.from({ length: k }, (_, column) => k ^ column)
  return Array.from({ length: m }, (_, row) => {
    const elements = columnScales.map((scale, column) => multiply(invert((k + row) ^ column), scale))
    return cheapestMultiple(elements)
  })
}

/**
 * The matrix that makes the shards `missing` from the `k` shards `given` (places among `k + m`, data first).
 */
export function reconstructionMatrix(
  parity: Matrix,
  k: number,
  places: { given: readonly number[]; missing: readonly number[] },
): Matrix {
  const rowOf = (place: number) =>
    place < k
      ? Array.from({ length: k }, (_, column) => (column === place ? 1 : 0))
      : (parity[place - k] as Matrix[number])
  const dataFromGiven = invertMatrix(places.given.map(rowOf))
  return places.missing.map((place) =>
    place < k ? (dataFromGiven[place] as Matrix[number]) : multiplyRow(rowOf(place), dataFromGiven),
  )
}

function cheapestMultiple(elements: readonly number[]): number[] {
  let best = [...elements]
  let bestOnes = Number.POSITIVE_INFINITY
  for (const element of elements) {
    const scale = invert(element)
    const scaled = elements.map((other) => multiply(other, scale))
    const ones = scaled.reduce((sum, other) => sum + (BIT_MATRIX_ONES[other] as number), 0)
    if (ones < bestOnes) {
      best = scaled
      bestOnes = ones
    }
  }
  return best
}

function multiplyRow(row: readonly number[], matrix: Matrix): number[] {
  return row.map((_, column) =>
    row.reduce(
      (sum, element, index) => sum ^ multiply(element, (matrix[index] as Matrix[number])[column] as number),
      0,
    ),
  )
}

/** Gauss–Jordan; the matrices of a Cauchy code can always be inverted. */
function invertMatrix(matrix: Matrix): Matrix {
  const size = matrix.length
  const rows = matrix.map((row, index) => [
    ...row,
    ...Array.from({ length: size }, (_, column) => (column === index ? 1 : 0)),
  ])
  for (let column = 0; column < size; column++) {
    const pivot = rows.findIndex((row, index) => index >= column && row[column] !== 0)
    const pivotRow = rows[pivot]
    assert.ok(pivotRow !== undefined, 'a matrix of a Cauchy code cannot be singular')
    rows[pivot] = rows[column] as number[]
    const scale = invert(pivotRow[column] as number)
    const scaled = pivotRow.map((element) => multiply(element, scale))
    rows[column] = scaled
    for (const [index, row] of rows.entries()) {
      const factor = row[column] as number
      if (index === column || factor === 0) continue
      rows[index] = row.map((element, place) => element ^ multiply(factor, scaled[place] as number))
    }
  }
  return rows.map((row) => row.slice(size))
}
