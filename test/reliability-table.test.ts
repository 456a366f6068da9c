/** The table of docs/reliability.md says what the stored results say, and every program is a row of it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { runCheck } from '../scripts/reliability/check-process.ts'
import { estimateSeconds, readDurations } from '../scripts/reliability/durations.ts'
import {
  isDone,
  mergeResults,
  RESULTS_FILE,
  type RowResult,
  readResults,
} from '../scripts/reliability/results.ts'
import { RELIABILITY_ROWS } from '../scripts/reliability/rows.ts'
import { markdownTable, pageWithTable, TABLE_PAGE, terminalTable } from '../scripts/reliability/table.ts'
import { waitUntil } from './fixtures/wait-until.ts'

const run = promisify(execFile)
const SAMPLE: RowResult = {
  row: 'R-04',
  title: 'corrupted answers',
  goal: '0 wrong | bytes',
  figure: '3 wrong bytes',
  reached: false,
  scale: 'gate',
  date: '2026-01-02',
  commit: 'abc',
  seconds: 1,
  seed: 7,
  failures: ['seed 7: wrong bytes'],
}

test('the table of the page is that of the stored results', () => {
  const page = readFileSync(TABLE_PAGE, 'utf8')
  assert.equal(page, pageWithTable(page, readResults(RESULTS_FILE)), 'run `npm run reliability -- --table`')
})

test('every program of the table is named after a row of it, one for each', () => {
  const programs = globSync('test/reliability/r-*.ts').filter((file) => !file.endsWith('.test.ts'))
  const rows = programs.map((file) => /^r-\d\d/.exec(basename(file))?.[0].toUpperCase() ?? file)
  assert.equal(new Set(rows).size, rows.length)
  assert.deepEqual(
    rows.filter((row) => !(row in RELIABILITY_ROWS)),
    [],
  )
  for (const { row } of readResults(RESULTS_FILE)) assert.ok(row in RELIABILITY_ROWS, row)
})

test('both tables have every row, and say what did not run and what was not reached', () => {
  const markdown = markdownTable([SAMPLE])
  const lines = markdown.split('\n').slice(2)
  assert.equal(lines.length, Object.keys(RELIABILITY_ROWS).length)
  assert.ok(
    lines.includes(
      '| R-04 | corrupted answers | **not reached:** 3 wrong bytes | 0 wrong \\| bytes | gate, 2026-01-02 | abc |',
    ),
  )
  assert.ok(lines[0]?.includes('not run yet'))
  const terminal = terminalTable([SAMPLE])
  for (const words of ['R-04  corrupted answers: NOT REACHED', 'seed 7: wrong bytes', 'R-25']) {
    assert.ok(terminal.includes(words), words)
  }
})

test('the program prints the stored table without running anything', async () => {
  const { stdout } = await run(process.execPath, ['scripts/reliability.ts', '--json'])
  assert.deepEqual(JSON.parse(stdout), readResults(RESULTS_FILE))
})

test('a run that broke off goes on: what it has a figure of is left out, what ended without one is not', () => {
  const night = { ...SAMPLE, scale: 'night', seed: 7 } as const
  assert.ok(isDone([night], { row: 'R-04', scale: 'night', seed: 7 }))
  assert.ok(!isDone([night], { row: 'R-04', scale: 'night', seed: 8 }), 'another night')
  assert.ok(!isDone([night], { row: 'R-04', scale: 'release', seed: 7 }))
  assert.ok(!isDone([{ ...night, brokeOff: true }], { row: 'R-04', scale: 'night', seed: 7 }))
})

test('a small run that passes does not hide a large one; one that fails does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-results-'))
  try {
    const file = join(folder, 'results.json')
    const night = { ...SAMPLE, scale: 'night', reached: true } as const
    mergeResults(file, [night])
    assert.equal(mergeResults(file, [{ ...SAMPLE, reached: true }])[0]?.scale, 'night')
    assert.equal(mergeResults(file, [SAMPLE])[0]?.scale, 'gate')
    assert.deepEqual(readResults(file), mergeResults(file, []))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the estimate lays rows side by side, the longest first, and those that must be alone behind them', () => {
  const durations = { 'R-01': { night: 300 }, 'R-02': { night: 200 }, 'R-03': { night: 150, gate: 5 } }
  const row = (name: string, alone = false) => ({ row: name, alone })
  const estimate = (...rows: { row: string; alone: boolean }[]) =>
    estimateSeconds(rows, 'night', { durations, atOnce: 2 })
  assert.equal(estimate(row('R-01'), row('R-02'), row('R-03')), 350)
  assert.equal(estimate(row('R-01'), row('R-02'), row('R-03', true)), 450)
  assert.equal(estimate(), 0)
  for (const each of Object.keys(readDurations())) assert.ok(each in RELIABILITY_ROWS, each)
})

const quick = { scale: 'gate', seed: 3, progress: () => {} } as const

test('a check that throws, one that hangs and one that cannot run here all end, and are told apart', async () => {
  const program = (name: string) => `test/fixtures/reliability-programs/${name}.ts`
  const lines: string[] = []
  const good = { ...quick, timeMsMax: 60_000, progress: (line: string) => lines.push(line) }
  const passed = await runCheck({ ...good, file: program('passes') })
  assert.deepEqual(passed.figure, { figure: 'seed 3, gate', reached: true, failures: [] })
  assert.ok((passed.cpuSeconds ?? 0) > 0)
  assert.deepEqual(lines, ['on the way'])
  assert.deepEqual(await runCheck({ ...good, file: program('cannot') }), { missing: 'no such machine' })
  const thrown = await runCheck({ ...good, file: program('throws') })
  assert.match(thrown.brokeOff ?? '', /ended with 1[\s\S]*it went wrong/)
  const hung = await runCheck({ ...quick, timeMsMax: 1_000, graceMs: 100, file: program('hangs') })
  assert.match(hung.brokeOff ?? '', /took longer than/)
})

test('what a check started ends with it', async () => {
  const { figure } = await runCheck({
    ...quick,
    timeMsMax: 60_000,
    file: 'test/fixtures/reliability-programs/leaves-a-process.ts',
  })
  const pid = Number(figure?.figure)
  assert.ok(pid > 0)
  // A killed process may stay in the table for a moment, as a zombie.
  const state = () => (existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : 'gone')
  await waitUntil('the process ends', 10_000, () => /^gone|\) Z /.test(state()))
})
