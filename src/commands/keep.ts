import { z } from 'zod'
import { defineCommand } from './command.ts'
import { decodeShareLink } from './share-link.ts'

/** Keep a whole object on this machine. */
export const keep = defineCommand({
  name: 'keep',
  summary: 'Keep something on this machine, whole, until you forget it',
  description:
    'Fetches what is missing and pins all of it here; it counts as one more copy.\n\nExample: kizuna keep bafk…',
  permission: 'member',
  cost: 'heavy',
  input: z.strictObject({
    id: z.string().max(512).describe('Id or link'),
    until: z.iso.datetime().optional().describe('Let go by itself at this time (ISO 8601)'),
  }),
  positional: ['id'],
  async run({ content }, { id: text, until }, { signal, progress }) {
    const { id } = decodeShareLink(text)
    await content.keep(id, {
      signal,
      onProgress: (update) => progress({ ...update, phase: update.phase }),
      ...(until === undefined ? {} : { expiresAt: Date.parse(until) }),
    })
    return { id, kept: true, until: until ?? null }
  },
})
