import { z } from 'zod'
import { InvalidInputError } from '../core/errors.ts'
import { HISTORY_LIMIT_MAX } from '../node/history/command-history.ts'
import { type Caller, defineCommand } from './command.ts'
import { mayAsk, PermissionDeniedError } from './gates/permit.ts'
import { LIFETIME_PATTERN, parseLifetime } from './lifetime.ts'

/** Who asked for what: one's own, and for those who look after a community all of it. */
export const history = defineCommand({
  name: 'history',
  summary: 'Show which commands were given and how they ended',
  description:
    'Your own commands, the newest first; never what you said with them. With --everybody those of all who use this node or this community, with --summary how each command is used.\n\nExample: kizuna history --command share --since 7d',
  permission: 'member',
  cost: 'light',
  confidential: true,
  input: z.strictObject({
    command: z.string().max(64).optional().describe('Only this command'),
    caller: z.string().max(128).optional().describe('Only this person; needs --everybody'),
    since: z
      .string()
      .regex(LIFETIME_PATTERN, 'must look like 30m, 12h or 7d')
      .optional()
      .describe('Only the last 30m, 12h or 7d'),
    limit: z.coerce.number().int().min(1).max(HISTORY_LIMIT_MAX).default(20).describe('At most so many'),
    everybody: z.boolean().default(false).describe('Everybody’s, for those who look after the community'),
    summary: z.boolean().default(false).describe('How often each was used, failed, and how long it took'),
  }),
  positional: ['command'],
  async run({ history, clock }, { command, caller, since, limit, everybody, summary }, context) {
    const who = whose(context.caller, everybody, caller)
    const from = since === undefined ? {} : { since: clock.now() - parseLifetime(since) }
    if (summary) {
      if (!everybody) throw needsEverybody('--summary')
      return { commands: await history.summary({ ...who, ...from }) }
    }
    const entries = await history.list({
      ...who,
      ...from,
      limit,
      ...(command === undefined ? {} : { command }),
    })
    return {
      entries: entries.map(({ at, ...entry }) => ({ at: new Date(at).toISOString(), ...entry })),
    }
  },
})

/** A steward sees the community they look after, the owner everything. */
function whose(asker: Caller, everybody: boolean, caller: string | undefined) {
  if (!everybody) {
    if (caller !== undefined) throw needsEverybody('--caller')
    return { caller: asker.id }
  }
  if (!mayAsk(asker, 'steward'))
    throw new PermissionDeniedError({ command: 'history --everybody', needed: 'steward' })
  return {
    ...(mayAsk(asker, 'owner') || asker.group === undefined ? {} : { group: asker.group }),
    ...(caller === undefined ? {} : { caller }),
  }
}

function needsEverybody(flag: string): InvalidInputError {
  return new InvalidInputError({
    what: flag,
    reason: 'it needs --everybody',
    hint: 'Add --everybody, if you look after the community.',
  })
}
