import type { ContentId } from '../core/content-id.ts'
import { InvalidInputError, LimitExceededError } from '../core/errors.ts'
import type { FolderEntry, PublishedContent, PublishOptions, RetrieveOptions } from './content.ts'
import { decodeFolderListing, encodeFolderListing, FOLDER_LISTING_BYTES_MAX } from './folder-listing.ts'
import { type RetrieveParts, retrieveContent } from './retrieve-content.ts'

/**
 * Publishes a folder's listing; its files were published before.
 * @throws InvalidInputError when a path is unsafe.
 */
export function publishFolder(
  publish: (
    source: AsyncIterable<Uint8Array>,
    options: PublishOptions & { kind: 'folder' },
  ) => Promise<PublishedContent>,
  entries: readonly FolderEntry[],
  options: PublishOptions = {},
): Promise<PublishedContent> {
  const listing = encodeFolderListing(entries)
  async function* source(): AsyncGenerator<Uint8Array> {
    yield listing
  }
  return publish(source(), { ...options, sizeBytes: listing.byteLength, kind: 'folder' })
}

/** @throws InvalidInputError when the content is a file or its listing is not valid. */
export async function listFolder(
  parts: RetrieveParts,
  id: ContentId,
  options: Omit<RetrieveOptions, 'range'> = {},
): Promise<FolderEntry[]> {
  const { kind, sizeBytes, bytes } = await retrieveContent(parts, id, options)
  if (kind !== 'folder') {
    throw new InvalidInputError({
      what: `The content ${id}`,
      reason: 'it is a file, not a folder',
      hint: 'Fetch it with `kizuna get`.',
    })
  }
  if (sizeBytes > FOLDER_LISTING_BYTES_MAX) {
    throw new LimitExceededError({
      what: 'The folder listing',
      limit: FOLDER_LISTING_BYTES_MAX,
      actual: sizeBytes,
    })
  }
  const pieces = await Array.fromAsync(bytes)
  return decodeFolderListing(Buffer.concat(pieces))
}
