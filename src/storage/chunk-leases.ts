import type { ContentId } from '../core/content-id.ts'

/** Keeps chunks from being collected while somebody works with them. Release it in the end, always. */
export interface ChunkLease extends Disposable {
  /** Call before the chunk is stored or relied on; then pin, then release. */
  add(id: ContentId): void
  /** May be called again. */
  release(): void
}

/**
 * Chunks in use by this process: being published, fetched, repaired. They are not collected, pinned or not.
 * A lease dies with the process; what it protected is then garbage like any other, after the grace.
 */
export class ChunkLeases {
  readonly #holders = new Map<ContentId, number>()

  /** A new lease, empty at first. */
  hold(ids: Iterable<ContentId> = []): ChunkLease {
    const held = new Set<ContentId>()
    const lease: ChunkLease = {
      add: (id) => {
        if (held.has(id)) return
        held.add(id)
        this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1)
      },
      release: () => {
        for (const id of held) {
          const left = (this.#holders.get(id) as number) - 1
          if (left > 0) this.#holders.set(id, left)
          else this.#holders.delete(id)
        }
        held.clear()
      },
      [Symbol.dispose]: () => lease.release(),
    }
    for (const id of ids) lease.add(id)
    return lease
  }

  /** Whether anyone holds the chunk. */
  has(id: ContentId): boolean {
    return this.#holders.has(id)
  }

  /** How many chunks are held. */
  get size(): number {
    return this.#holders.size
  }
}
