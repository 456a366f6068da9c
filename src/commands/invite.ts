import { z } from 'zod'
import { defineCommand } from './command.ts'
import { LIFETIME_PATTERN, parseLifetime } from './lifetime.ts'

/** A link by which another machine enters the space. */
export const invite = defineCommand({
  name: 'invite',
  summary: 'Make a link (and QR code) for another machine to join',
  description:
    'Whoever has the link can join until it expires: treat it as a secret. With `--single` it works once. `--list` shows those that count, `--revoke ID` takes one back.\n\nExample: kizuna invite --expires 2h --single',
  permission: 'steward',
  changes: ({ list }) => list !== true,
  confidential: true,
  cost: 'light',
  input: z.strictObject({
    expires: z
      .string()
      .regex(LIFETIME_PATTERN, 'must look like 30m, 12h or 7d')
      .default('7d')
      .describe('How long it is good for, such as 30m, 12h or 7d'),
    single: z.boolean().default(false).describe('Good for one machine only'),
    revoke: z.string().max(64).optional().describe('Id of an invite to take back instead'),
    list: z.boolean().default(false).describe('List the invites of this node that have not expired'),
  }),
  positional: [],
  timeoutMs: 10_000,
  async run({ membership }, { expires, single, revoke, list }) {
    if (list) {
      const invites = membership.invites().map((one) => ({
        ...one,
        expiresAt: new Date(one.expiresAt).toISOString(),
        usedBy: one.usedBy ?? null,
      }))
      return { invites }
    }
    if (revoke !== undefined) return { revoked: await membership.revokeInvite(revoke), id: revoke }
    const made = await membership.invite({
      lifetimeMs: parseLifetime(expires),
      uses: single ? 'single' : 'many',
    })
    return {
      link: made.link,
      id: made.id,
      expiresAt: new Date(made.expiresAt).toISOString(),
      uses: made.uses,
    }
  },
})
