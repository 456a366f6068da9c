import assert from 'node:assert/strict'
import { test } from 'node:test'
import { factNames, findingsWith } from './finding.ts'

const found = findingsWith({
  WELL: 'All is well.',
  FEW: '{count} {count|thing has|things have} fewer copies than wanted.',
  ILL: 'Needs a look: {words}.',
  READ: '{message}',
})

test('a finding is a code with facts, and a sentence with the facts in their places', () => {
  assert.deepEqual(found('WELL'), { code: 'WELL', facts: {}, finding: 'All is well.' })
  assert.deepEqual(found('FEW', { count: 3 }), {
    code: 'FEW',
    facts: { count: 3 },
    finding: '3 things have fewer copies than wanted.',
  })
})

test('one thing is said as one, and several words one after the other', () => {
  assert.equal(found('FEW', { count: 1 }).finding, '1 thing has fewer copies than wanted.')
  assert.equal(found('FEW', { count: 0 }).finding, '0 things have fewer copies than wanted.')
  assert.equal(found('ILL', { words: ['disk', 'index'] }).finding, 'Needs a look: disk, index.')
})

test('what a fact says is not read as a place for another, nor as a pattern', () => {
  assert.equal(found('READ', { message: '{code} $& {message}' }).finding, '{code} $& {message}')
  assert.deepEqual(found('READ', { message: 'no', error: 'GONE' }).facts, { message: 'no', error: 'GONE' })
})

test('the facts of a sentence are known by name, each once', () => {
  assert.deepEqual(factNames('{count} {count|thing has|things have} {words}'), ['count', 'words'])
  assert.deepEqual(factNames('All is well.'), [])
})
