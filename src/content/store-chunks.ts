import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { ChunkLease } from '../storage/chunk-leases.ts'
import type { ContentTransfer } from './content-transfer.ts'

/** Bytes being fetched and stored at once, … */
const AT_ONCE_BYTES = 16 * 2 ** 20
/** … and chunks: enough for several peers, however long they are; short ones share what makes them durable. */
const AT_ONCE_MIN = 8
const AT_ONCE_MAX = 64
/** Each group is written down by its taker, which syncs the index: so many are worth it, or what came in this time. */
const GROUP_CHUNKS = 8
const GATHER_MS = 100

/**
 * Brings chunks, none longer than `chunkBytesMax`, onto this disk by a transfer and yields them in groups, each
 * durable. The first failure begins no more; what is under way is waited for. Whoever takes no more groups closes the
 * transfer.
 * @throws the first failure, after the last group.
 */
export async function* storeChunks(
  { clock, transfer, lease }: { clock: Clock; transfer: Pick<ContentTransfer, 'store'>; lease: ChunkLease },
  { ids, chunkBytesMax }: { ids: readonly ContentId[]; chunkBytesMax: number },
): AsyncGenerator<ContentId[]> {
  const atOnce = Math.min(Math.max(Math.floor(AT_ONCE_BYTES / chunkBytesMax), AT_ONCE_MIN), AT_ONCE_MAX)
  let stored: ContentId[] = []
  let next = 0
  let running = 0
  let failure: { error: unknown } | undefined
  let isOver = false
  let timer: Timer | undefined
  let enough = Promise.withResolvers<void>()
  const store = async (id: ContentId, order: number) => {
    try {
      await transfer.store(id, { order })
      stored.push(id)
    } catch (error) {
      failure ??= { error }
    }
    running--
    if (isOver) return
    startMore()
    if (running === 0 || stored.length >= GROUP_CHUNKS) enough.resolve()
    else if (stored.length > 0) timer ??= clock.after(GATHER_MS, () => enough.resolve())
  }
  const startMore = () => {
    // A taker that is slow holds up what comes after.
    while (running < atOnce && stored.length < atOnce && failure === undefined) {
      const id = ids[next]
      if (id === undefined) return
      running++
      lease.add(id)
      void store(id, next++)
    }
  }
  try {
    for (;;) {
      startMore()
      if (running > 0 && stored.length < GROUP_CHUNKS) await enough.promise
      timer?.stop()
      timer = undefined
      enough = Promise.withResolvers()
      const group = stored
      stored = []
      if (group.length === 0) break
      yield group
    }
  } finally {
    isOver = true
    timer?.stop()
  }
  if (failure !== undefined) throw failure.error
}
