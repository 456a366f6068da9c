/**
 * `npm run reliability`: the table of what was promised and what was reached.
 *
 *   npm run reliability                        prints the table of the last long runs
 *   npm run reliability -- --gate              minutes: for each commit; writes coverage/reliability-gate.json only
 *   npm run reliability -- --night             an hour and more: writes test/reliability/results.json and docs/reliability.md
 *   npm run reliability -- --release           the whole goal
 *     --only   these rows          --seed 42   another seed (at night, the day's number is the default)
 *     --continue         leaves out rows that this scale and seed has a figure of: goes on where a night broke off
 *     --estimate         says how long it would take, row by row, and runs nothing
 *     --table            writes docs/reliability.md anew from the stored results, and nothing else
 *     --store            stores the figures of a gate, too
 *     --json             the results as data, on standard output; everything else on standard error
 *
 * Ends with 1 when a goal was missed.
 */
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync } from 'node:fs'
import type { ReliabilityScale } from '../test/reliability/reliability-check.ts'
import { readWords } from './program-words.ts'
import { askAbout, type CheckAbout, killAllChecks, runCheck } from './reliability/check-process.ts'
import {
  DURATIONS_FILE,
  estimateSeconds,
  noteDuration,
  readDurations,
  secondsOf,
} from './reliability/durations.ts'
import { isDone, mergeResults, RESULTS_FILE, type RowResult, readResults } from './reliability/results.ts'
import { terminalTable, writeTablePage } from './reliability/table.ts'

const GATE_RESULTS_FILE = 'coverage/reliability-gate.json'
/** For one row's program, against one that hangs; far more than it should take, for machines that do other things besides. */
const TIME_MS_MAX: Record<ReliabilityScale, number> = {
  gate: 8 * 60_000,
  night: 90 * 60_000,
  release: 30 * 3_600_000,
}
const AT_ONCE = 2
/** What runs themselves write into the tree: figures, durations, inputs and seeds that found something. */
const OWN_OUTPUT = [RESULTS_FILE, DURATIONS_FILE, 'test/reliability/corpus', 'test/simulation/seeds.json']
const MS_PER_DAY = 86_400_000

const { values: flags } = readWords(import.meta.filename, {
  options: {
    gate: { type: 'boolean', default: false },
    night: { type: 'boolean', default: false },
    release: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '' },
    continue: { type: 'boolean', default: false },
    estimate: { type: 'boolean', default: false },
    store: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const scale = flags.release ? 'release' : flags.night ? 'night' : flags.gate ? 'gate' : undefined
/** With --json standard output is for the data alone. */
const say = flags.json ? console.error : console.log

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAllChecks()
    process.exit(1)
  })
}
process.once('exit', killAllChecks)

if (flags.table) {
  writeTablePage(readResults(RESULTS_FILE))
} else if (scale === undefined) {
  print(readResults(RESULTS_FILE))
} else {
  const seed = flags.seed === '' ? seedOf(scale) : Number(flags.seed)
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed wants a whole number, not ${flags.seed}.`)
  const checks = await chooseChecks(scale, seed)
  sayEstimate(checks, scale)
  if (!flags.estimate) await run(checks, scale, seed)
}

async function run(checks: readonly Check[], scale: ReliabilityScale, seed: number): Promise<void> {
  const begin = performance.now()
  const results: RowResult[] = []
  const missing: string[] = []
  mkdirSync('coverage', { recursive: true })
  const file = resultsFileOf(scale)
  const runOne = async ({ file: program, about }: Check) => {
    const { row, title, goal } = about
    const started = performance.now()
    say(`start  ${row} ${title}`)
    const outcome = await runCheck({
      file: program,
      scale,
      seed,
      timeMsMax: TIME_MS_MAX[scale],
      progress: (line) => say(`       ${row} ${line}`),
    })
    const seconds = Math.round((performance.now() - started) / 100) / 10
    if (outcome.missing !== undefined) {
      missing.push(`${row} cannot run here: ${outcome.missing}`)
      say(`ABSENT ${row} ${outcome.missing}`)
      return
    }
    const { figure, reached, undecided, failures } = outcome.figure ?? {
      figure: 'the program broke off',
      reached: false,
      undecided: false,
      failures: [outcome.brokeOff ?? 'no reason'],
    }
    const result: RowResult = {
      row,
      title,
      goal,
      figure,
      reached,
      ...(undecided === true ? { undecided } : {}),
      scale,
      date: today(),
      commit: commit(),
      seconds,
      ...(outcome.cpuSeconds === undefined ? { brokeOff: true } : { cpuSeconds: outcome.cpuSeconds }),
      seed,
      failures,
    }
    results.push(result)
    // At once: a night that breaks off has its figures so far.
    const merged = mergeResults(file, [result])
    if (file === RESULTS_FILE) {
      writeTablePage(merged)
      if (outcome.cpuSeconds !== undefined) noteDuration(row, scale, seconds)
    }
    const cpu = outcome.cpuSeconds === undefined ? '' : `, ${Math.round(outcome.cpuSeconds)} s of a core`
    say(`${reached ? 'ok    ' : 'FAILED'} ${row} ${figure} (${seconds} s${cpu})`)
    for (const failure of failures) say(`         ${failure.replaceAll('\n', '\n         ')}`)
  }
  await runAtOnce(
    checks.filter(({ about }) => !about.alone),
    AT_ONCE,
    runOne,
  )
  await runAtOnce(
    checks.filter(({ about }) => about.alone),
    1,
    runOne,
  )

  print(readResults(file))
  const failed = results.filter(({ reached }) => !reached)
  const minutes = ((performance.now() - begin) / 60_000).toFixed(1)
  say(
    `\n${results.length} rows in ${minutes} minutes, seed ${seed}; not reached: ${failed.map(({ row }) => row).join(', ') || 'none'}`,
  )
  for (const line of missing) say(line)
  process.exitCode = failed.length > 0 ? 1 : 0
}

interface Check {
  file: string
  about: CheckAbout
}

/** The programs that were asked for, the long ones first so that none is left over at the end. */
async function chooseChecks(scale: ReliabilityScale, seed: number): Promise<Check[]> {
  const only = new Set(flags.only.split(',').filter((row) => row !== ''))
  const files = globSync('test/reliability/r-*.ts').filter((file) => !file.endsWith('.test.ts'))
  const chosen = files.filter((file) => only.size === 0 || only.has(rowOf(file))).sort()
  if (chosen.length === 0) throw new Error(`There is no program for ${flags.only || 'any row'}.`)
  const stored = flags.continue ? readResults(resultsFileOf(scale)) : []
  const open = chosen.filter((file) => !isDone(stored, { row: rowOf(file), scale, seed }))
  if (open.length < chosen.length) say(`${chosen.length - open.length} rows have their figures already.`)
  const durations = readDurations()
  const known = (file: string) => secondsOf(durations, rowOf(file), scale)
  open.sort((a, b) => known(b) - known(a))
  const checks: Check[] = []
  for (const file of open) checks.push({ file, about: await askAbout(file) })
  return checks
}

function sayEstimate(checks: readonly Check[], scale: ReliabilityScale): void {
  const durations = readDurations()
  const rows = checks.map(({ about }) => about)
  const seconds = estimateSeconds(rows, scale, { durations, atOnce: AT_ONCE })
  say(
    `${rows.length} rows at ${scale} scale take about ${Math.ceil(seconds / 60)} minutes on two quiet cores:`,
  )
  for (const { row, alone } of rows)
    say(`  ${row} ${secondsOf(durations, row, scale)} s${alone ? ', alone' : ''}`)
}

/** A gate's figures are no news for the page, unless asked for. */
function resultsFileOf(scale: ReliabilityScale): string {
  return scale === 'gate' && !flags.store ? GATE_RESULTS_FILE : RESULTS_FILE
}

async function runAtOnce(
  checks: readonly Check[],
  atOnce: number,
  runOne: (check: Check) => Promise<void>,
): Promise<void> {
  const waiting = [...checks]
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) await runOne(check)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

function print(results: readonly RowResult[]): void {
  if (flags.json) console.log(JSON.stringify(results, undefined, 2))
  else console.log(`\n${terminalTable(results)}`)
}

/** `test/reliability/r-04-hostile-answers.ts` → `R-04` */
function rowOf(file: string): string {
  return /r-\d\d/.exec(file)?.[0].toUpperCase() ?? file
}

/** The gate tries the same on each commit, so that it says something about the commit; nights try ever new worlds. */
function seedOf(scale: ReliabilityScale): number {
  return scale === 'gate' ? 1 : Math.floor(Date.now() / MS_PER_DAY)
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

function commit(): string {
  try {
    const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8' }).trim()
    const own = OWN_OUTPUT.map((path) => `:!${path}`)
    const changed = git('status', '--porcelain', '--', 'src', 'test', ...own) !== ''
    return `${git('rev-parse', '--short=9', 'HEAD')}${changed ? '+' : ''}`
  } catch {
    return 'unknown'
  }
}
