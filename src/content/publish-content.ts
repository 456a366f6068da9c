import type { BufferPool } from '../core/buffer-pool.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import { AbortedError, InvalidInputError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Chunk } from '../storage/chunk.ts'
import { chunkContentWith } from '../storage/chunk-content.ts'
import type { ChunkLease, ChunkLeases } from '../storage/chunk-leases.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { type ChunkingProfile, chunkBytesMax, defaultProfile } from '../storage/chunking-profile.ts'
import { SizeMismatchError } from '../storage/errors.ts'
import { ManifestBuilder } from '../storage/manifest-builder.ts'
import { addParity, type StripedChunk } from '../storage/parity.ts'
import { createErasureCode } from '../storage/reed-solomon.ts'
import { StripeMemory } from '../storage/stripe-memory.ts'
import { choosePolicy, REPLICA_BELOW_BYTES } from './choose-policy.ts'
import { ChunkWrites } from './chunk-writes.ts'
import type { Community } from './community.ts'
import type { DurabilityPolicy, PublishedContent, PublishOptions } from './content.ts'
import { CIPHER_KEY_BYTES, CIPHER_SCHEME, encryptStream } from './content-cipher.ts'
import { checkPolicy, type ObjectFacts } from './dds-protocol.ts'
import type { KeptObjects } from './kept-objects.ts'
import { type ObjectManifest, readObjectManifest } from './object-manifest.ts'
import { type PushParts, pushCopies } from './push-copies.ts'
import type { Replicator } from './replicator.ts'
import { contentSizeOf } from './retrieve-content.ts'
import { WholeHash } from './whole-hash.ts'

/** What publishing needs. */
export interface PublishParts extends PushParts {
  community: Community
  chunks: ChunkStore
  kept: KeptObjects
  leases: ChunkLeases
  digester: Digester
  buffers: BufferPool
  replicator: Replicator
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
}

/** What holds for everything this node publishes. */
export interface PublishSettings {
  /** Peers that get a copy of everything we publish, besides those that placement chooses. */
  friends: readonly PeerId[]
}

/**
 * Publishes content in one pass: cut, (encrypt,) hash, store, parity, manifest, pin; then announce and replicate.
 * Nothing is pinned before everything is stored, so that a crash or an abort leaves only garbage.
 *
 * @throws SizeMismatchError, DiskFullError, QuotaExceededError, InvalidInputError, AbortedError; what the source
 *   throws. Too few peers are no error: the result says how many copies there are.
 */
export async function publishContent(
  parts: PublishParts,
  settings: PublishSettings,
  source: AsyncIterable<Uint8Array>,
  options: PublishOptions & { kind?: 'file' | 'folder' } = {},
): Promise<PublishedContent> {
  if (options.policy !== undefined) checkPolicy(options.policy)
  const startedAt = parts.clock.monotonic()
  using lease = parts.leases.hold()
  try {
    const stored = await storeContent(parts, source, options, lease)
    const { facts, manifest } = stored
    const ids = [facts.root, ...manifest.shape.pageIds, ...manifest.catalogue]
    options.signal?.throwIfAborted()
    await parts.kept.keep(facts, 'self', ids)
    const chunks = manifest.shape.dataIds.length
    options.onProgress?.({ phase: 'chunk', done: chunks, total: chunks, unit: 'chunks' })
    parts.log.info('content stored', { id: facts.root, sizeBytes: facts.sizeBytes, chunks })
    if ((options.acknowledge ?? 'replicated') === 'local') {
      void replicate(parts, settings, facts, manifest, {}).catch((error) =>
        parts.log.warn('replication in the background failed', { id: facts.root, error }),
      )
    } else {
      await replicate(parts, settings, facts, manifest, options)
    }
    parts.metrics.count('kizuna_published_total')
    parts.metrics.observeSeconds('kizuna_publish_seconds', (parts.clock.monotonic() - startedAt) / 1000)
    return resultOf(parts, stored)
  } catch (error) {
    if (options.signal?.aborted === true) throw new AbortedError({ what: 'Publishing', cause: error })
    throw error
  }
}

interface StoredContent {
  facts: ObjectFacts
  manifest: ObjectManifest
  key: Uint8Array | undefined
}

async function storeContent(
  parts: PublishParts,
  source: AsyncIterable<Uint8Array>,
  options: PublishOptions & { kind?: 'file' | 'folder' },
  lease: ChunkLease,
): Promise<StoredContent> {
  const profile = profileFor(parts, options)
  const key = isEncrypted(options) ? keyFor(parts, options) : undefined
  const plain = countBytes(source, options)
  const bytes = key === undefined ? plain : encryptStream(plain, { key, chunkBytes: chunkBytesMax(profile) })
  const { signal } = options
  const { digester } = parts
  const memory = new StripeMemory({ outside: parts.buffers }, { chunkBytesMax: chunkBytesMax(profile) })
  const writes = new ChunkWrites({ chunks: parts.chunks, memory }, lease, signal)
  const chunks = chunkContentWith({ digester, memory }, bytes, { profile, signal })
  let whole: WholeHash | undefined
  try {
    const begin = await readBegin(chunks, options)
    const policy = policyFor(parts, options, begin.sizeBytes)
    const builder = new ManifestBuilder({
      profile,
      kind: options.kind ?? 'file',
      ...(policy.kind === 'rs' ? { k: policy.k, m: policy.m } : {}),
      encryption: key === undefined ? undefined : { scheme: CIPHER_SCHEME, parameters: new Uint8Array(0) },
    })
    whole = new WholeHash({ digester, memory }, begin.sizeBytes)
    const cut = continued(begin.chunks, chunks)
    const striped =
      policy.kind === 'rs'
        ? addParity(cut, createErasureCode(policy.k, policy.m), { digester, memory })
        : withoutParity(cut)
    for await (const { kind, chunk } of striped) {
      await writes.put(chunk)
      if (kind === 'data') {
        await whole.add(chunk.bytes)
        builder.addChunk(chunk.id, chunk.bytes.byteLength)
      } else builder.addParity([chunk.id])
      memory.release(chunk.bytes)
      for (const page of builder.takePages()) await writes.put(page)
    }
    const built = builder.finish({ sha256: await whole.digest() })
    for (const page of built.pages) await writes.put(page)
    await writes.put(built.chunk)
    await writes.finish()
    const readPage = (id: ContentId) => parts.chunks.get(id)
    const manifest = await readObjectManifest(built.chunk.id, built.chunk.bytes, readPage)
    const facts = {
      root: built.chunk.id,
      publisher: parts.community.self,
      policy,
      sizeBytes: built.manifest.sizeBytes,
    }
    return { facts, manifest, key }
  } catch (error) {
    await writes.finish().catch(() => {})
    if (isKizunaError(error) && error.kind === 'busy') await giveBack(parts, writes.stored, lease)
    throw error
  } finally {
    await writes.finish().catch(() => {})
    whole?.end()
    await chunks.return?.(undefined)
    memory.end()
  }
}

/** What did not fit leaves its room to others at once, instead of after the garbage collector's grace. */
async function giveBack(parts: PublishParts, ids: readonly ContentId[], lease: ChunkLease): Promise<void> {
  lease.release()
  for (const id of ids) {
    // From here to the call of `delete` nothing can come in between; a `put` after it stores the chunk anew.
    if (parts.leases.has(id) || parts.kept.isKept(id)) continue
    await parts.chunks.delete(id).catch((error) => parts.log.debug('chunk not given back', { id, error }))
  }
}

/** Chunks read before the policy is fixed: as much as it takes to know that the content is not small. */
async function readBegin(
  chunks: AsyncIterator<Chunk>,
  options: PublishOptions,
): Promise<{ chunks: Chunk[]; sizeBytes: number | undefined }> {
  if (options.sizeBytes !== undefined || options.policy !== undefined) {
    return { chunks: [], sizeBytes: options.sizeBytes }
  }
  const begin: Chunk[] = []
  let sizeBytes = 0
  while (sizeBytes < REPLICA_BELOW_BYTES) {
    const next = await chunks.next()
    if (next.done === true) return { chunks: begin, sizeBytes }
    begin.push(next.value)
    sizeBytes += next.value.bytes.byteLength
  }
  return { chunks: begin, sizeBytes: undefined }
}

async function* continued(begin: readonly Chunk[], rest: AsyncIterator<Chunk>): AsyncGenerator<Chunk> {
  yield* begin
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

/** Lets the bytes through, reports how many, and holds the source to the size it was declared with. */
async function* countBytes(
  source: AsyncIterable<Uint8Array>,
  { sizeBytes, onProgress }: PublishOptions,
): AsyncGenerator<Uint8Array> {
  let readBytes = 0
  for await (const bytes of source) {
    readBytes += bytes.byteLength
    if (sizeBytes !== undefined && readBytes > sizeBytes) {
      throw new SizeMismatchError({ declaredBytes: sizeBytes, readBytes })
    }
    yield bytes
    onProgress?.({ phase: 'read', done: readBytes, total: sizeBytes, unit: 'bytes' })
  }
  if (sizeBytes !== undefined && readBytes !== sizeBytes) {
    throw new SizeMismatchError({ declaredBytes: sizeBytes, readBytes })
  }
}

async function* withoutParity(
  chunks: AsyncIterable<Chunk>,
): AsyncGenerator<Pick<StripedChunk, 'kind' | 'chunk'>> {
  for await (const chunk of chunks) yield { kind: 'data', chunk }
}

async function replicate(
  parts: PublishParts,
  settings: PublishSettings,
  facts: ObjectFacts,
  manifest: ObjectManifest,
  options: PublishOptions,
): Promise<void> {
  let done = 0
  const peers = new Set<PeerId>()
  const onKept = (_: ContentId, peer: PeerId) => {
    done++
    peers.add(peer)
    options.onProgress?.({ phase: 'replicate', done, total: undefined, unit: 'chunks', peers: peers.size })
  }
  const signalled = options.signal === undefined ? {} : { signal: options.signal }
  await parts.replicator.ensure(facts, manifest, { ...signalled, onKept })
  const manifestIds = [facts.root, ...manifest.shape.pageIds]
  for (const peer of settings.friends) {
    if (peer === parts.community.self) continue
    await pushCopies(
      parts,
      { peer, facts, manifestIds, ids: manifest.catalogue, chunkBytesMax: manifest.chunkBytesMax },
      { ...signalled, onKept },
    )
  }
}

function resultOf(parts: PublishParts, { facts, manifest, key }: StoredContent): PublishedContent {
  const { confirmed } = parts.replicator.durability(facts, manifest)
  const { policy } = facts
  const target = policy.kind === 'replica' ? policy.copies : policy.k + policy.m
  const isEmpty = manifest.shape.dataIds.length === 0
  const acknowledged = isEmpty || confirmed >= target ? 'replicated' : 'local'
  return {
    id: facts.root,
    sizeBytes: contentSizeOf(manifest),
    chunks: manifest.shape.dataIds.length,
    copies: confirmed,
    policy,
    acknowledged,
    key,
    sha256: Buffer.from(manifest.sha256).toString('hex'),
  }
}

function isEncrypted(options: PublishOptions): boolean {
  return options.encrypt === true || options.encryptionKey !== undefined
}

function keyFor(parts: PublishParts, { encryptionKey }: PublishOptions): Uint8Array {
  const key = encryptionKey ?? parts.random.bytes(CIPHER_KEY_BYTES)
  if (key.byteLength === CIPHER_KEY_BYTES) return key
  throw new InvalidInputError({
    what: 'The encryption key',
    reason: `it has ${key.byteLength} bytes, not ${CIPHER_KEY_BYTES}`,
  })
}

function policyFor(
  { community }: PublishParts,
  { policy, copies }: PublishOptions,
  sizeBytes: number | undefined,
): DurabilityPolicy {
  return policy ?? choosePolicy(sizeBytes, uptimesOf(community), copies)
}

function profileFor(parts: PublishParts, options: PublishOptions): ChunkingProfile {
  const isStriped = policyFor(parts, options, options.sizeBytes).kind === 'rs'
  const profile = options.profile ?? defaultProfile(options.sizeBytes, { isStriped })
  if (!isEncrypted(options) || profile !== 'cdc') return profile
  throw new InvalidInputError({
    what: 'The chunking profile',
    reason: 'content-defined chunks of encrypted content would tell what is in it',
    hint: 'Leave the profile out, or share without encryption.',
  })
}

/** Uptimes of everybody who could take a part, us included. */
function uptimesOf(community: Community): number[] {
  const willing = community.members().filter(({ online, stores }) => online && stores)
  return [...willing.map(({ uptime }) => uptime), 1]
}
