/**
 * `npm test` runs everything that tells whether the product is right; `integration` and `end-to-end`
 * run only those, and `scale` what takes minutes of two whole cores. Test files run two at a time; the end-to-end ones alone, because each starts many processes.
 *
 * Writes one line per test to `coverage/test-results.jsonl`, which `npm run requirements` reads.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { SystemClock } from '../src/core/clock.ts'
import { readEnvironment } from '../src/node/environment.ts'
import { watchParents } from '../src/node/parent-watch.ts'

const GROUPS = {
  unit: {
    patterns: ['src/**/*.test.ts', 'test/*.test.ts', 'test/{simulation,fixtures}/**/*.test.ts'],
    concurrency: 2,
  },
  integration: { patterns: ['test/integration/**/*.test.ts'], concurrency: 1 },
  'end-to-end': { patterns: ['test/end-to-end/**/*.test.ts'], concurrency: 1 },
  scale: { patterns: ['test/scale/**/*.test.ts'], concurrency: 1 },
} as const
type Group = keyof typeof GROUPS
const EVERY_TIME: readonly Group[] = ['unit', 'integration', 'end-to-end']

/** A hanging test is a failing one. End-to-end files may move gigabytes. */
const TEST_TIMEOUT_MS = 15 * 60_000
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Scripts of package.json that run this. */
const NPM_SCRIPTS = ['test', 'test:integration', 'test:end-to-end', 'test:scale']

const asked = process.argv.slice(2).filter((word): word is Group => word in GROUPS)
const groups = asked.length > 0 ? asked : EVERY_TIME

mkdirSync('coverage', { recursive: true })
if (asked.length === 0) writeFileSync('coverage/test-results.jsonl', '')

let failed = false
for (const name of groups) {
  const files = GROUPS[name].patterns.flatMap((pattern) => globSync(pattern)).sort()
  if (files.length === 0) continue
  console.log(`# ${name}: ${files.length} files`)
  failed = !(await run(GROUPS[name].concurrency, files)) || failed
}
process.exitCode = failed ? 1 : 0

/** Whether all of them passed. The runner ends with us, and each test's process with the runner. */
async function run(concurrency: number, files: readonly string[]): Promise<boolean> {
  const runner = spawn(
    process.execPath,
    [
      '--import=./test/fixtures/end-with-parent.ts',
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      '--test-reporter=./scripts/results-reporter.ts',
      '--test-reporter-destination=stdout',
      ...files,
    ],
    { stdio: 'inherit', env: { ...process.env, KIZUNA_TEST_NO_FILES: '1' } },
  )
  const end = () => {
    runner.kill('SIGKILL')
    process.exit(1)
  }
  for (const signal of STOP_SIGNALS) process.once(signal, end)
  const parents = watchParents(new SystemClock(), readEnvironment(), { npmScripts: NPM_SCRIPTS, gone: end })
  const [code] = await once(runner, 'exit')
  parents.stop()
  for (const signal of STOP_SIGNALS) process.off(signal, end)
  return code === 0
}
