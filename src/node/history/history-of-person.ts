import type { PersonalDataSource } from '../../core/personal-data.ts'
import { type CommandHistory, HISTORY_LIMIT_MAX } from './command-history.ts'

/** The command history as something that is known about people. */
export function historyOfPerson(history: CommandHistory): PersonalDataSource {
  return {
    name: 'command history',
    async *exportOf(caller) {
      let before: number | undefined
      let seen = new Set<string>()
      for (;;) {
        const page = await history.list({
          caller,
          limit: HISTORY_LIMIT_MAX,
          ...(before === undefined ? {} : { before }),
        })
        const fresh = page.filter(({ correlationId }) => !seen.has(correlationId))
        yield* fresh
        const oldest = page.at(-1)
        if (page.length < HISTORY_LIMIT_MAX || oldest === undefined || fresh.length === 0) return
        // Entries of one millisecond may stand on both sides of a page's end.
        before = oldest.at + 1
        seen = new Set(page.filter(({ at }) => at === oldest.at).map(({ correlationId }) => correlationId))
      }
    },
    eraseOf: (caller) => history.erase(caller),
  }
}
