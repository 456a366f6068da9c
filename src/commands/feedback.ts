import { z } from 'zod'
import { InvalidInputError } from '../core/errors.ts'
import { defineCommand } from './command.ts'

const TEXT_LENGTH_MAX = 2_000
const LIST_MAX = 200

const actions = {
  send: { summary: 'Tell the owner of this node something', fields: ['text'] },
  list: { summary: 'Show what people wrote', permission: 'owner', fields: ['limit'] },
  remove: { summary: 'Remove a note that is dealt with', permission: 'owner', fields: ['id'], changes: true },
} as const

/** A word to those who run the node. It stays on the node. */
export const feedback = defineCommand({
  name: 'feedback',
  summary: 'Tell the owner of this node what is good, bad or missing',
  description:
    'Your words stay on this node, with your id, until the owner has read them or you erase them with `privacy delete`.\n\nExample: kizuna feedback send "The list should show dates."',
  permission: 'anyone',
  cost: 'light',
  confidential: true,
  input: z.strictObject({
    action: z.enum(['send', 'list', 'remove']).default('send').describe('What to do'),
    text: z.string().trim().min(1).max(TEXT_LENGTH_MAX).optional().describe('What you want to say'),
    id: z.coerce.number().int().min(1).optional().describe('Number of the note'),
    limit: z.coerce.number().int().min(1).max(LIST_MAX).default(20).describe('At most so many'),
  }),
  positional: ['action', 'text'],
  actions,
  async run({ feedback }, { action, text, id, limit }, { caller }) {
    if (action === 'send') {
      if (text === undefined) throw missing('What you want to say')
      const { group } = caller
      return { id: feedback.put({ caller: caller.id, text, ...(group === undefined ? {} : { group }) }) }
    }
    if (action === 'remove') {
      if (id === undefined) throw missing('The number of the note')
      return { id, removed: feedback.remove(id) }
    }
    return {
      notes: feedback.list(limit).map(({ at, ...note }) => ({ at: new Date(at).toISOString(), ...note })),
    }
  },
})

function missing(what: string): InvalidInputError {
  return new InvalidInputError({ what, reason: 'it is missing' })
}
