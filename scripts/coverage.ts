/**
 * `npm run coverage`: how much of some folders their own unit tests reach, against what is asked for. Fails when it
 * is less. Appends the outcome to `coverage/test-results.jsonl`, where `npm run requirements` finds it like a test's;
 * so run it after `npm test`, which begins that file anew.
 *
 * Code that a generator wrote is left out, and so are the tests themselves.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, globSync, mkdirSync } from 'node:fs'
import type { CoverageLine, FileCoverage } from './coverage-reporter.ts'

interface Goal {
  /** A sentence with the number of its row. */
  name: string
  /** The code, and the tests that must reach it. */
  include: readonly string[]
  tests: readonly string[]
  linesPercent: number
  branchesPercent: number
}

const GOALS: readonly Goal[] = [
  {
    name: 'the unit tests of storage reach 95 % of its lines and every branch [K-59]',
    include: ['src/storage/*.ts'],
    tests: ['src/storage/*.test.ts'],
    linesPercent: 95,
    branchesPercent: 100,
  },
  {
    // Requests between peers: their bytes, who asks, who answers. `network/bulk`, which carries the same requests
    // on connections of its own, is not in it.
    name: 'the unit tests of requests between peers reach 95 % of the lines and every branch of codecs and handlers [K-60]',
    include: [
      'src/network/{error-frame,frame-stream,kad-message,peer-address}.ts',
      'src/network/{answering-load,held-memory,network-call,pace-watch,request-client,request-server}.ts',
      'src/content/{corruption-notice,dds-protocol,holdings-protocol}.ts',
      'src/content/{audit-answers,corruption-notices,dds-client,dds-handlers,dds-server}.ts',
    ],
    tests: [
      'src/network/{error-frame,frame-stream,kad-message,peer-address}.test.ts',
      'src/network/{held-memory,network-call,pace-watch,request-client,request-server}.test.ts',
      'src/content/{corruption-notices,dds-client,dds-handlers,dds-protocol,dds-server}.test.ts',
    ],
    linesPercent: 95,
    branchesPercent: 100,
  },
]
const LEFT_OUT = ['**/*.test.ts', '**/*.suite.ts', '**/*-messages.js', '**/*.d.ts']
const RESULTS = 'coverage/test-results.jsonl'

for (const goal of GOALS) check(goal)

function check(goal: Goal): void {
  const { files, failed } = measure(goal)
  const lines = percentOf(files.map((file) => file.lines))
  const branches = percentOf(files.map((file) => file.branches))
  const isReached =
    failed.length === 0 && files.length > 0 && lines >= goal.linesPercent && branches >= goal.branchesPercent
  console.log(`${isReached ? 'ok    ' : 'FAILED'} ${goal.name}`)
  console.log(
    `       lines ${lines.toFixed(2)} % (of ${goal.linesPercent}), branches ${branches.toFixed(2)} % (of ${goal.branchesPercent}), ${files.length} files`,
  )
  for (const test of failed) console.log(`       failed: ${test}`)
  if (!isReached) for (const file of files) sayMissing(file)
  mkdirSync('coverage', { recursive: true })
  const outcome = isReached ? 'passed' : 'failed'
  appendFileSync(RESULTS, `${JSON.stringify({ name: goal.name, file: 'scripts/coverage.ts', outcome })}\n`)
  if (!isReached) process.exitCode = 1
}

function measure(goal: Goal): { files: FileCoverage[]; failed: string[] } {
  const run = spawnSync(
    process.execPath,
    [
      '--test',
      '--test-concurrency=2',
      '--experimental-test-coverage',
      ...goal.include.map((pattern) => `--test-coverage-include=${pattern}`),
      ...LEFT_OUT.map((pattern) => `--test-coverage-exclude=${pattern}`),
      '--test-reporter=./scripts/coverage-reporter.ts',
      '--test-reporter-destination=stdout',
      ...goal.tests.flatMap((pattern) => globSync(pattern)),
    ],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  const said = run.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as CoverageLine)
  const failed = said.flatMap((line) => ('failed' in line ? [line.failed] : []))
  if (run.status !== 0 && failed.length === 0) failed.push(run.stderr.slice(-500))
  return { files: said.flatMap((line) => ('files' in line ? line.files : [])), failed }
}

function sayMissing({ file, lines, branches }: FileCoverage): void {
  if (lines.covered === lines.total && branches.covered === branches.total) return
  const places = (numbers: readonly number[]) => [...new Set(numbers)].join(', ')
  console.log(`       ${file}: lines ${places(lines.missing)}; branches at ${places(branches.missing)}`)
}

function percentOf(parts: readonly { total: number; covered: number }[]): number {
  const total = parts.reduce((sum, part) => sum + part.total, 0)
  const covered = parts.reduce((sum, part) => sum + part.covered, 0)
  return total === 0 ? 0 : (covered / total) * 100
}
