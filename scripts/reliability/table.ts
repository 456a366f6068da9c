import { readFileSync, writeFileSync } from 'node:fs'
import type { RowResult } from './results.ts'
import { RELIABILITY_ROWS } from './rows.ts'

/** The page whose table is written here. */
export const TABLE_PAGE = 'docs/reliability.md'

const BEGIN = '<!-- table: written by npm run reliability -->'
const END = '<!-- end of table -->'
const NOT_YET = 'not run yet'
/** Columns of a terminal that a figure or a goal may take. */
const WRAP_AT = 110

/** The whole table as Markdown, rows that never ran among them. */
export function markdownTable(results: readonly RowResult[]): string {
  const byRow = new Map(results.map((result) => [result.row, result]))
  const lines = Object.entries(RELIABILITY_ROWS).map(([row, about]) => {
    const result = byRow.get(row)
    if (result === undefined) return `| ${row} | ${about} | ${NOT_YET} | | | |`
    const { title, figure, goal, date, commit, scale } = result
    const cells = [row, title, `${markedAs(result)}${figure}`, goal, `${scale}, ${date}`, commit]
    return `| ${cells.map(cell).join(' | ')} |`
  })
  return [
    '| Row | Test | Reached | Goal | Run | Commit |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

/** The whole table for a terminal: a block for each row. */
export function terminalTable(results: readonly RowResult[]): string {
  const byRow = new Map(results.map((result) => [result.row, result]))
  return Object.entries(RELIABILITY_ROWS)
    .map(([row, about]) => {
      const result = byRow.get(row)
      if (result === undefined) return `${row}  ${about}: ${NOT_YET}`
      const { title, figure, goal, date, commit, scale, seconds, cpuSeconds, seed, failures } = result
      const cpu = cpuSeconds === undefined ? '' : `, ${Math.round(cpuSeconds)} s of a core`
      const run = `${scale}, ${date}, commit ${commit}, seed ${seed}, ${seconds} s${cpu}`
      return [
        `${row}  ${title}: ${verdictOf(result)}`,
        ...wrapped('figure', figure),
        ...wrapped('goal', goal),
        ...wrapped('run', run),
        ...failures.flatMap((failure) => wrapped('failure', failure)),
      ].join('\n')
    })
    .join('\n')
}

function markedAs(result: RowResult): string {
  if (!result.reached) return '**not reached:** '
  return result.undecided === true ? '**too little to tell:** ' : ''
}

function verdictOf(result: RowResult): string {
  if (!result.reached) return 'NOT REACHED'
  return result.undecided === true ? 'TOO LITTLE TO TELL' : 'reached'
}

/** The page with its table made anew. @throws Error when the page has lost its markers. */
export function pageWithTable(page: string, results: readonly RowResult[]): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${TABLE_PAGE} has lost the markers of its table.`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${scalesLine(results)}\n\n${markdownTable(results)}\n\n${page.slice(end)}`
}

/** Which rows were last tried at which scale, those that never ran among them. */
export function scalesLine(results: readonly RowResult[]): string {
  const scales = new Map(results.map(({ row, scale }) => [row, `at ${scale} scale`]))
  const rows = Object.keys(RELIABILITY_ROWS)
  const told = [...Map.groupBy(rows, (row) => scales.get(row) ?? NOT_YET)]
  return `${told.map(([scale, those]) => `${those.length} ${scale}: ${those.join(', ')}`).join('. ')}.`
}

/** Writes the table into its page. */
export function writeTablePage(results: readonly RowResult[]): void {
  writeFileSync(TABLE_PAGE, pageWithTable(readFileSync(TABLE_PAGE, 'utf8'), results))
}

function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')
}

function wrapped(name: string, text: string): string[] {
  const lines: string[] = ['']
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + word.length >= WRAP_AT) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map((line, index) => `      ${(index === 0 ? name : '').padEnd(8)} ${line}`)
}
