import { z } from 'zod'
import { parsePeerId } from '../core/signing-key.ts'
import { defineCommand } from './command.ts'

/** Who belongs to the space, and who shall. */
export const members = defineCommand({
  name: 'members',
  summary: 'List the members of the space; remove one, or change what one is',
  description:
    'The founder and admins may remove members; only the founder makes admins and removes them. After a removal the space has a new key: nothing private that is shared from then on can be read by the one removed, what it had before stays with it.\n\nExample: kizuna members --remove 12D3KooW…',
  permission: 'owner',
  changes: ({ remove, admin, member }) => [remove, admin, member].some((peer) => peer !== undefined),
  cost: 'light',
  input: z.strictObject({
    remove: z.string().max(64).optional().describe('Peer id of a member to remove'),
    admin: z.string().max(64).optional().describe('Peer id of a member to make an admin'),
    member: z
      .string()
      .max(64)
      .optional()
      .describe('Peer id of an admin to make a plain member again, or of somebody removed to let back in'),
  }),
  positional: [],
  timeoutMs: 30_000,
  async run({ membership }, { remove, admin, member }) {
    if (remove !== undefined) await membership.remove(parsePeerId(remove))
    if (admin !== undefined) await membership.appoint(parsePeerId(admin), 'admin')
    if (member !== undefined) await membership.appoint(parsePeerId(member), 'member')
    return {
      space: membership.space().name,
      members: membership.members().map(({ peer, role, label, joinedAt }) => ({
        peer,
        role,
        label,
        joinedAt: new Date(joinedAt).toISOString(),
      })),
    }
  },
})
