import { z } from 'zod'
import type { DurabilityPolicy } from '../content/content.ts'
import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Services } from '../node/services.ts'
import { defineCommand } from './command.ts'
import { sharedFileOf } from './content-key.ts'
import { readPolicy } from './durability-policy.ts'
import { decodeShareLink } from './share-link.ts'

/** Keep a whole object on this machine. */
export const keep = defineCommand({
  name: 'keep',
  summary: 'Keep something on this machine, whole, until you forget it',
  description:
    'Fetches what is missing and pins all of it here; it counts as one more copy.\n\nExample: kizuna keep bafk…',
  permission: 'member',
  changes: true,
  cost: 'heavy',
  input: z.strictObject({
    id: z.string().max(512).describe('Id or link'),
    until: z.iso.datetime().optional().describe('Let go by itself at this time (ISO 8601)'),
  }),
  positional: ['id'],
  async run(services, { id: text, until }, { signal, progress }) {
    const { id } = decodeShareLink(text)
    const facts = factsOf(services, id)
    await services.content.keep(id, {
      ...(facts === undefined ? {} : { facts }),
      signal,
      onProgress: (update) => progress({ ...update, phase: update.phase }),
      ...(until === undefined ? {} : { expiresAt: Date.parse(until) }),
    })
    return { id, kept: true, until: until ?? null }
  },
})

/** Who shared it and how it is kept, as far as the space knows. */
function factsOf(
  services: Services,
  id: ContentId,
): { publisher: PeerId; policy: DurabilityPolicy } | undefined {
  const file = sharedFileOf(services, id)
  const policy = readPolicy(file?.policy)
  return file === undefined || policy === undefined ? undefined : { publisher: file.publishedBy, policy }
}
