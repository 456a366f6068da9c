import type { PersonalDataSource } from '../core/personal-data.ts'
import type { Tasks } from './task.ts'

/** Tasks of one person that are shown at most. */
const SHOWN_MAX = 500

/** What tasks keep about people: who asked for which. */
export function personalTasks(tasks: Tasks): PersonalDataSource {
  return {
    name: 'tasks',
    async *exportOf(person) {
      for (const task of tasks.list({ requestedBy: person, limit: SHOWN_MAX })) {
        const { id, kind, state, createdAt, endedAt } = task
        yield { id, kind, state, createdAt, ...(endedAt === undefined ? {} : { endedAt }) }
      }
    },
    eraseOf: async (person) => (person === '' ? 0 : tasks.forgetRequester(person)),
  }
}
