import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { english } from './english.ts'
import { formatBytes, formatDuration } from './format.ts'
import { french } from './french.ts'
import { japanese } from './japanese.ts'
import { russian } from './russian.ts'
import { sayIn } from './say.ts'

const FACTS = /\{\w+\}/g

test('every language says the same with the same facts', () => {
  for (const [name, words] of Object.entries({ french, japanese, russian })) {
    assert.deepEqual(Object.keys(words).sort(), Object.keys(english).sort(), name)
    for (const [key, text] of Object.entries(english)) {
      const other = words[key as keyof typeof english]
      assert.ok(other.trim() !== '', `${name} ${key}`)
      assert.deepEqual(
        [...(other.match(FACTS) ?? [])].sort(),
        [...(text.match(FACTS) ?? [])].sort(),
        `${name} ${key}`,
      )
    }
  }
})

test('what went wrong comes with what to do about it', () => {
  const withoutHint = Object.keys(english)
    .filter((key) => key.startsWith('code.'))
    .filter((key) => !Object.hasOwn(english, key.replace('code.', 'hint.')))
  // How long to wait is said with the seconds that are left.
  assert.deepEqual(withoutHint, ['code.RATE_LIMITED'])
})

test('nothing can be said that nobody says', () => {
  const code = globSync('src/apps/discord/**/*.ts')
    .filter((file) => !file.includes('/words/') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  const made = /^(error|code|hint|phase|who|help|peers|finding|step|look)\./
  const silent = Object.keys(english).filter((key) => !made.test(key) && !code.includes(`'${key}'`))
  assert.deepEqual(silent, [])
})

test('a person is answered in their language, and in English where we do not speak it', () => {
  assert.equal(sayIn('fr')('yes'), 'oui')
  assert.equal(sayIn('en-GB')('yes'), 'yes')
  assert.equal(sayIn('ru')('yes'), 'да')
  assert.equal(sayIn('tlh')('yes'), 'yes')
  assert.equal(sayIn(undefined)('yes'), 'yes')
  assert.equal(sayIn('__proto__')('yes'), 'yes')
})

test('facts stand where they belong, and a fact that is missing stays visible', () => {
  assert.equal(sayIn('en')('page', { from: 1, to: 10, total: 12 }), '1–10 of 12')
  assert.equal(sayIn('en')('page', { from: 1 }), '1–{to} of {total}')
})

test('sizes and times are for people', () => {
  assert.equal(formatBytes(0), '0 B')
  assert.equal(formatBytes(999), '999 B')
  assert.equal(formatBytes(1_000_000), '1.0 MB')
  assert.equal(formatBytes(999_999_999), '1.0 GB')
  assert.equal(formatDuration(0), '0 s')
  assert.equal(formatDuration(90_061_000), '1 d 1 h')
})
