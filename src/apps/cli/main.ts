#!/usr/bin/env node
/** The command line. Everything is loaded only when it is needed: `--version` answers at once. */
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { hideWords } from './hide-words.ts'
import { limitMemory } from './limit-memory.ts'

/** They print and end: no bytes pass that the young generation could grow with. */
const ONLY_PRINTS = ['help', '--help', '-h', 'completion']

const words = process.argv.slice(2)

if (words[0] === '--version' || words[0] === '-v' || words[0] === 'version') {
  const { VERSION } = await import('../../node/version.ts')
  process.stdout.write(`${VERSION}\n`)
} else {
  hideWords(words)
  if (words[0] === 'start') {
    const { environmentWithFewArenas } = await import('../../node/environment.ts')
    limitMemory(environmentWithFewArenas())
  } else if (words[0] !== undefined && !ONLY_PRINTS.includes(words[0])) limitMemory(undefined)
  // A third of the time to a node that is ready is compiling. Not in the shared temporary folder, where Node would
  // keep it by itself: whoever writes there first would decide what we run.
  if (existsSync(homedir())) enableCompileCache(join(homedir(), '.cache', 'kizuna'))
  const { runCli } = await import('./run-cli.ts')
  process.exitCode = await runCli(words)
  // All is closed; only timers that libraries leave behind would keep the process for another second.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()))
}
