/** Everything that `doctor` and `status` can find, said in every language. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FINDINGS, type FindingCode, STEPS } from '../../../commands/findings.ts'
import { type FindingFact, factNames } from '../../../core/finding.ts'
import { DEGRADED_WORDS } from '../../../node/node-state.ts'
import { LANGUAGE_NAMES, sayIn } from '../words/say.ts'
import { findingText, stepName } from './finding-text.ts'

const mention = (name: string) => `/${name}`
/** Sizes and moments as they are shown; what Discord does not show; the rest are numbers that are seen again. */
const SHOWN: Readonly<Record<string, { fact: FindingFact; shown: string }>> = {
  sizeBytes: { fact: 1_500_000, shown: '1.5 MB' },
  freeBytes: { fact: 2_500_000, shown: '2.5 MB' },
  since: { fact: '2026-11-21T17:05:00.000Z', shown: '<t:1795280700:f>' },
  parts: { fact: ['index', 'records'], shown: 'index, records' },
  id: { fact: 'bafkoak', shown: '`bafkoak`' },
  words: { fact: [], shown: '' },
  home: { fact: '/home/alder/kizuna', shown: '' },
  message: { fact: 'An English sentence.', shown: '' },
}
const factsOf = (code: FindingCode) =>
  factNames(FINDINGS[code]).map((name, place) => ({
    name,
    ...(SHOWN[name] ?? { fact: 711 + place, shown: String(711 + place) }),
  }))

test('every finding is said in every language, with its facts and with nothing left open', () => {
  for (const language of Object.keys(LANGUAGE_NAMES)) {
    for (const code of Object.keys(FINDINGS) as FindingCode[]) {
      const facts = factsOf(code)
      const named = Object.fromEntries(facts.map(({ name, fact }) => [name, fact]))
      const text = findingText({ say: sayIn(language), mention }, { code, facts: named, finding: 'English.' })
      const what = `${language} ${code}: ${text}`
      assert.ok(text !== '' && !text.includes('English') && text.length <= 500, what)
      assert.doesNotMatch(text, /[{}]|undefined|alder/, what)
      for (const { shown } of facts) assert.ok(text.includes(shown), `${what} lacks ${shown}`)
      const english = findingText({ say: sayIn('en'), mention }, { code, facts: named, finding: 'English.' })
      assert.equal(text === english, language === 'en', `${what} is not translated`)
    }
    for (const step of STEPS) assert.notEqual(stepName(sayIn(language), step), '', step)
    assert.equal(new Set(STEPS.map((step) => stepName(sayIn(language), step))).size, STEPS.length, language)
  }
})

test('each thing that needs a look has words in every language', () => {
  const facts = { words: DEGRADED_WORDS }
  for (const language of Object.keys(LANGUAGE_NAMES)) {
    const text = findingText({ say: sayIn(language), mention }, { code: 'STATE_LOOK', facts, finding: '' })
    for (const word of DEGRADED_WORDS) assert.ok(!text.includes(word), `${language} ${word}`)
  }
})

test('why a manifest cannot be read is said in the person’s language, by the code of the error or by its kind', () => {
  const say = sayIn('ru')
  const of = (facts: Record<string, FindingFact>) =>
    findingText({ say, mention }, { code: 'MANIFEST_UNREADABLE', facts, finding: 'No.' })
  assert.equal(of({ error: 'CONTENT_NOT_FOUND', kind: 'missing' }), say('code.CONTENT_NOT_FOUND'))
  assert.equal(of({ error: 'CHUNK_STRANGE', kind: 'corrupt' }), say('error.corrupt'))
  assert.equal(of({}), say('error.internal'))
})

test('facts of strangers are tamed and short, and a finding that is not known is said as it came', () => {
  const zalgo = `a${'\u0300'.repeat(50)}`
  const hostile = ['@everyone', '**bold**', '<@1573704566824763392>', zalgo, 'x'.repeat(5_000)]
  const text = findingText(
    { say: sayIn('fr'), mention },
    { code: 'PARTS_DOWN', facts: { parts: hostile }, finding: '' },
  )
  assert.doesNotMatch(text, /@everyone|<@1573|(?<!\\)\*\*|\u0300{3}/)
  assert.ok(text.length < 600, String(text.length))
  assert.ok(
    findingText(
      { say: sayIn('ja'), mention },
      { code: 'PARTS_DOWN', facts: { parts: Array(5_000).fill('oak') }, finding: '' },
    ).length < 600,
  )
  const strange = findingText(
    { say: sayIn('ja'), mention },
    { code: 'NEW_ONE', facts: {}, finding: '@everyone has 5000000 bytes.' },
  )
  assert.equal(strange, '@\u200beveryone has 5.0 MB.')
  assert.equal(stepName(sayIn('ja'), '**new**'), '\\*\\*new\\*\\*')
})
