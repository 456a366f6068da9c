import type { ContentId } from '../core/content-id.ts'
import { LimitExceededError } from '../core/errors.ts'
import { type Chunk, chunkOf } from './chunk.ts'
import type { ChunkingProfile } from './chunking-profile.ts'
import {
  type ContentManifest,
  chunksPerPage,
  type EncryptionHeader,
  encodeManifest,
  encodeManifestPage,
  type ManifestPage,
  PAGES_MAX,
} from './content-manifest.ts'

/** What is known before the first chunk. */
export interface ManifestOptions {
  profile: ChunkingProfile
  /** @default 'file' */
  kind?: 'file' | 'folder'
  /** Chunks and parity chunks per stripe; both or neither. */
  k?: number
  m?: number
  encryption?: EncryptionHeader | undefined
}

/** A manifest with the chunks that are its bytes; all of them must be stored. */
export interface BuiltManifest {
  manifest: ContentManifest
  /** The root; its id is the content's. */
  chunk: Chunk
  /** Pages not yet taken. */
  pages: Chunk[]
}

/**
 * Makes a manifest while the content goes by; holds one page. Feed it each chunk in order and, after a stripe's
 * chunks, their parity; store the pages as they come.
 */
export class ManifestBuilder {
  readonly #options: Required<Omit<ManifestOptions, 'encryption'>> & Pick<ManifestOptions, 'encryption'>
  readonly #chunksPerPage: number
  readonly #pagesMax: number
  #chunkIds: ContentId[] = []
  #parityIds: ContentId[] = []
  #chunkSizes: number[] = []
  #pageBytes = 0
  #chunkCount = 0
  #sizeBytes = 0
  #pages: { id: ContentId; sizeBytes: number }[] = []
  #untaken: Chunk[] = []

  /** @param limits `pagesMax` lowers the number of pages. @default PAGES_MAX */
  constructor(options: ManifestOptions, limits: { pagesMax?: number } = {}) {
    this.#pagesMax = limits.pagesMax ?? PAGES_MAX
    this.#options = { kind: 'file', k: 0, m: 0, ...options }
    this.#chunksPerPage = chunksPerPage(this.#options)
  }

  /** @throws LimitExceededError when the content needs more pages than a manifest can have. */
  addChunk(id: ContentId, sizeBytes: number): void {
    if (this.#chunkIds.length === this.#chunksPerPage) this.#sealPage()
    this.#chunkIds.push(id)
    if (this.#options.profile === 'cdc') this.#chunkSizes.push(sizeBytes)
    this.#pageBytes += sizeBytes
    this.#sizeBytes += sizeBytes
    this.#chunkCount++
  }

  /** The parity of the stripe that just ended; `m` ids. */
  addParity(ids: readonly ContentId[]): void {
    this.#parityIds.push(...ids)
  }

  /** Pages that are complete since the last call. */
  takePages(): Chunk[] {
    const pages = this.#untaken
    this.#untaken = []
    return pages
  }

  /** @param sha256 of the whole content as it was chunked. */
  finish({ sha256 }: { sha256: Uint8Array }): BuiltManifest {
    const { profile, kind, k, m, encryption } = this.#options
    const isPaged = this.#pages.length > 0
    if (isPaged) this.#sealPage()
    const manifest: ContentManifest = {
      kind,
      profile,
      sha256: Uint8Array.from(sha256),
      sizeBytes: this.#sizeBytes,
      chunkCount: this.#chunkCount,
      k,
      m,
      encryption,
      body: isPaged ? undefined : this.#page(),
      pages: this.#pages,
    }
    return { manifest, chunk: chunkOf(encodeManifest(manifest)), pages: this.takePages() }
  }

  #sealPage(): void {
    if (this.#pages.length >= this.#pagesMax) {
      throw new LimitExceededError({ what: 'The number of manifest pages', limit: this.#pagesMax })
    }
    const chunk = chunkOf(encodeManifestPage(this.#page()))
    this.#untaken.push(chunk)
    this.#pages.push({ id: chunk.id, sizeBytes: this.#pageBytes })
    this.#chunkIds = []
    this.#parityIds = []
    this.#chunkSizes = []
    this.#pageBytes = 0
  }

  #page(): ManifestPage {
    return { chunkIds: this.#chunkIds, parityIds: this.#parityIds, chunkSizes: this.#chunkSizes }
  }
}
