import type { Result } from './kept-results.ts'
import { machineLine } from './machine.ts'
import { median, megabytes } from './rounds.ts'

/** A result as Markdown: who, how fast, against us, and the goals. */
export function tableOf({ title, setting, standings, goals }: Result): string {
  const ours = median(standings.find(({ name }) => name.startsWith('Kizuna'))?.speeds ?? [])
  const rows = standings.map(({ name, speeds, reason }) => {
    if (speeds.length === 0) return [name, reason ?? 'not run', '', '']
    const range = `${megabytes(Math.min(...speeds))} to ${megabytes(Math.max(...speeds))}`
    return [name, megabytes(median(speeds)), range, `${(ours / median(speeds)).toFixed(2)} ×`]
  })
  const goalRows = goals.map(({ ours: one, theirs, ratio, atLeast, reached }) => [
    `${one} against ${theirs}`,
    ratio.toFixed(2),
    `at least ${atLeast}`,
    reached ? 'reached' : 'not reached',
  ])
  return [
    `## ${title}`,
    '',
    `${setting}.`,
    '',
    markdown(['', 'median', 'lowest to highest', 'Kizuna is'], rows),
    ...(goalRows.length === 0 ? [] : ['', markdown(['goal', 'ratio', 'wanted', ''], goalRows)]),
    '',
  ].join('\n')
}

/** All results as one page. */
export function pageOf(results: readonly Result[]): string {
  const intro =
    '# Side by side\n\nMade by `npm run bench -- --write`; not edited by hand. Medians of one run each.\n'
  return [intro, ...results.map((result) => `${tableOf(result)}\n${machineLine(result.machine)}.\n`)].join(
    '\n',
  )
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
