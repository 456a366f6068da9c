import type { PersonalDataSource } from '../../core/personal-data.ts'
import { type CommandHistory, HISTORY_LIMIT_MAX } from './command-history.ts'

/** The command history as something that is known about people. */
export function historyOfPerson(history: CommandHistory): PersonalDataSource {
  return {
    name: 'command history',
    async *exportOf(caller) {
      let before: number | undefined
      for (;;) {
        const page = await history.list({
          caller,
          limit: HISTORY_LIMIT_MAX,
          ...(before === undefined ? {} : { before }),
        })
        yield* page
        const oldest = page.at(-1)
        if (page.length < HISTORY_LIMIT_MAX || oldest === undefined) return
        before = oldest.at
      }
    },
    eraseOf: (caller) => history.erase(caller),
  }
}
