import type { CommandUse, HistoryEntry } from './command-history.ts'

/** What a count of uses looks at. */
export type CountedEntry = Pick<HistoryEntry, 'command' | 'caller' | 'outcome' | 'durationMs'>

/** How each command was used, the most used first; for stores that are read entry by entry. */
export async function countCommandUses(entries: AsyncIterable<CountedEntry>): Promise<CommandUse[]> {
  const uses = new Map<string, { callers: Set<string>; durations: number; use: CommandUse }>()
  for await (const { command, caller, outcome, durationMs } of entries) {
    let known = uses.get(command)
    if (known === undefined) {
      const use = { command, count: 0, failed: 0, callers: 0, averageMs: 0, slowestMs: 0 }
      known = { callers: new Set(), durations: 0, use }
      uses.set(command, known)
    }
    const { callers, use } = known
    callers.add(caller)
    known.durations += durationMs
    use.count++
    if (outcome !== 'ok') use.failed++
    use.callers = callers.size
    use.averageMs = Math.round(known.durations / use.count)
    use.slowestMs = Math.max(use.slowestMs, durationMs)
  }
  return [...uses.values()]
    .map(({ use }) => use)
    .sort((one, other) => other.count - one.count || (one.command < other.command ? -1 : 1))
}
