import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { holdAgainst, keptResults, type Result } from '../bench/kept-results.ts'

const PUBLISH = 'Taking a file in'

test('a ratio that fell to less than half of the kept one is found, others are not [S-52]', () => {
  const [slower, same] = holdAgainst([resultOf(0.5, 0.8)], [resultOf(0.24, 0.41)])
  assert.equal(slower?.isSlower, true)
  assert.equal(same?.isSlower, false)
  assert.deepEqual(holdAgainst([], [resultOf(0.1, 0.1)]), [])
})

test('CI holds the speed of publishing against the kept results, which name it [S-52]', () => {
  assert.match(readFileSync('.ci/run', 'utf8'), /^npm run bench -- publish .*--compare$/m)
  const kept = keptResults().find(({ title }) => title === PUBLISH)
  const names = kept?.goals.map(({ ours, theirs }) => `${ours} against ${theirs}`)
  assert.ok(names?.includes('Kizuna against SHA-256 alone'), `there is ${names}`)
})

function resultOf(...ratios: number[]): Result {
  const goals = ratios.map((ratio, index) => ({
    ours: 'Kizuna',
    theirs: `other ${index}`,
    atLeast: 1,
    ratio,
    reached: false,
  }))
  const machine = {
    processor: '',
    cores: 2,
    memoryGib: 8,
    node: '',
    date: '2026-01-01',
    commit: '',
    loadBefore: 0,
  }
  return { title: PUBLISH, machine, setting: '', standings: [], goals }
}
