import { formatMoment, formatTook } from './format-numbers.ts'
import { formatTable } from './format-table.ts'
import { safeText } from './terminal.ts'

/** So much of a hash tells it from others at a glance. */
const HASH_SHOWN = 12

interface Given {
  at: string
  caller: string | null
  command: string
  action?: string
  correlationId: string
}

interface HistoryFacts {
  entries?: (Given & { outcome: string; durationMs: number })[]
  commands?: {
    command: string
    count: number
    failed: number
    callers: number
    averageMs: number
    slowestMs: number
  }[]
}

type AuditFacts =
  | { entries: (Given & { sequence: number; hash: string })[] }
  | { anchors: string[] }
  | {
      intact: boolean
      entries: number
      anchors: number
      head?: string
      fault?: { sequence: number; reason: string }
    }

/** What `history` answers: the commands that were given, or how each was used. */
export function renderHistory({ entries, commands }: HistoryFacts): string {
  if (commands !== undefined) {
    if (commands.length === 0) return 'No command was given in that time.'
    const rows = commands.map((use) => [
      use.command,
      String(use.count),
      String(use.failed),
      String(use.callers),
      formatTook(use.averageMs),
      formatTook(use.slowestMs),
    ])
    return formatTable(['COMMAND', 'GIVEN', 'FAILED', 'PEOPLE', 'ON AVERAGE', 'SLOWEST'], rows)
  }
  if (entries === undefined || entries.length === 0) return 'No such command is remembered.'
  const rows = entries.map((entry) => [
    formatMoment(entry.at),
    named(entry),
    safeText(entry.outcome),
    formatTook(entry.durationMs),
    safeText(entry.caller ?? '–'),
    entry.correlationId,
  ])
  return formatTable(['WHEN (UTC)', 'COMMAND', 'ENDED', 'TOOK', 'BY', 'REFERENCE'], rows)
}

/** What `audit` answers: entries, or whether the log is as it was written. */
export function renderAudit(facts: AuditFacts): string {
  if ('intact' in facts) return renderVerdict(facts)
  if ('entries' in facts) {
    if (facts.entries.length === 0) return 'Nothing was changed so far.'
    const rows = facts.entries.map((entry) => [
      String(entry.sequence),
      formatMoment(entry.at),
      named(entry),
      safeText(entry.caller ?? 'somebody who was erased'),
      entry.hash.slice(0, HASH_SHOWN),
      entry.correlationId,
    ])
    return formatTable(['NO.', 'WHEN (UTC)', 'WHAT', 'BY', 'HASH', 'REFERENCE'], rows)
  }
  return facts.anchors.length === 0
    ? 'Nobody remembers it yet: no other member could be told, or nothing was changed so far.'
    : `The log as it is now is remembered by: ${facts.anchors.map(safeText).join(', ')}.`
}

function renderVerdict(verdict: Extract<AuditFacts, { intact: boolean }>): string {
  const { intact, entries, anchors, head, fault } = verdict
  if (!intact) {
    const at = fault === undefined ? '' : ` Entry ${fault.sequence}: ${safeText(fault.reason)}.`
    const before = fault === undefined ? 0 : fault.sequence - 1
    const good = before > 0 ? `\nThe ${before} before it are as they were written.` : ''
    return `The log was ALTERED.${at}${good}`
  }
  if (entries === 0) return 'The log is empty.'
  const agree =
    anchors === 0
      ? 'The space remembers nothing of it yet; `kizuna audit anchor` has them do so.'
      : `Of ${anchors} of its states the space remembers the hash, and they agree.`
  return `All ${entries} entries are as they were written. ${agree}\nThe newest has the hash ${head ?? '–'}.`
}

function named({ command, action }: Given): string {
  return safeText(action === undefined ? command : `${command} ${action}`)
}
