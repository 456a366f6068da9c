import { z } from 'zod'
import type { ContentId } from '../core/content-id.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Services } from '../node/services.ts'
import { putFileRemoval } from '../records/removal-record.ts'
import { defineCommand } from './command.ts'
import { sharedFileOf } from './content-key.ts'
import { filesOfNoOther, folderFilesOf } from './folder-files.ts'
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
  async run(services, { id: text, everywhere }, { signal, progress }) {
    const { id, key } = decodeShareLink(text)
    const file = sharedFileOf(services, id)
    const files = file?.kind === 'folder' ? await filesToForget(services, id, key, signal) : []
    const listed = everywhere && file !== undefined
    if (listed) await putFileRemoval(services.records, id)
    const forgotten = await services.content.forget(id)
    for (const [done, one] of files.entries()) {
      signal.throwIfAborted()
      // The files of a folder are on no list; members hear of each that they may let go of it.
      if (listed) await putFileRemoval(services.records, one)
      await services.content.forget(one)
      progress({ phase: 'letting go', done: done + 1, total: files.length, unit: 'files' })
    }
    return { id, forgotten, removedFromList: listed, files: files.length }
  },
})

/** A folder whose listing nobody has any more is let go of all the same, without its files. */
async function filesToForget(
  services: Services,
  id: ContentId,
  key: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<ContentId[]> {
  const files = await folderFilesOf(services, id, key, signal).catch((error) => {
    signal.throwIfAborted()
    services.log.warn('listing not read', { id, code: toKizunaError(error).code })
    return []
  })
  return filesOfNoOther(services, id, files, signal)
}
