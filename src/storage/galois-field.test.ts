import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BIT_MATRIX_ONES, bitMatrixOf, invert, multiply } from './galois-field.ts'

/** Multiplication by shift and reduce, as the field is defined. */
function slowProduct(one: number, other: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit++) if ((other >> bit) & 1) product ^= one << bit
  for (let bit = 14; bit >= 8; bit--) if ((product >> bit) & 1) product ^= 0x11d << (bit - 8)
  return product
}

test('every product is that of the definition', () => {
  for (let one = 0; one < 256; one++) {
    for (let other = 0; other < 256; other++) assert.equal(multiply(one, other), slowProduct(one, other))
  }
})

test('every element but zero has its inverse', () => {
  for (let element = 1; element < 256; element++) assert.equal(multiply(element, invert(element)), 1)
})

test('the bit matrix of a coefficient multiplies', () => {
  for (let coefficient = 0; coefficient < 256; coefficient++) {
    const rows = bitMatrixOf(coefficient)
    const ones = rows.reduce((sum, row) => sum + row.toString(2).replaceAll('0', '').length, 0)
    assert.equal(BIT_MATRIX_ONES[coefficient], ones)
    for (const factor of [0, 1, 2, 0x53, 0x80, 0xff]) {
      const product = rows.reduce((sum, row, bit) => {
        const parity = (row & factor).toString(2).replaceAll('0', '').length & 1
        return sum | (parity << bit)
      }, 0)
      assert.equal(product, slowProduct(coefficient, factor))
    }
  }
})
