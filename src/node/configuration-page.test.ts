import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { configurationPage } from './configuration-page.ts'

test('the configuration page says what the schema says', () => {
  const page = readFileSync(new URL('../../docs/using/configuration.md', import.meta.url), 'utf8')
  assert.equal(page, configurationPage(), 'run `node scripts/write-configuration-page.ts`')
})
