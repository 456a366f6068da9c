/** The look-ups of R-07, a few of them, at each test run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tryLookups } from '../reliability/r-07-sybil-and-eclipse.ts'

test('content of a space is found while Sybils hold its place in the hash table, which alone would not find it [S-54]', async () => {
  const failures: string[] = []
  const options = { seed: 7, signal: new AbortController().signal, progress: () => {} }
  const { byTableUnderAttack } = await tryLookups(options, { lookups: 9, members: 5 }, failures)
  assert.deepEqual(failures, [])
  assert.equal(byTableUnderAttack, 0, 'the attack must be one')
})
