import { z } from 'zod'
import { defineCommand } from './command.ts'
import { contentKeyOf, folderFileKey, sharedFileOf } from './content-key.ts'
import { decodeShareLink, encodeShareLink } from './share-link.ts'

/** What a content is, ready to be read: the bytes themselves come by the app's own way (file, stream, attachment). */
export const get = defineCommand({
  name: 'get',
  summary: 'Get something back, by its id or link',
  description:
    'Fetches from every member that has it, checks every chunk and the whole, and goes on where an earlier attempt stopped.\n\nExample: kizuna get bafk… --output holiday.mp4',
  permission: 'member',
  cost: 'heavy',
  input: z.strictObject({
    id: z.string().max(512).describe('Id or link'),
    timeout: z.coerce
      .number()
      .int()
      .min(100)
      .max(3_600_000)
      .optional()
      .describe('Milliseconds without any progress after which it ends with the reason'),
  }),
  positional: ['id'],
  async run(services, { id: text, timeout }, { signal }) {
    const { id, key: given } = decodeShareLink(text)
    const key = contentKeyOf(services, id, given)
    const file = sharedFileOf(services, id)
    const options = {
      signal,
      ...(key === undefined ? {} : { key }),
      timeoutMs: timeout ?? services.config.downloadTimeoutMs,
    }
    const found = await services.content.retrieve(id, options)
    const facts = {
      id,
      kind: found.kind,
      name: file?.name ?? id,
      mediaType: file?.mediaType ?? 'application/octet-stream',
      sizeBytes: found.sizeBytes,
      link: encodeShareLink(id, key),
    }
    if (found.kind === 'file') return { ...facts, files: null }
    const entries = await services.content.listFolder(id, options)
    const files = entries.map((entry) => ({
      path: entry.path,
      sizeBytes: entry.sizeBytes,
      link: encodeShareLink(entry.id, key === undefined ? undefined : folderFileKey(key, entry.path)),
    }))
    return { ...facts, sizeBytes: entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), files }
  },
})
