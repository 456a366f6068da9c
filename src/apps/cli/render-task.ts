import { formatMoment } from './format-numbers.ts'
import { formatTable } from './format-table.ts'
import { renderFacts } from './render-facts.ts'
import { safeText } from './terminal.ts'

interface ShownTask {
  id: string
  kind: string
  state: string
  percent: number
  note: string
  workers: readonly string[]
  createdAt: string
  endsAt: string
  endedAt?: string
  result?: unknown
  log?: readonly { at: string; state: string; percent: number; worker?: string; note: string }[]
}

const NAME_WIDTH = 9

/** What `task` answers: one task with what came of it, or several. */
export function renderTask(
  facts: { action: string; cancelled?: boolean } & (ShownTask | { tasks: readonly ShownTask[] }),
): string {
  if ('tasks' in facts) {
    if (facts.tasks.length === 0)
      return 'There are no tasks. `kizuna task run ID --kind hash` begins one; `kizuna help task` shows what there is.'
    const rows = facts.tasks.map((task) => [
      task.kind,
      task.state,
      `${task.percent} %`,
      formatMoment(task.createdAt),
      String(task.workers.length),
      task.id,
    ])
    return formatTable(['KIND', 'STATE', 'DONE', 'SINCE (UTC)', 'BY', 'ID'], rows)
  }
  const ended = facts.endedAt === undefined ? [] : [row('ended', formatMoment(facts.endedAt))]
  const note = facts.note === '' ? '' : `: ${safeText(facts.note)}`
  return [
    ...(facts.cancelled === false ? ['It had ended already.'] : []),
    row('task', facts.id),
    row('kind', facts.kind),
    row('state', `${facts.state}, ${facts.percent} %${note}`),
    row('by', facts.workers.length === 0 ? 'nobody yet' : facts.workers.join('\n')),
    row('since', `${formatMoment(facts.createdAt)}, given up at ${formatMoment(facts.endsAt)} (UTC)`),
    ...ended,
    ...(facts.result === undefined ? [] : ['result', resultLines(facts.result)]),
    ...logLines(facts.log ?? []),
    ...(facts.action === 'run' && facts.endedAt === undefined
      ? [`\`kizuna task status ${facts.id} --wait\` waits for it.`]
      : []),
  ].join('\n')
}

function resultLines(result: unknown): string {
  return typeof result === 'object' && result !== null && !Array.isArray(result)
    ? renderFacts(result as Record<string, unknown>, '  ')
    : renderFacts({ is: result }, '  ')
}

function logLines(log: NonNullable<ShownTask['log']>): string[] {
  if (log.length === 0) return []
  return [
    'log',
    ...log.map(
      ({ at, state, percent, worker, note }) =>
        `  ${formatMoment(at)}  ${state}, ${percent} %${note === '' ? '' : `: ${safeText(note)}`}${worker === undefined ? '' : ` (${worker})`}`,
    ),
  ]
}

function row(name: string, text: string): string {
  return `${name.padEnd(NAME_WIDTH)}${text.replaceAll('\n', `\n${' '.repeat(NAME_WIDTH)}`)}`
}
