import { z } from 'zod'
import { putFileRemoval } from '../records/removal-record.ts'
import { defineCommand } from './command.ts'
import { sharedFileOf } from './content-key.ts'
import { decodeShareLink } from './share-link.ts'

/** Let go of something. */
export const forget = defineCommand({
  name: 'forget',
  summary: 'Let go of something kept here; with --everywhere take it off the list',
  description:
    'The space on this disk is free again after a grace time. `--everywhere` also takes it off the shared list, when it is yours or you lead the space; members then let go of their copies. What others copied out of the space stays with them.\n\nExample: kizuna forget bafk…',
  permission: 'steward',
  changes: true,
  cost: 'light',
  input: z.strictObject({
    id: z.string().max(512).describe('Id or link'),
    everywhere: z.boolean().default(false).describe('Also take it off the shared list'),
  }),
  positional: ['id'],
  timeoutMs: 30_000,
  async run(services, { id: text, everywhere }) {
    const { id } = decodeShareLink(text)
    const listed = everywhere && sharedFileOf(services, id) !== undefined
    if (listed) await putFileRemoval(services.records, id)
    return { id, forgotten: await services.content.forget(id), removedFromList: listed }
  },
})
