import type { Result } from './kept-results.ts'
import { machineLine } from './machine.ts'
import { median, megabytes, type Standing } from './rounds.ts'

/** A result as Markdown: who, how fast, against us, other figures, and the goals. */
export function tableOf({ title, setting, standings, goals, table, picture }: Result): string {
  const goalRows = goals.map(({ ours: one, theirs, ratio, atLeast, reached }) => [
    `${one} against ${theirs}`,
    ratio.toFixed(2),
    `at least ${atLeast}`,
    reached ? 'reached' : 'not reached',
  ])
  const parts = [
    `## ${title}`,
    `${setting}.`,
    ...(standings.length === 0 ? [] : [standingsTable(standings)]),
    ...(table === undefined ? [] : [markdown(table.head, table.rows)]),
    ...(goalRows.length === 0 ? [] : [markdown(['goal', 'ratio', 'wanted', ''], goalRows)]),
    ...(picture === undefined ? [] : [`![${title}](${picture})`]),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Where the bytes end has a column of its own where that differs. */
function standingsTable(standings: readonly Standing[]): string {
  const head = ['', 'median', 'lowest to highest', 'Kizuna is']
  if (standings.every(({ endsIn }) => endsIn === undefined)) return markdown(head, rowsOf(standings))
  const rows = rowsOf(standings).map((row, place) => [...row, standings[place]?.endsIn ?? ''])
  return markdown([...head, 'at the end the bytes are in'], rows)
}

function rowsOf(standings: readonly Standing[]): string[][] {
  const ours = median(standings.find(({ name }) => name.startsWith('Kizuna'))?.speeds ?? [])
  return standings.map(({ name, speeds, reason }) => {
    if (speeds.length === 0) return [name, reason ?? 'not run', '', '']
    const range = `${megabytes(Math.min(...speeds))} to ${megabytes(Math.max(...speeds))}`
    return [name, megabytes(median(speeds)), range, `${(ours / median(speeds)).toFixed(2)} ×`]
  })
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
