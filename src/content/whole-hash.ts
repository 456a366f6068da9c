import type { Digester, DigestStream } from '../core/digester.ts'
import type { ChunkMemory } from '../storage/chunk-memory.ts'

/** The hash of everything that goes by; uses each chunk until it is in. */
export class WholeHash {
  readonly #stream: DigestStream
  readonly #memory: ChunkMemory
  #last: Promise<void> = Promise.resolve()

  /** @param sizeBytes how many will come, when known. */
  constructor(
    { digester, memory }: { digester: Digester; memory: ChunkMemory },
    sizeBytes: number | undefined,
  ) {
    this.#stream = digester.stream(sizeBytes)
    this.#memory = memory
  }

  /** Resolves when the next may come: one waits while one is hashed. */
  async add(bytes: Uint8Array): Promise<void> {
    const before = this.#last
    this.#memory.share(bytes)
    this.#last = this.#stream.update(bytes).finally(() => this.#memory.release(bytes))
    this.#last.catch(() => {})
    await before
  }

  /** The digest, when everything is in. */
  async digest(): Promise<Uint8Array> {
    await this.#last
    return this.#stream.digest()
  }

  /** Gives it up; may be called again. */
  end(): void {
    this.#stream.end()
  }
}
