import { z } from 'zod'
import { defineCommand } from './command.ts'

/** Enter another space by an invite. */
export const join = defineCommand({
  name: 'join',
  summary: 'Enter the space of an invite link',
  description:
    'What you shared so far while alone comes with you. Leaving a space that has other members needs `--force`.\n\nThe link is a secret: `kizuna join -` reads it from standard input and `@FILE` from a file, so that it stays in no history and no list of programs.\n\nExample: kizuna join -',
  permission: 'owner',
  cost: 'heavy',
  input: z.strictObject({
    link: z.string().max(8_192).describe('The link, or what the QR code holds'),
    force: z.boolean().default(false).describe('Leave the present space although it has other members'),
  }),
  positional: ['link'],
  timeoutMs: 60_000,
  async run({ membership }, { link, force }, { signal }) {
    const space = await membership.join(link, { signal, force })
    return {
      space: space.id,
      name: space.name,
      admission: space.admission,
      members: membership.members().length,
    }
  },
})
