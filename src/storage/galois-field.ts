/**
 * Arithmetic in the field GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d) and the generator 2.
 * Elements are numbers from 0 to 255; adding is XOR.
 */

const POLYNOMIAL = 0x11d
const ORDER = 255

/** Powers of 2, twice over, so that the sum of two logarithms needs no modulo. */
const powers = new Uint8Array(2 * ORDER)
const logarithms = new Uint8Array(ORDER + 1)
for (let exponent = 0, value = 1; exponent < ORDER; exponent++) {
  powers[exponent] = value
  powers[exponent + ORDER] = value
  logarithms[value] = exponent
  value <<= 1
  if (value > ORDER) value ^= POLYNOMIAL
}

/** The product of two elements. */
export function multiply(one: number, other: number): number {
  if (one === 0 || other === 0) return 0
  return powers[(logarithms[one] as number) + (logarithms[other] as number)] as number
}

/** The element whose product with `element` is 1; `element` is not 0. */
export function invert(element: number): number {
  return powers[ORDER - (logarithms[element] as number)] as number
}

/**
 * Multiplying by `coefficient` as an 8×8 matrix over bits: entry `row` has bit `column` set when bit `column` of the
 * factor counts for bit `row` of the product.
 */
export function bitMatrixOf(coefficient: number): number[] {
  const rows = new Array<number>(8).fill(0)
  for (let column = 0; column < 8; column++) {
    const product = multiply(coefficient, 1 << column)
    for (let row = 0; row < 8; row++) {
      if ((product >> row) & 1) rows[row] = (rows[row] as number) | (1 << column)
    }
  }
  return rows
}

/** How many ones the bit matrix of an element has: what multiplying by it costs in XORs. */
export const BIT_MATRIX_ONES: readonly number[] = Array.from({ length: 256 }, (_, coefficient) => {
  let ones = 0
  for (let row of bitMatrixOf(coefficient)) for (; row !== 0; row &= row - 1) ones += 1
  return ones
})
