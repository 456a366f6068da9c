import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cliCommands } from './cli-commands.ts'
import type { CliCommand } from './options.ts'
import { parseWords } from './parse-words.ts'
import { readSecretWords } from './secret-words.ts'
import type { Terminal } from './terminal.ts'

const named = (name: string) => cliCommands().find((command) => command.name === name) as CliCommand

async function valuesOf(words: string[], typed: string, notes: string[] = []) {
  const [name = '', ...rest] = words
  const command = named(name)
  const parsed = parseWords(command, rest)
  const pieces = async function* () {
    for (const character of typed) yield Buffer.from(character)
  }
  const terminal = { input: pieces(), readsFromScreen: true, note: (text: string) => notes.push(text) }
  await readSecretWords(command, parsed, terminal as unknown as Terminal)
  return parsed.values
}

test('a link comes from a line of standard input, from a file, or as it was typed [R-16]', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'kizuna-words-'))
  context.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'link.txt')
  await writeFile(file, ' kizuna:bafk#key\n')
  const notes: string[] = []
  assert.equal((await valuesOf(['join', '-'], 'kizuna://join/x\nmore', notes)).link, 'kizuna://join/x')
  assert.equal(notes.length, 1)
  assert.equal((await valuesOf(['get', '-'], '  kizuna:bafk#key')).id, 'kizuna:bafk#key')
  assert.equal((await valuesOf(['get', `@${file}`], '')).id, 'kizuna:bafk#key')
  assert.equal((await valuesOf(['get', 'bafk'], 'unread')).id, 'bafk')
  await assert.rejects(valuesOf(['get', '-'], '\n'), { code: 'INVALID_INPUT' })
  await assert.rejects(valuesOf(['get', '-'], 'x'.repeat(20_000)), { code: 'INVALID_INPUT' })
  await assert.rejects(valuesOf(['get', `@${file}.gone`], ''), { code: 'USAGE' })
})
