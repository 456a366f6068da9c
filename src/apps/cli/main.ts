#!/usr/bin/env node
/** The command line. Everything is loaded only when it is needed: `--version` answers at once. */
const words = process.argv.slice(2)

if (words[0] === '--version' || words[0] === '-v' || words[0] === 'version') {
  const { VERSION } = await import('../../node/version.ts')
  process.stdout.write(`${VERSION}\n`)
} else {
  const { runCli } = await import('./run-cli.ts')
  process.exitCode = await runCli(words)
}

// Makes this file a module.
export {}
