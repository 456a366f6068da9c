import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const run = (...words: string[]) => spawnSync(process.execPath, words, { encoding: 'utf8' })

test('a program for contributors says what it is for, and names a word that it does not know', () => {
  const help = run('scripts/reliability.ts', '--help')
  assert.equal(help.status, 0)
  assert.match(help.stdout, /^`npm run reliability`: .*\n\n {2}npm run reliability /)
  assert.doesNotMatch(help.stdout, /^ ?\*|import /m)

  const wrong = run('test/simulation/simulate.ts', '--sed', '3')
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /'--sed'/)
  assert.match(wrong.stderr, /npm run simulate/)
  assert.doesNotMatch(wrong.stderr, /\n {4}at /)
})
