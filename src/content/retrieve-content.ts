import type { BufferPool } from '../core/buffer-pool.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Digester } from '../core/digester.ts'
import { AbortedError, InvalidInputError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { RetrievedContent, RetrieveOptions } from './content.ts'
import { CIPHER_SCHEME, CIPHER_TAG_BYTES, decryptChunk, plainSizeOf } from './content-cipher.ts'
import type { ContentTransfer } from './content-transfer.ts'
import { ContentCorruptError, ContentKeyError } from './errors.ts'
import type { ObjectManifest } from './object-manifest.ts'
import type { Stripe } from './stripe-rebuild.ts'

/** Bytes asked for or waiting to be read, ahead of the reader. */
const WINDOW_BYTES = 16 * 2 ** 20
/** Chunks asked for ahead of the reader: at least two per peer, at most what one may have in flight in all. */
const WINDOW_CHUNKS_MIN = 8
const WINDOW_CHUNKS_MAX = 128
/** No progress for this long ends a call, unless its caller says otherwise (B-47). */
export const RETRIEVE_TIMEOUT_MS = 30_000

/** What reading needs. */
export interface RetrieveParts {
  clock: Clock
  log: Logger
  metrics: Metrics
  digester: Digester
  buffers: BufferPool
  loadManifest: (
    id: ContentId,
    options: { signal?: AbortSignal; timeoutMs: number },
  ) => Promise<{ manifest: ObjectManifest; sources: readonly PeerId[] }>
  openTransfer: (options: {
    root: ContentId
    catalogue: readonly ContentId[]
    timeoutMs: number
    signal?: AbortSignal
    hints: readonly PeerId[]
    foundBefore: boolean
    stripeOf: (id: ContentId) => Stripe | undefined
    onRebuilt: (id: ContentId) => void
  }) => ContentTransfer
}

/**
 * Opens content for reading: the manifest is there and checked when this resolves, the bytes come as they are
 * read, in order, from this disk and from many peers.
 * @throws ContentNotFoundError, ContentUnreachableError, ContentRefusedError, ContentCorruptError,
 *   ContentKeyError, InvalidInputError (a range outside the content)
 */
export async function retrieveContent(
  parts: RetrieveParts,
  id: ContentId,
  options: RetrieveOptions = {},
): Promise<RetrievedContent> {
  const timeoutMs = options.timeoutMs ?? RETRIEVE_TIMEOUT_MS
  const startedAt = parts.clock.monotonic()
  try {
    options.onProgress?.({ phase: 'find', done: 0, total: undefined, unit: 'bytes' })
    const loaded = await parts.loadManifest(id, { timeoutMs, ...signalOf(options) })
    const { manifest } = loaded
    const sizeBytes = contentSizeOf(manifest)
    checkKey(id, manifest, options.key)
    const range = checkRange(options.range, sizeBytes)
    const bytes = readRange(parts, { id, manifest, range, hints: loaded.sources, timeoutMs }, options)
    return { id, kind: manifest.kind, sizeBytes, bytes: noteFailure(parts, id, options, startedAt, bytes) }
  } catch (error) {
    throw failed(parts, id, options, startedAt, error)
  }
}

/** Size of what the reader gets: without the tags of encrypted chunks. */
export function contentSizeOf(manifest: ObjectManifest): number {
  if (manifest.encryption === undefined) return manifest.sizeBytes
  return plainSizeOf(manifest.sizeBytes, manifest.shape.dataIds.length)
}

interface ReadInput {
  id: ContentId
  manifest: ObjectManifest
  range: { offset: number; length: number; whole: boolean }
  hints: readonly PeerId[]
  timeoutMs: number
}

async function* readRange(
  parts: RetrieveParts,
  input: ReadInput,
  options: RetrieveOptions,
): AsyncGenerator<Uint8Array> {
  const { id, manifest, range } = input
  const end = range.offset + range.length
  const cut = cutOf(manifest)
  const first = range.length === 0 ? 0 : cut.chunkAt(range.offset)
  const last = range.length === 0 ? -1 : cut.chunkAt(end - 1)
  const transfer = parts.openTransfer({
    root: id,
    catalogue: manifest.catalogue,
    timeoutMs: input.timeoutMs,
    ...signalOf(options),
    hints: input.hints,
    foundBefore: true,
    stripeOf: (chunk) => manifest.stripeOf(chunk),
    onRebuilt: () => options.onProgress?.({ phase: 'rebuild', done, total: range.length, unit: 'bytes' }),
  })
  const { digester, buffers } = parts
  const wholeHash = range.whole ? digester.stream(manifest.sizeBytes) : undefined
  let done = 0
  let held: HeldPiece | undefined
  try {
    for await (const { index, bytes } of inOrder(transfer, manifest, first, last)) {
      if (bytes.byteLength !== manifest.sizeOf(index)) {
        throw new ContentCorruptError({
          id,
          reason: `chunk ${index} has another length than the manifest says`,
        })
      }
      const hashed = wholeHash?.update(bytes)
      // Awaited before the piece goes out; until then it is nobody's.
      hashed?.catch(() => {})
      const plain = open(id, manifest, options.key, bytes, index)
      const start = cut.offsetOf(index)
      const piece = plain.subarray(Math.max(range.offset - start, 0), end - start)
      done += piece.byteLength
      options.onProgress?.({
        phase: 'fetch',
        done,
        total: range.length,
        unit: 'bytes',
        peers: transfer.activePeers,
      })
      if (held !== undefined) yield* handOut(held, buffers, options)
      held = { piece, bytes, hashed }
    }
    options.onProgress?.({ phase: 'verify', done, total: range.length, unit: 'bytes' })
    if (wholeHash !== undefined && Buffer.compare(await wholeHash.digest(), manifest.sha256) !== 0) {
      throw new ContentCorruptError({ id, reason: 'its whole hash is not the one its manifest promises' })
    }
    await transfer.flush()
    if (held !== undefined && held.piece.byteLength > 0) yield* handOut(held, buffers, options)
  } finally {
    wholeHash?.end()
    transfer.close()
  }
}

/** A piece that waits for the next one to come, the chunk it is of, and when that is in the whole hash. */
interface HeldPiece {
  piece: Uint8Array
  bytes: Uint8Array
  hashed: Promise<void> | undefined
}

/** Gives a piece to the reader, and its chunk's memory back to the pool. */
async function* handOut(
  { piece, bytes, hashed }: HeldPiece,
  buffers: BufferPool,
  { reuse = false }: RetrieveOptions,
): AsyncGenerator<Uint8Array> {
  await hashed
  const isLent = piece.buffer === bytes.buffer && bytes.buffer instanceof SharedArrayBuffer
  if (isLent && reuse) {
    yield piece
    buffers.release(bytes)
    return
  }
  // The reader may keep it, and must not meet memory that other threads share. Decrypted bytes are its own anyway.
  const own = isLent ? piece.slice() : piece
  buffers.release(bytes)
  yield own
}

/** Chunks first to last in order; those ahead are on their way while one is read. */
async function* inOrder(
  transfer: ContentTransfer,
  manifest: ObjectManifest,
  first: number,
  last: number,
): AsyncGenerator<{ index: number; bytes: Uint8Array }> {
  const chunks = Math.floor(WINDOW_BYTES / Math.max(manifest.chunkBytesMax, 1))
  const window = Math.min(Math.max(chunks, WINDOW_CHUNKS_MIN), WINDOW_CHUNKS_MAX)
  const coming: Promise<Uint8Array>[] = []
  let next = first
  for (let index = first; index <= last; index++) {
    for (; next <= last && next < index + window; next++) {
      const id = manifest.shape.dataIds[next] as ContentId
      const chunk = transfer.get(id, { order: next })
      // Whoever reads up to it gets the error; before that it is nobody's.
      chunk.catch(() => {})
      coming.push(chunk)
    }
    yield { index, bytes: (await coming.shift()) as Uint8Array }
  }
}

/** Where chunks begin in what the reader sees. */
function cutOf(manifest: ObjectManifest): {
  chunkAt(offset: number): number
  offsetOf(index: number): number
} {
  if (manifest.encryption === undefined) return manifest
  // Encrypted content is always cut in pieces of one size (`content-cipher.ts`).
  const piece = manifest.sizeOf(0) - CIPHER_TAG_BYTES
  return { chunkAt: (offset) => Math.floor(offset / piece), offsetOf: (index) => index * piece }
}

function open(
  id: ContentId,
  manifest: ObjectManifest,
  key: Uint8Array | undefined,
  bytes: Uint8Array,
  index: number,
): Uint8Array {
  if (manifest.encryption === undefined) return bytes
  const plain = key === undefined ? undefined : decryptChunk(bytes, key, index)
  if (plain === undefined) throw new ContentKeyError({ id, given: key !== undefined })
  return plain
}

function checkKey(id: ContentId, manifest: ObjectManifest, key: Uint8Array | undefined): void {
  if (manifest.encryption === undefined) return
  if (manifest.encryption !== CIPHER_SCHEME) {
    throw new InvalidInputError({
      what: `The content ${id}`,
      reason: 'it is encrypted in a way this version does not know',
      hint: 'Update Kizuna and try again.',
    })
  }
  if (key === undefined) throw new ContentKeyError({ id, given: false })
}

function checkRange(
  range: RetrieveOptions['range'],
  sizeBytes: number,
): { offset: number; length: number; whole: boolean } {
  if (range === undefined) return { offset: 0, length: sizeBytes, whole: true }
  const { offset, length } = range
  const good = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
  if (!good || offset > sizeBytes) {
    throw new InvalidInputError({
      what: 'The range',
      reason: `it begins at ${offset} and the content has ${sizeBytes} bytes`,
      details: { sizeBytes },
    })
  }
  const inside = Math.min(length, sizeBytes - offset)
  return { offset, length: inside, whole: offset === 0 && inside === sizeBytes }
}

async function* noteFailure(
  parts: RetrieveParts,
  id: ContentId,
  options: RetrieveOptions,
  startedAt: number,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
    parts.metrics.count('kizuna_retrievals_total')
    parts.metrics.observeSeconds('kizuna_retrieve_seconds', (parts.clock.monotonic() - startedAt) / 1000)
  } catch (error) {
    throw failed(parts, id, options, startedAt, error)
  }
}

/** Logs and counts the failure, with every peer that was asked and its reason. */
function failed(
  parts: RetrieveParts,
  id: ContentId,
  options: RetrieveOptions,
  startedAt: number,
  error: unknown,
): unknown {
  if (options.signal?.aborted === true) {
    return isKizunaError(error) ? error : new AbortedError({ what: 'The retrieval', cause: error })
  }
  const code = isKizunaError(error) ? error.code : 'INTERNAL'
  parts.metrics.count('kizuna_retrieve_failures_total', { code })
  const facts = {
    id,
    code,
    asked: isKizunaError(error) ? error.details.asked : undefined,
    durationMs: Math.round(parts.clock.monotonic() - startedAt),
  }
  // Whoever asked for what nobody has is told so, and nothing is wrong here.
  if (isKizunaError(error) && error.kind === 'missing') parts.log.debug('retrieve failed', facts)
  else parts.log.warn('retrieve failed', facts)
  return error
}

function signalOf(options: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal }
}
