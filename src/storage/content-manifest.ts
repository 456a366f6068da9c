import {
  type ContentId,
  contentIdFromDigest,
  digestOf,
  formatContentId,
  parseContentId,
} from '../core/content-id.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import { fitsProtobufShape } from '../core/protobuf-shape.ts'
import {
  CHUNKING_PROFILES,
  type ChunkingProfile,
  chunkBytesMax,
  fixedChunkBytes,
} from './chunking-profile.ts'
import { SHARDS_MAX } from './erasure-code.ts'
import { InvalidManifestError } from './errors.ts'
import {
  ContentKind,
  ContentManifest as ManifestMessage,
  ManifestPage as PageMessage,
} from './manifest-messages.js'

/** No manifest or page lists more chunks; longer content gets pages. */
export const PAGE_CHUNKS_MAX = 4_096
/** No manifest or page lists more ids, parity included. */
export const PAGE_IDS_MAX = 8_192
/** No manifest has more pages, so that the root fits one chunk: 170 million chunks, 42 TiB in chunks of 256 KiB. */
export const PAGES_MAX = 41_600
/** Longest name of an encryption scheme, in characters. */
const SCHEME_LENGTH_MAX = 64
/** Longest parameters of an encryption scheme, in bytes. */
const PARAMETERS_BYTES_MAX = 256
const DIGEST_BYTES = 32
/** What stands for the profile that the wire leaves out. */
const DEFAULT_PROFILE = 'dds-256k'

/** How content is encrypted; never the key. */
export interface EncryptionHeader {
  /** 1 to 64 characters of printable ASCII. */
  scheme: string
  /** At most 256 bytes. */
  parameters: Uint8Array
}

/** A run of chunks with the parity of their stripes. */
export interface ManifestPage {
  chunkIds: readonly ContentId[]
  /** Stripe by stripe, m each. */
  parityIds: readonly ContentId[]
  /** Bytes of each chunk; only for `cdc`, empty otherwise. */
  chunkSizes: readonly number[]
}

/** What a manifest and its pages have in common. */
export interface ManifestShape {
  profile: ChunkingProfile
  /** Length of the content as it was chunked, in bytes. */
  sizeBytes: number
  chunkCount: number
  /** Chunks per stripe; 0 without parity. */
  k: number
  /** Parity chunks per stripe; 0 without parity. */
  m: number
}

/**
 * How content is put together (the DDS plan's ContentManifest). Either `body` lists the chunks, or `pages` do.
 * Its id is the content id of its bytes.
 */
export interface ContentManifest extends ManifestShape {
  kind: 'file' | 'folder'
  /** SHA-256 of the content as it was chunked; 32 bytes. */
  sha256: Uint8Array
  encryption: EncryptionHeader | undefined
  body: ManifestPage | undefined
  /** `sizeBytes` is what the page's chunks hold together. */
  pages: readonly { id: ContentId; sizeBytes: number }[]
}

/** How many chunks each page but the last lists: whole stripes only, and no more ids than fit. */
export function chunksPerPage({ k, m }: { k: number; m: number }): number {
  if (k === 0) return PAGE_CHUNKS_MAX
  return Math.min(Math.floor(PAGE_CHUNKS_MAX / k), Math.floor(PAGE_IDS_MAX / (k + m))) * k
}

/** Which chunks page `index` lists. */
export function pageChunks(shape: ManifestShape, index: number): { from: number; count: number } {
  const perPage = chunksPerPage(shape)
  const from = index * perPage
  return { from, count: Math.min(perPage, shape.chunkCount - from) }
}

/** Deterministic: the same manifest has the same bytes on every machine. Checks nothing that `decodeManifest` checks. */
export function encodeManifest(manifest: ContentManifest): Uint8Array {
  const { body, encryption, pages } = manifest
  const isPagedCdc = manifest.profile === 'cdc' && body === undefined
  return ManifestMessage.encode({
    ...(body === undefined ? {} : toMessage(body)),
    originalContentSha256: Uint8Array.from(manifest.sha256),
    originalContentSizeBytes: BigInt(manifest.sizeBytes),
    profile: manifest.profile === DEFAULT_PROFILE ? '' : manifest.profile,
    stripeData: manifest.k,
    stripeParity: manifest.m,
    ...(encryption === undefined
      ? {}
      : { encryption: { scheme: encryption.scheme, parameters: Uint8Array.from(encryption.parameters) } }),
    pageDigests: pages.map(({ id }) => Uint8Array.from(digestOf(id))),
    kind: manifest.kind === 'file' ? ContentKind.FILE : ContentKind.FOLDER,
    ...(isPagedCdc
      ? {
          chunkCount: BigInt(manifest.chunkCount),
          pageSizes: packUint64(pages.map(({ sizeBytes }) => sizeBytes)),
        }
      : {}),
  })
}

/**
 * Reads a manifest. What it returns keeps every rule of docs/protocol/content-manifest.md.
 * @throws InvalidManifestError
 */
export function decodeManifest(bytes: Uint8Array): ContentManifest {
  checkLength(bytes)
  checkShape(bytes)
  const message = decodeMessage(() => ManifestMessage.decode(bytes, { limits: MANIFEST_LIMITS }))
  checkCanonical(bytes, () => ManifestMessage.encode(message))
  check(message.originalContentSha256.byteLength === DIGEST_BYTES, 'its content hash has not 32 bytes')
  const sizeBytes = toSafeInteger(message.originalContentSizeBytes, 'its content size')
  const profile = toProfile(message.profile)
  const { stripeData: k, stripeParity: m } = message
  check((k === 0) === (m === 0) && k + m <= SHARDS_MAX, `stripes of ${k} and ${m} chunks do not exist`)

  const isPaged = message.pageDigests.length > 0
  const chunkCount = toChunkCount(message, profile, sizeBytes)
  const shape: ManifestShape = { profile, sizeBytes, chunkCount, k, m }
  const perPage = chunksPerPage(shape)
  check(isPaged === chunkCount > perPage, `${chunkCount} chunks ${isPaged ? 'need no' : 'need'} pages`)
  const common = {
    ...shape,
    kind: message.kind === ContentKind.FOLDER ? ('folder' as const) : ('file' as const),
    sha256: Uint8Array.from(message.originalContentSha256),
    encryption: toEncryption(message.encryption),
  }
  if (!isPaged) {
    check(message.pageSizes.byteLength === 0, 'it has sizes of pages that it has not')
    return { ...common, body: toPage(message, shape, { from: 0, count: chunkCount }, sizeBytes), pages: [] }
  }
  const isListing =
    message.chunkCids.length + message.parityDigests.length + message.chunkSizes.byteLength > 0
  check(!isListing, 'it lists chunks beside its pages')
  check(
    message.pageDigests.length === Math.ceil(chunkCount / perPage),
    'it has not as many pages as its chunks need',
  )
  const sizes = toPageSizes(message.pageSizes, shape, message.pageDigests.length)
  const pages = message.pageDigests.map((digest, index) => ({
    id: toId(digest),
    sizeBytes: sizes[index] as number,
  }))
  return { ...common, body: undefined, pages }
}

/** The bytes of a page. */
export function encodeManifestPage(page: ManifestPage): Uint8Array {
  return PageMessage.encode(toMessage(page))
}

/**
 * Reads page `index` of a manifest.
 * @throws InvalidManifestError when it breaks the rules or does not belong there.
 */
export function decodeManifestPage(
  bytes: Uint8Array,
  manifest: ContentManifest,
  index: number,
): ManifestPage {
  checkLength(bytes)
  checkShape(bytes)
  const message = decodeMessage(() => PageMessage.decode(bytes, { limits: PAGE_LIMITS }))
  checkCanonical(bytes, () => PageMessage.encode(message))
  return toPage(message, manifest, pageChunks(manifest, index), manifest.pages[index]?.sizeBytes ?? 0)
}

/** Every id takes 34 bytes and more, and besides ids there are few fields. */
const ID_FIELD_BYTES_MIN = 34
const OTHER_FIELDS_MAX = 16

function checkShape(bytes: Uint8Array): void {
  const fieldsMax = OTHER_FIELDS_MAX + Math.ceil(bytes.byteLength / ID_FIELD_BYTES_MIN)
  const messages = { 20: { fieldsMax: OTHER_FIELDS_MAX } }
  check(fitsProtobufShape(bytes, { fieldsMax, messages }), 'it has more fields than it can')
}

const PAGE_LIMITS = { chunkCids: PAGE_CHUNKS_MAX, parityDigests: PAGE_IDS_MAX } as const
const MANIFEST_LIMITS = { ...PAGE_LIMITS, pageDigests: PAGES_MAX } as const

type BodyMessage = Pick<ManifestMessage, 'chunkCids' | 'parityDigests' | 'chunkSizes'>

function toMessage(page: ManifestPage): BodyMessage {
  const chunkSizes = new Uint8Array(page.chunkSizes.length * 4)
  const view = new DataView(chunkSizes.buffer)
  for (const [index, size] of page.chunkSizes.entries()) view.setUint32(index * 4, size, true)
  return {
    chunkCids: page.chunkIds.map((id) => formatContentId(id, 'dds')),
    parityDigests: page.parityIds.map((id) => Uint8Array.from(digestOf(id))),
    chunkSizes,
  }
}

function toPage(
  message: BodyMessage,
  shape: ManifestShape,
  chunks: { from: number; count: number },
  sizeBytes: number,
): ManifestPage {
  const { k, m, profile } = shape
  check(
    message.chunkCids.length === chunks.count,
    `it lists ${message.chunkCids.length} chunks, not ${chunks.count}`,
  )
  const parityCount = k === 0 ? 0 : Math.ceil(chunks.count / k) * m
  check(message.parityDigests.length === parityCount, `it has not ${parityCount} parity chunks`)
  const sizesLength = profile === 'cdc' ? chunks.count * 4 : 0
  check(message.chunkSizes.byteLength === sizesLength, 'it has not one size per chunk')
  const chunkSizes = unpackUint32(message.chunkSizes)
  if (profile === 'cdc') {
    const limit = chunkBytesMax(profile)
    check(
      chunkSizes.every((size) => size > 0 && size <= limit),
      'a chunk has no length or too much of it',
    )
    check(
      chunkSizes.reduce((sum, size) => sum + size, 0) === sizeBytes,
      'the chunks’ sizes are not the content’s',
    )
  }
  return {
    chunkIds: message.chunkCids.map(toIdOfText),
    parityIds: message.parityDigests.map(toId),
    chunkSizes,
  }
}

/** How many chunks there are; from the size alone where chunks are of one length, so that a lie is found at once. */
function toChunkCount(message: ManifestMessage, profile: ChunkingProfile, sizeBytes: number): number {
  const length = fixedChunkBytes(profile)
  const isPagedCdc = length === undefined && message.pageDigests.length > 0
  const written = toSafeInteger(message.chunkCount, 'its number of chunks')
  check(isPagedCdc || written === 0, 'it states a number of chunks where none belongs')
  if (length !== undefined) return Math.ceil(sizeBytes / length)
  return isPagedCdc ? written : message.chunkCids.length
}

function toPageSizes(packed: Uint8Array, shape: ManifestShape, pageCount: number): number[] {
  const length = fixedChunkBytes(shape.profile)
  if (length !== undefined) {
    check(packed.byteLength === 0, 'it states sizes of pages where none belong')
    return Array.from({ length: pageCount }, (_, index) => {
      const { from, count } = pageChunks(shape, index)
      return Math.min(count * length, shape.sizeBytes - from * length)
    })
  }
  check(packed.byteLength === pageCount * 8, 'it has not one size per page')
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const sizes = Array.from({ length: pageCount }, (_, index) =>
    toSafeInteger(view.getBigUint64(index * 8, true), 'the size of a page'),
  )
  // Each page's sizes are checked against this when it is read.
  check(
    sizes.reduce((sum, size) => sum + size, 0) === shape.sizeBytes,
    'the pages’ sizes are not the content’s',
  )
  return sizes
}

function toEncryption(header: ManifestMessage['encryption']): EncryptionHeader | undefined {
  if (header === undefined) return undefined
  const { scheme, parameters } = header
  check(
    /^[!-~]+$/.test(scheme) && scheme.length <= SCHEME_LENGTH_MAX,
    'its encryption scheme has no proper name',
  )
  check(parameters.byteLength <= PARAMETERS_BYTES_MAX, 'its encryption parameters are too long')
  return { scheme, parameters: Uint8Array.from(parameters) }
}

function toProfile(text: string): ChunkingProfile {
  if (text === '') return DEFAULT_PROFILE
  const profile = CHUNKING_PROFILES.find((one) => one === text && one !== DEFAULT_PROFILE)
  if (profile !== undefined) return profile
  throw new InvalidManifestError({ reason: 'its chunking profile is not known to this version' })
}

function toIdOfText(text: string): ContentId {
  // Exactly the bare base58btc form: 32 bytes have 32 to 44 digits, and each digest has one such text.
  if (/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text)) {
    try {
      return parseContentId(text)
    } catch {
      // Not 32 bytes: refused below.
    }
  }
  throw new InvalidManifestError({ reason: 'a chunk id in it is not one' })
}

function toId(digest: Uint8Array): ContentId {
  check(digest.byteLength === DIGEST_BYTES, 'a digest in it has not 32 bytes')
  return contentIdFromDigest(digest)
}

function toSafeInteger(value: bigint, what: string): number {
  check(value <= BigInt(Number.MAX_SAFE_INTEGER), `${what} is beyond 2^53`)
  return Number(value)
}

function packUint64(values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of values.entries()) view.setBigUint64(index * 8, BigInt(value), true)
  return bytes
}

function unpackUint32(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getUint32(index * 4, true))
}

function checkLength(bytes: Uint8Array): void {
  check(bytes.byteLength <= CHUNK_BYTES_MAX, `it has ${bytes.byteLength} bytes, more than a chunk can`)
}

function decodeMessage<Message>(decode: () => Message): Message {
  try {
    return decode()
  } catch (cause) {
    throw new InvalidManifestError({ reason: `its bytes cannot be read (${(cause as Error).message})` })
  }
}

/** One manifest, one byte string: otherwise one content would have many ids. Unknown fields fall here too. */
function checkCanonical(bytes: Uint8Array, encode: () => Uint8Array): void {
  const isCanonical = decodeMessage(() => Buffer.compare(encode(), bytes) === 0)
  check(isCanonical, 'its bytes are not the canonical form, or a newer version wrote it')
}

function check(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new InvalidManifestError({ reason })
}
