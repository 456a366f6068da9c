import { z } from 'zod'
import { TOKEN_SCOPES } from '../node/api-tokens.ts'
import { defineCommand } from './command.ts'
import { LIFETIME_PATTERN, parseLifetime } from './lifetime.ts'

/** Tokens for programs that use the HTTP API without owning the node. */
export const token = defineCommand({
  name: 'token',
  summary: 'Make, list or take back tokens for the HTTP API',
  description:
    'With `--scope` it makes one and prints it, this once: `read` looks and fetches, `write` also sends and keeps, `admin` may everything. Without, it lists those there are. A token counts only in the space it was made in.\n\nExample: kizuna token --scope read --label backup --expires 90d',
  permission: 'owner',
  changes: ({ scope, revoke }) => scope !== undefined || revoke !== undefined,
  cost: 'light',
  input: z.strictObject({
    scope: z.enum(TOKEN_SCOPES).optional().describe('Make one that may do this'),
    label: z.string().max(64).default('').describe('What it is for'),
    expires: z
      .string()
      .regex(LIFETIME_PATTERN, 'must look like 30m, 12h or 7d')
      .default('90d')
      .describe('How long it is good for, such as 12h or 90d'),
    revoke: z.string().max(64).optional().describe('Id of a token to take back instead'),
  }),
  positional: [],
  timeoutMs: 10_000,
  async run({ tokens }, { scope, label, expires, revoke }) {
    if (revoke !== undefined) return { revoked: tokens.revoke(revoke), id: revoke }
    if (scope === undefined) return { tokens: tokens.list().map(withDates) }
    const made = tokens.create({ scope, label, lifetimeMs: parseLifetime(expires) })
    return { token: made.token.reveal(), ...withDates(made.facts) }
  },
})

function withDates<Facts extends { createdAt: number; expiresAt: number }>(facts: Facts) {
  return {
    ...facts,
    createdAt: new Date(facts.createdAt).toISOString(),
    expiresAt: new Date(facts.expiresAt).toISOString(),
  }
}
