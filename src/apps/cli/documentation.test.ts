import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cliCommands } from './cli-commands.ts'
import { EXIT_CODES } from './exit-codes.ts'

const page = readFileSync(new URL('../../../docs/using/cli.md', import.meta.url), 'utf8')

test('the page names every command and every exit code [K-74]', () => {
  for (const { name } of cliCommands()) assert.match(page, new RegExp(`\\b${name}\\b`), name)
  for (const [kind, code] of Object.entries(EXIT_CODES)) {
    assert.ok(page.includes(`| ${code} | \`${kind}\` |`), kind)
  }
})
