import type { Clock } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { NodeStorage } from './open-storage.ts'

/** Under whose name content pins what it keeps for other members, and what its owner wants here. */
const OTHERS = 'space'
const OURS = 'self'
/** The sum is made anew when asked after this long, if anything was stored or deleted meanwhile. */
const STALE_MS = 2_000
/** Room on the disk that is never offered: logs, the index and the system need some. */
const RESERVE_BYTES = 1024 ** 3
/** Chunks looked up before other work gets its turn. */
const SLICE_CHUNKS = 512

/** How much is stored for other members, and how much more this node offers. */
export class StorageForOthers {
  readonly #parts: { storage: NodeStorage; clock: Clock; log: Logger }
  readonly #bytesMax: number
  #storedBytes = 0
  #freeBytes = 0
  #measuredAt = Number.NEGATIVE_INFINITY
  #usageBefore = ''
  #running: Promise<void> | undefined

  constructor(parts: { storage: NodeStorage; clock: Clock; log: Logger }, options: { bytesMax: number }) {
    this.#parts = parts
    this.#bytesMax = options.bytesMax
  }

  /** Bytes of chunks that are here for others only; a moment old. */
  get storedBytes(): number {
    this.#lookAgain()
    return this.#storedBytes
  }

  /** Bytes that others may still store here; a moment old. */
  get offeredBytes(): number {
    this.#lookAgain()
    return Math.max(Math.min(this.#bytesMax - this.#storedBytes, this.#freeBytes - RESERVE_BYTES), 0)
  }

  /** Measures now. */
  async measure(): Promise<void> {
    this.#running ??= this.#measure().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  #lookAgain(): void {
    if (this.#parts.clock.monotonic() - this.#measuredAt < STALE_MS || this.#running !== undefined) return
    this.measure().catch((error) =>
      this.#parts.log.warn('stored bytes unknown', { code: toKizunaError(error).code }),
    )
  }

  async #measure(): Promise<void> {
    const { storage, clock } = this.#parts
    this.#measuredAt = clock.monotonic()
    this.#freeBytes = await storage.freeBytes()
    if (this.#bytesMax === 0) return
    const usage = await storage.chunks.usage()
    const now = `${usage.chunks} ${usage.sizeBytes}`
    if (now === this.#usageBefore) return
    const ours = new Set(storage.pins.list({ owner: OURS }).map(({ root }) => root))
    const counted = new Set<string>()
    let bytes = 0
    for (const { root } of storage.pins.list({ owner: OTHERS })) {
      if (ours.has(root)) continue
      for (const id of storage.pins.chunkIdsOf({ root, owner: OTHERS })) {
        if (counted.has(id)) continue
        counted.add(id)
        bytes += (await storage.chunks.sizeOf(id)) ?? 0
        if (counted.size % SLICE_CHUNKS === 0) await clock.sleep(0)
      }
    }
    this.#storedBytes = bytes
    this.#usageBefore = now
  }
}
