import { z } from 'zod'
import type { DurabilityPolicy } from '../content/content.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Services } from '../node/services.ts'
import { defineCommand } from './command.ts'
import { sharedFileOf } from './content-key.ts'
import { readPolicy } from './durability-policy.ts'
import { folderFilesOf } from './folder-files.ts'
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
    const { id, key } = decodeShareLink(text)
    const facts = factsOf(services, id)
    const options = {
      ...(facts === undefined ? {} : { facts }),
      signal,
      ...(until === undefined ? {} : { expiresAt: Date.parse(until) }),
    }
    await services.content.keep(id, { ...options, onProgress: (update) => progress(update) })
    const files = await folderFilesOf(services, id, key, signal).catch((error) => {
      // Whoever has no key keeps what may be a private folder as it is.
      if (isKizunaError(error, 'CONTENT_KEY_MISSING')) return []
      throw error
    })
    for (const [done, file] of files.entries()) {
      await services.content.keep(file, options)
      progress({ phase: 'fetch', done: done + 1, total: files.length, unit: 'files' })
    }
    return { id, kept: true, until: until ?? null, files: files.length }
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
