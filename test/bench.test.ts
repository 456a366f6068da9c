import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { judge, type KeptRatio, keptRatios, ratioOf } from '../bench/kept-ratios.ts'

const PUBLISH = 'taking a file in'
const KEPT: KeptRatio[] = [{ name: PUBLISH, ratio: 0.4, processor: 'this one', date: '2026-01-01' }]

test('a ratio that fell by more than 15 % since it was kept is a regression, less is not [K-68] [S-52]', () => {
  assert.equal(isSlower(0.34), false)
  assert.equal(isSlower(0.339), true)
  assert.equal(isSlower(0.5), false)
})

test('on another processor only half is a regression, and what was never kept always is one [K-68]', () => {
  assert.equal(isSlower(0.339, 'another one'), false)
  assert.equal(isSlower(0.199, 'another one'), true)
  const [unknown] = judge(KEPT, new Map([['something new', 1]]), 'this one')
  assert.equal(unknown?.isSlower, true)
  assert.equal(unknown?.kept, undefined)
})

test('a ratio is that of the middle rounds, so that a round or two may go wrong [K-68]', () => {
  const rounds = [10, 10, 10, 100, 11].map((ours) => ({ ours, theirs: 4 }))
  assert.equal(ratioOf(rounds), 0.4)
  assert.equal(ratioOf([...rounds, { ours: 10, theirs: 90 }]), 0.4)
})

test('CI holds the speed of publishing against the ratios that are kept [K-68] [S-52]', () => {
  assert.match(readFileSync('.ci/run', 'utf8'), /^npm run bench -- publish --compare$/m)
  const names = keptRatios().map(({ name }) => name)
  assert.deepEqual(names, [PUBLISH, `${PUBLISH}, 10+4 parity`])
})

function isSlower(ratio: number, processor = 'this one'): boolean | undefined {
  return judge(KEPT, new Map([[PUBLISH, ratio]]), processor)[0]?.isSlower
}
