import { z } from 'zod'
import type { FolderEntry, PublishedContent, PublishOptions } from '../content/content.ts'
import { InvalidInputError } from '../core/errors.ts'
import type { Services } from '../node/services.ts'
import { putFileRecord } from '../records/file-record.ts'
import { sealWithSpaceKey } from '../records/space-seal.ts'
import { CHUNKING_PROFILES } from '../storage/chunking-profile.ts'
import { type CommandContext, defineCommand } from './command.ts'
import { folderFileKey } from './content-key.ts'
import { choosePolicy, formatPolicy } from './durability-policy.ts'
import { mediaTypeOf } from './media-type.ts'
import { openUrl } from './open-url.ts'
import { encodeShareLink } from './share-link.ts'
import { type PathSource, readPathSource, sourceFileBytes } from './share-source.ts'

const TEXT_LENGTH_MAX = 1_000_000
const KEY_BYTES = 32

const input = z.strictObject({
  path: z.string().max(4_096).optional().describe('File or folder on the machine where the node runs'),
  text: z.string().max(TEXT_LENGTH_MAX).optional().describe('Share this text instead of a file'),
  url: z
    .url({ protocol: /^https?$/ })
    .max(4_096)
    .optional()
    .describe('Fetch this address and share what it gives'),
  name: z.string().max(255).optional().describe('Name to show; default: the file’s'),
  type: z.string().max(127).optional().describe('Media type; default: by the name'),
  copies: z.coerce.number().int().min(1).max(64).optional().describe('Whole copies, this node’s included'),
  policy: z.string().max(32).optional().describe('`replica:N`, or `rs:K+M` for K data and M parity shards'),
  profile: z
    .enum(['auto', ...CHUNKING_PROFILES])
    .optional()
    .describe('How it is cut into chunks; `cdc` suits versions of one thing'),
  private: z
    .boolean()
    .optional()
    .describe('Encrypt for members and holders of the link; default: yes in a closed space'),
  wait: z
    .enum(['local', 'replicated'])
    .default('replicated')
    .describe('Answer when it is safe here, or when the copies are confirmed'),
})
type ShareInput = z.output<typeof input>

/** Share something with the space. */
export const share = defineCommand({
  name: 'share',
  summary: 'Share a file, a folder, a text or a web address with the space',
  description:
    'Stores it here, tells the space, and brings copies to other members. The id it prints is all that others need. With too few members it says how many copies there are; the rest follow by themselves.\n\nExample: kizuna share holiday.mp4 --copies 3',
  permission: 'member',
  changes: true,
  cost: 'heavy',
  input,
  // A member sends bytes; only the owner may have this machine's own files read.
  ownerFields: ['path'],
  positional: ['path'],
  async run(services, wish, context) {
    const { config } = services
    const profile = wish.profile ?? config.chunkProfile
    const policy = choosePolicy(wish, config)
    const isPrivate = wish.private ?? services.membership.space().admission === 'invite'
    // Before anything is read: without the space's key nothing private can be told.
    if (isPrivate) services.membership.spaceKey()
    const options: PublishOptions = {
      signal: context.signal,
      acknowledge: wish.wait,
      ...(policy === undefined ? { copies: config.copies } : { policy }),
      ...(profile === 'auto' ? {} : { profile }),
      ...(isPrivate ? { encryptionKey: services.random.bytes(KEY_BYTES) } : {}),
    }
    const { kind, name, published } = await publishWish(services, wish, options, context)
    const type = wish.type ?? (kind === 'folder' ? 'application/x-kizuna-folder' : mediaTypeOf(name))
    await tellSpace(services, { kind, name, type, published })
    return {
      id: published.id,
      name,
      kind,
      sizeBytes: published.sizeBytes,
      chunks: published.chunks,
      copies: published.copies,
      policy: formatPolicy(published.policy),
      acknowledged: published.acknowledged,
      private: published.key !== undefined,
      link: encodeShareLink(published.id, published.key),
    }
  },
})

interface Shared {
  kind: 'file' | 'folder'
  name: string
  published: PublishedContent
}

async function publishWish(
  services: Services,
  wish: ShareInput,
  options: PublishOptions,
  context: CommandContext,
): Promise<Shared> {
  const given = [wish.path, wish.text, wish.url, context.body].filter((each) => each !== undefined)
  if (given.length !== 1) {
    throw new InvalidInputError({
      what: 'What to share',
      reason: given.length === 0 ? 'it is missing' : 'it is given more than once',
      hint: 'Give one of: a path, `--text`, `--url`, or bytes with the request.',
    })
  }
  const onProgress: NonNullable<PublishOptions['onProgress']> = (update) => context.progress(update)
  if (wish.path !== undefined) {
    const source = await readPathSource(wish.path, context.signal)
    if (source.kind === 'folder') return publishFolder(services, wish, source, options, context)
    const published = await services.content.publish(source.bytes(), {
      ...options,
      onProgress,
      sizeBytes: source.sizeBytes,
    })
    return { kind: 'file', name: wish.name ?? source.name, published }
  }
  if (wish.url !== undefined) {
    const { name, bytes, sizeBytes } = await openUrl(services, wish.url, context.signal)
    const published = await services.content.publish(bytes, {
      ...options,
      onProgress,
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
    })
    return { kind: 'file', name: wish.name ?? name, published }
  }
  const bytes = wish.text === undefined ? context.body : oneOf(Buffer.from(wish.text))
  const published = await services.content.publish(bytes as AsyncIterable<Uint8Array>, {
    ...options,
    onProgress,
  })
  return { kind: 'file', name: wish.name ?? (wish.text === undefined ? published.id : 'text.txt'), published }
}

async function publishFolder(
  services: Services,
  wish: ShareInput,
  source: Extract<PathSource, { kind: 'folder' }>,
  options: PublishOptions,
  context: CommandContext,
): Promise<Shared> {
  const total = source.files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const entries: FolderEntry[] = []
  let done = 0
  let copies = Number.POSITIVE_INFINITY
  let chunks = 0
  for (const file of source.files) {
    const { encryptionKey, ...rest } = options
    const published = await services.content.publish(sourceFileBytes(file, context.signal), {
      ...rest,
      sizeBytes: file.sizeBytes,
      ...(encryptionKey === undefined ? {} : { encryptionKey: folderFileKey(encryptionKey, file.path) }),
    })
    entries.push({ path: file.path, id: published.id, sizeBytes: published.sizeBytes })
    done += file.sizeBytes
    copies = Math.min(copies, published.copies)
    chunks += published.chunks
    context.progress({ phase: 'sharing', done, total, unit: 'bytes' })
  }
  const listing = await services.content.publishFolder(entries, options)
  return {
    kind: 'folder',
    name: wish.name ?? source.name,
    published: {
      ...listing,
      sizeBytes: done,
      chunks: chunks + listing.chunks,
      copies: Math.min(copies, listing.copies),
    },
  }
}

async function tellSpace(services: Services, shared: Shared & { type: string }): Promise<void> {
  const { membership, random, network, records } = services
  const { published } = shared
  const { policy } = published
  await putFileRecord(records, network.peerId, {
    id: published.id,
    name: shared.name,
    mediaType: shared.type,
    sizeBytes: published.sizeBytes,
    policy: formatPolicy(policy),
    sha256: published.sha256,
    chunks: published.chunks,
    parityChunks: policy.kind === 'rs' ? Math.ceil(published.chunks / policy.k) * policy.m : 0,
    kind: shared.kind,
    sealedKey:
      published.key === undefined
        ? undefined
        : sealWithSpaceKey(membership.spaceKey(), published.key, published.id, random),
  })
}

async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
