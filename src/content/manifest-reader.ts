import type { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ContentTransfer, TransferOptions } from './content-transfer.ts'
import { type ObjectManifest, readObjectManifest } from './object-manifest.ts'

/** Manifests kept read; they never change. */
const HELD_MAX = 32
/** Chunk ids of all manifests kept read, so that a few huge ones do not fill the memory: about 130 bytes each. */
const HELD_IDS_MAX = 200_000

export type OpenTransfer = (options: Omit<TransferOptions, 'peersMax'>) => ContentTransfer

/** A manifest and who gave it, best first: those are asked first for its chunks. */
export interface LoadedManifest {
  manifest: ObjectManifest
  sources: readonly PeerId[]
}

/** Reads manifests from this disk or from peers, and remembers those read last. */
export class ManifestReader {
  readonly #parts: { buffers: BufferPool; openTransfer: OpenTransfer }
  readonly #held = new Map<ContentId, ObjectManifest>()

  constructor(parts: { buffers: BufferPool; openTransfer: OpenTransfer }) {
    this.#parts = parts
  }

  /**
   * A peer that sends wrong bytes is left and the next one asked.
   * @throws ContentNotFoundError, ContentUnreachableError, ContentRefusedError, ContentCorruptError
   */
  async load(root: ContentId, options: { signal?: AbortSignal; timeoutMs: number }): Promise<LoadedManifest> {
    const held = this.#held.get(root)
    if (held !== undefined) {
      this.#held.delete(root)
      this.#held.set(root, held)
      return { manifest: held, sources: [] }
    }
    const sources = new Set<PeerId>()
    const fetchChunk = async (id: ContentId, foundBefore: boolean) => {
      const transfer = this.#parts.openTransfer({
        ...options,
        root,
        catalogue: [id],
        foundBefore,
        hints: [...sources],
      })
      try {
        const bytes = await transfer.get(id, { order: 0 })
        for (const peer of transfer.sources) sources.add(peer)
        await transfer.flush()
        // A page may be read long after it came: what is lent goes back at once.
        const own = bytes.slice()
        this.#parts.buffers.release(bytes)
        return own
      } finally {
        transfer.close()
      }
    }
    const bytes = await fetchChunk(root, false)
    const manifest = await readObjectManifest(root, bytes, (id) => fetchChunk(id, true), options)
    this.#hold(root, manifest)
    return { manifest, sources: [...sources] }
  }

  #hold(root: ContentId, manifest: ObjectManifest): void {
    if (manifest.catalogue.length > HELD_IDS_MAX) return
    this.#held.set(root, manifest)
    const ids = () => [...this.#held.values()].reduce((sum, { catalogue }) => sum + catalogue.length, 0)
    while (this.#held.size > HELD_MAX || ids() > HELD_IDS_MAX) {
      const [oldest] = this.#held.keys()
      if (oldest === undefined) return
      this.#held.delete(oldest)
    }
  }
}
