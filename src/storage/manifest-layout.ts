import { type ContentId, matchesContentId } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { fixedChunkBytes } from './chunking-profile.ts'
import {
  type ContentManifest,
  chunksPerPage,
  decodeManifestPage,
  type ManifestPage,
  pageChunks,
} from './content-manifest.ts'
import { SHARD_ALIGNMENT_BYTES } from './erasure-code.ts'
import { InvalidManifestError } from './errors.ts'

/** Pages kept decoded; the longest take about half a MiB, so this stays below 8 MiB. */
const PAGES_HELD_MAX = 16

/** Where a chunk stands in its content. */
export interface ChunkPlace {
  index: number
  id: ContentId
  /** First byte of the content (as it was chunked) in this chunk. */
  offset: number
  sizeBytes: number
}

/** The chunks and parity chunks that repair each other. */
export interface StripePlaces {
  index: number
  /** 1 to k chunks; fewer only in the last stripe. */
  data: ChunkPlace[]
  /** m ids. */
  parityIds: ContentId[]
  /** Length of every parity chunk, and to which data chunks are padded with zeros for the code. */
  shardBytes: number
}

/** Reads a page's bytes, from disk or from peers; they are checked here. */
export type PageReader = (id: ContentId, options: { signal?: AbortSignal }) => Promise<Uint8Array>

/** A page with where it begins. */
interface HeldPage extends ManifestPage {
  from: number
  offset: number
  /** Offsets of the chunks within the page; only for cdc. */
  offsets: readonly number[]
}

/**
 * Finds chunks by index, by byte and by stripe. Pages are read when they are needed and forgotten again,
 * so content of any size can be read at any place with little memory.
 */
export class ManifestLayout {
  readonly manifest: ContentManifest
  readonly #readPage: PageReader
  readonly #chunksPerPage: number
  /** Offset of each page's first byte. */
  readonly #pageOffsets: readonly number[]
  readonly #held = new Map<number, Promise<HeldPage>>()

  constructor(manifest: ContentManifest, readPage: PageReader) {
    this.manifest = manifest
    this.#readPage = readPage
    this.#chunksPerPage = chunksPerPage(manifest)
    this.#pageOffsets = offsetsOf(manifest.pages.map(({ sizeBytes }) => sizeBytes))
    if (manifest.body !== undefined) this.#held.set(0, Promise.resolve(holdPage(manifest.body, 0, 0)))
  }

  get chunkCount(): number {
    return this.manifest.chunkCount
  }

  /** 0 without parity. */
  get stripeCount(): number {
    return this.manifest.k === 0 ? 0 : Math.ceil(this.manifest.chunkCount / this.manifest.k)
  }

  /**
   * Where chunk `index` stands.
   * @throws InvalidInputError when there is no such chunk; InvalidManifestError when its page is not valid.
   */
  async chunk(index: number, options: { signal?: AbortSignal } = {}): Promise<ChunkPlace> {
    checkIndex('chunk', index, this.manifest.chunkCount)
    const page = await this.#page(Math.floor(index / this.#chunksPerPage), options)
    return this.#place(page, index)
  }

  /** Chunks `from` to `to` (not included), in order. @default all of them */
  async *chunks(
    from = 0,
    to: number = this.manifest.chunkCount,
    options: { signal?: AbortSignal } = {},
  ): AsyncGenerator<ChunkPlace> {
    for (let index = from; index < to; ) {
      const page = await this.#page(Math.floor(index / this.#chunksPerPage), options)
      const end = Math.min(to, page.from + page.chunkIds.length)
      while (index < end) yield this.#place(page, index++)
    }
  }

  /**
   * The chunks that hold bytes `offset` to `offset + length` of the content, as a run of indexes.
   * @throws InvalidInputError when the range leaves the content.
   */
  async chunksOfRange(
    { offset, length }: { offset: number; length: number },
    options: { signal?: AbortSignal } = {},
  ): Promise<{ from: number; to: number }> {
    const { sizeBytes } = this.manifest
    const isWhole = Number.isSafeInteger(offset) && Number.isSafeInteger(length)
    if (!isWhole || offset < 0 || length < 0 || offset + length > sizeBytes) {
      throw new InvalidInputError({
        what: 'The range',
        reason: `${length} bytes from ${offset} on are not within the content’s ${sizeBytes}`,
      })
    }
    if (length === 0) return { from: 0, to: 0 }
    const from = await this.#indexAt(offset, options)
    return { from, to: (await this.#indexAt(offset + length - 1, options)) + 1 }
  }

  /** Which stripe chunk `index` belongs to; undefined without parity. */
  stripeOf(index: number): number | undefined {
    return this.manifest.k === 0 ? undefined : Math.floor(index / this.manifest.k)
  }

  /**
   * A stripe's chunks and parity. Stripes never cross pages.
   * @throws InvalidInputError when there is no such stripe.
   */
  async stripe(index: number, options: { signal?: AbortSignal } = {}): Promise<StripePlaces> {
    checkIndex('stripe', index, this.stripeCount)
    const { k, m } = this.manifest
    const first = index * k
    const page = await this.#page(Math.floor(first / this.#chunksPerPage), options)
    const data: ChunkPlace[] = []
    for (let chunk = first; chunk < Math.min(first + k, this.manifest.chunkCount); chunk++) {
      data.push(this.#place(page, chunk))
    }
    const parityFrom = (index - page.from / k) * m
    return {
      index,
      data,
      parityIds: page.parityIds.slice(parityFrom, parityFrom + m),
      shardBytes: shardBytesOf(data),
    }
  }

  /** Every id that belongs to the content beside the root: pages, chunks, parity. An id may come more than once. */
  async *ids(options: { signal?: AbortSignal } = {}): AsyncGenerator<ContentId> {
    for (const { id } of this.manifest.pages) yield id
    const pageCount = Math.max(1, this.manifest.pages.length)
    for (let index = 0; index < pageCount; index++) {
      const { chunkIds, parityIds } = await this.#page(index, options)
      yield* chunkIds
      yield* parityIds
    }
  }

  async #indexAt(offset: number, options: { signal?: AbortSignal }): Promise<number> {
    const length = fixedChunkBytes(this.manifest.profile)
    if (length !== undefined) return Math.floor(offset / length)
    const pageIndex = this.manifest.body === undefined ? lastAtMost(this.#pageOffsets, offset) : 0
    const page = await this.#page(pageIndex, options)
    return page.from + lastAtMost(page.offsets, offset - page.offset)
  }

  #place(page: HeldPage, index: number): ChunkPlace {
    const { profile, sizeBytes: contentBytes } = this.manifest
    const within = index - page.from
    const id = page.chunkIds[within] as ContentId
    const length = fixedChunkBytes(profile)
    if (length === undefined) {
      const offset = page.offset + (page.offsets[within] as number)
      return { index, id, offset, sizeBytes: page.chunkSizes[within] as number }
    }
    const offset = index * length
    return { index, id, offset, sizeBytes: Math.min(length, contentBytes - offset) }
  }

  async #page(index: number, options: { signal?: AbortSignal }): Promise<HeldPage> {
    const held = this.#held.get(index)
    if (held !== undefined) {
      // Moved to the end: the least recently used is forgotten first.
      this.#held.delete(index)
      this.#held.set(index, held)
      const page = await held.catch(() => undefined)
      // Another caller's cancelling is not ours.
      if (page !== undefined) return page
    }
    const reading = this.#load(index, options)
    this.#held.set(index, reading)
    const [oldest] = this.#held.keys()
    if (this.#held.size > PAGES_HELD_MAX && oldest !== undefined) this.#held.delete(oldest)
    try {
      return await reading
    } catch (error) {
      // A failure is not remembered: the next caller may have better luck or more time.
      if (this.#held.get(index) === reading) this.#held.delete(index)
      throw error
    }
  }

  async #load(index: number, options: { signal?: AbortSignal }): Promise<HeldPage> {
    const { id } = this.manifest.pages[index] as { id: ContentId }
    const bytes = await this.#readPage(id, options)
    if (!matchesContentId(bytes, id))
      throw new InvalidManifestError({ reason: 'a page of it has other bytes' })
    const page = decodeManifestPage(bytes, this.manifest, index)
    return holdPage(page, pageChunks(this.manifest, index).from, this.#pageOffsets[index] as number)
  }
}

/** The length to which the chunks of a stripe are padded: the longest one's, rounded up for the code. */
export function shardBytesOf(chunks: readonly { sizeBytes: number }[]): number {
  const longest = chunks.reduce((most, { sizeBytes }) => Math.max(most, sizeBytes), 0)
  return Math.ceil(longest / SHARD_ALIGNMENT_BYTES) * SHARD_ALIGNMENT_BYTES
}

function holdPage(page: ManifestPage, from: number, offset: number): HeldPage {
  return { ...page, from, offset, offsets: offsetsOf(page.chunkSizes) }
}

function offsetsOf(sizes: readonly number[]): number[] {
  let sum = 0
  return sizes.map((size) => {
    const offset = sum
    sum += size
    return offset
  })
}

/** Index of the last number that is at most `wanted`; `sorted` ascends and begins with 0. */
function lastAtMost(sorted: readonly number[], wanted: number): number {
  let low = 0
  let high = sorted.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) <= wanted) low = middle
    else high = middle
  }
  return low
}

function checkIndex(what: string, index: number, count: number): void {
  if (Number.isSafeInteger(index) && index >= 0 && index < count) return
  throw new InvalidInputError({
    what: `The ${what} number`,
    reason: `${index} is not from 0 to ${count - 1}`,
  })
}
