import { z } from 'zod'
import { InvalidInputError } from '../core/errors.ts'
import { defineCommand } from './command.ts'

const DAY_MS = 24 * 3_600_000
const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS } as const
const LIFETIME_MS_MAX = 365 * DAY_MS

/** A link by which another machine enters the space. */
export const invite = defineCommand({
  name: 'invite',
  summary: 'Make a link (and QR code) for another machine to join',
  description:
    'Whoever has the link can join until it expires: treat it as a secret. With `--single` it works once. `--revoke ID` takes one back.\n\nExample: kizuna invite --expires 2h --single',
  permission: 'owner',
  cost: 'light',
  input: z.strictObject({
    expires: z
      .string()
      .regex(/^\d{1,6}[smhd]$/, 'must look like 30m, 12h or 7d')
      .default('7d')
      .describe('How long it is good for, such as 30m, 12h or 7d'),
    single: z.boolean().default(false).describe('Good for one machine only'),
    revoke: z.string().optional().describe('Id of an invite to take back instead'),
  }),
  positional: [],
  timeoutMs: 10_000,
  async run({ membership }, { expires, single, revoke }) {
    if (revoke !== undefined) return { revoked: await membership.revokeInvite(revoke), id: revoke }
    const lifetimeMs = Number(expires.slice(0, -1)) * UNITS_MS[expires.at(-1) as keyof typeof UNITS_MS]
    if (lifetimeMs === 0 || lifetimeMs > LIFETIME_MS_MAX) {
      throw new InvalidInputError({
        what: 'The time',
        reason: 'it must be more than nothing and at most 365d',
      })
    }
    const made = await membership.invite({ lifetimeMs, uses: single ? 'single' : 'many' })
    return {
      link: made.link,
      id: made.id,
      expiresAt: new Date(made.expiresAt).toISOString(),
      uses: made.uses,
    }
  },
})
