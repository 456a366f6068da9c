import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parityMatrix } from './cauchy-matrix.ts'
import { type XorProgram, xorCount, xorProgramOf } from './xor-program.ts'

/** Each output as the set of input planes whose XOR it is. */
function planesOf(program: XorProgram): string[] {
  const inputs = program.inputs * 8
  const known: Set<number>[] = []
  const xorOf = (operands: readonly number[]) =>
    operands.reduce((sum, operand) => {
      const planes = operand < inputs ? new Set([operand]) : (known[operand - inputs] as Set<number>)
      return sum.symmetricDifference(planes)
    }, new Set<number>())
  for (const pair of program.temporaries) known.push(xorOf(pair))
  return program.outputs.map((operands) => [...xorOf(operands)].sort((one, other) => one - other).join())
}

test('sharing common parts changes the work and not the result', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 6 }), (k, m) => {
      const plain = xorProgramOf(parityMatrix(k, m), false)
      const optimised = xorProgramOf(parityMatrix(k, m), true)
      assert.deepEqual(planesOf(optimised), planesOf(plain))
      assert.ok(xorCount(optimised) <= xorCount(plain))
    }),
    { numRuns: 25 },
  )
})

test('10+4 takes 832 XORs as it stands and about half with shared parts', () => {
  const matrix = parityMatrix(10, 4)
  assert.equal(xorCount(xorProgramOf(matrix, false)), 832)
  assert.ok(xorCount(xorProgramOf(matrix, true)) <= 428)
})
