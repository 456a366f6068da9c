/**
 * `npm test` runs everything that tells whether the product is right; `integration` and `end-to-end`
 * run only those. Test files run two at a time; the end-to-end ones alone, because each starts many processes.
 *
 * Writes one line per test to `coverage/test-results.jsonl`, which `npm run requirements` reads.
 */
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'

const GROUPS = {
  unit: { patterns: ['src/**/*.test.ts', 'test/*.test.ts', 'test/simulation/*.test.ts'], concurrency: 2 },
  integration: { patterns: ['test/integration/**/*.test.ts'], concurrency: 1 },
  'end-to-end': { patterns: ['test/end-to-end/**/*.test.ts'], concurrency: 1 },
} as const
type Group = keyof typeof GROUPS

/** A hanging test is a failing one. End-to-end files may move gigabytes. */
const TEST_TIMEOUT_MS = 15 * 60_000

const asked = process.argv.slice(2).filter((word): word is Group => word in GROUPS)
const groups = asked.length > 0 ? asked : (Object.keys(GROUPS) as Group[])

mkdirSync('coverage', { recursive: true })
if (asked.length === 0) writeFileSync('coverage/test-results.jsonl', '')

let failed = false
for (const name of groups) {
  const files = GROUPS[name].patterns.flatMap((pattern) => globSync(pattern)).sort()
  if (files.length === 0) continue
  console.log(`# ${name}: ${files.length} files`)
  const run = spawnSync(
    process.execPath,
    [
      '--test',
      `--test-concurrency=${GROUPS[name].concurrency}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      '--test-reporter=./scripts/results-reporter.ts',
      '--test-reporter-destination=stdout',
      ...files,
    ],
    { stdio: 'inherit' },
  )
  failed ||= run.status !== 0
}
process.exitCode = failed ? 1 : 0
