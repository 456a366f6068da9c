import { z } from 'zod'
import { defineCommand } from './command.ts'

const LIST_MAX = 1_000

const actions = {
  list: { summary: 'Show who changed what, the newest first', fields: ['limit', 'before'] },
  verify: { summary: 'Check that nobody altered the audit log', fields: [] },
  anchor: {
    summary: 'Have the members remember the log as it is now',
    fields: [],
    changes: true,
  },
} as const

/** The audit log: who changed what, in a chain that shows tampering. */
export const audit = defineCommand({
  name: 'audit',
  summary: 'Show who changed what, and check that the log was not altered',
  description:
    'Each change of this node or its space is an entry; each entry’s hash covers the one before, and the node signs it. `verify` names the first entry that was altered, removed or made up. Once an hour, and on `anchor`, the members of the space remember the newest hash, so that even the owner of the machine cannot write the log anew unnoticed.\n\nExample: kizuna audit verify',
  permission: 'owner',
  cost: 'light',
  confidential: true,
  changes: false,
  input: z.strictObject({
    action: z.enum(['list', 'verify', 'anchor']).default('list').describe('What to do'),
    limit: z.coerce.number().int().min(1).max(LIST_MAX).default(20).describe('At most so many'),
    before: z.coerce.number().int().min(1).optional().describe('Only entries before this one'),
  }),
  positional: ['action'],
  actions,
  async run({ audit }, { action, limit, before }, { signal }) {
    if (action === 'verify') return await audit.verify(signal)
    if (action === 'anchor') return { anchors: await audit.anchor(signal) }
    const entries = audit.list({ limit, ...(before === undefined ? {} : { before }) })
    return {
      entries: entries.map(({ at, caller, ...entry }) => ({
        at: new Date(at).toISOString(),
        caller: caller ?? null,
        ...entry,
      })),
    }
  },
})
