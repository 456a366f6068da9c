import { z } from 'zod'
import { InvalidInputError } from '../core/errors.ts'
import { defineCommand } from './command.ts'

/** What one answer carries; who is known for more is told so and asks the owner for the rest. */
const ITEMS_MAX = 20_000
const LENGTH_MAX = 8 * 1024 * 1024

const actions = {
  export: {
    summary: 'Show everything that this node keeps about you',
    fields: [],
  },
  delete: {
    summary: 'Erase what this node keeps about you, for good',
    fields: ['confirm'],
    changes: true,
  },
} as const

/** What is known about a person, for that person. */
export const privacy = defineCommand({
  name: 'privacy',
  summary: 'Show or erase what this node keeps about you',
  description:
    '`export` shows everything kept about you here: your command history, feedback, archived messages, tasks. `delete` erases it for good. What you shared with the space are things of the space: `forget` lets them go.\n\nExample: kizuna privacy export --json > mine.json',
  permission: 'anyone',
  cost: 'heavy',
  confidential: true,
  input: z.strictObject({
    action: z.enum(['export', 'delete']).default('export').describe('What to do'),
    confirm: z.boolean().default(false).describe('Yes, erase it for good'),
  }),
  positional: ['action'],
  actions,
  async run({ personalData }, { action, confirm }, { caller, signal, progress }) {
    const sources = personalData.sources()
    if (action === 'delete') {
      if (!confirm) {
        throw new InvalidInputError({
          what: 'Erasing',
          reason: 'it cannot be undone and needs your word',
          hint: 'Look at `privacy export` first; then add --confirm.',
        })
      }
      const erased: Record<string, number> = {}
      for (const [done, source] of sources.entries()) {
        signal.throwIfAborted()
        erased[source.name] = await source.eraseOf(caller.id)
        progress({ phase: 'erasing', done: done + 1, total: sources.length, unit: 'items' })
      }
      return { person: caller.id, erased }
    }
    const kept: Record<string, unknown[]> = {}
    let items = 0
    let length = 0
    for (const source of sources) {
      const list: unknown[] = []
      kept[source.name] = list
      for await (const item of source.exportOf(caller.id)) {
        signal.throwIfAborted()
        length += JSON.stringify(item).length
        if (++items > ITEMS_MAX || length > LENGTH_MAX) return { person: caller.id, complete: false, kept }
        list.push(item)
      }
      progress({ phase: 'collecting', done: items, total: undefined, unit: 'items' })
    }
    return { person: caller.id, complete: true, kept }
  },
})
