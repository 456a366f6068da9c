import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Services } from '../node/services.ts'
import { contentKeyOf, sharedFileOf } from './content-key.ts'

/** A listing lies here or at members that are at hand; nobody waits for one longer. */
const LISTING_MS_MAX = 10_000

/**
 * The files of a folder, each once; none for a file. Everything that is done to a folder is done to them.
 * @throws what reading the listing ends with, except that it is no folder.
 */
export async function folderFilesOf(
  services: Services,
  id: ContentId,
  given: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<ContentId[]> {
  const key = contentKeyOf(services, id, given)
  try {
    const entries = await services.content.listFolder(id, {
      signal,
      timeoutMs: LISTING_MS_MAX,
      ...(key === undefined ? {} : { key }),
    })
    return [...new Set(entries.map((entry) => entry.id))]
  } catch (error) {
    if (isKizunaError(error, 'INVALID_INPUT')) return []
    throw error
  }
}

/**
 * Of a folder's files, those that nothing else here needs: neither shared by themselves nor part of another folder
 * that this node keeps. A listing that cannot be read is taken to need them all.
 */
export async function filesOfNoOther(
  services: Services,
  folder: ContentId,
  files: readonly ContentId[],
  signal: AbortSignal,
): Promise<ContentId[]> {
  const left = new Set(files.filter((file) => sharedFileOf(services, file) === undefined))
  for (const { id } of services.content.keptObjects()) {
    if (left.size === 0) break
    if (id === folder || sharedFileOf(services, id)?.kind !== 'folder') continue
    const others = await folderFilesOf(services, id, undefined, signal).catch(() => files)
    for (const other of others) left.delete(other)
  }
  return [...left]
}
