import type { Clock } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Node } from './create-node.ts'
import type { Services } from './services.ts'

/**
 * All parts together have this long to stop: of the 5 s that are promised, the HTTP API may have taken 2 before,
 * and the index still has to be closed.
 */
const STOP_MS = 2_500
/** Even when the time is used up, a part gets this much. */
const PART_STOP_MS_MIN = 50

/** What a node's life is made of. */
export interface LifeSteps {
  start: () => Promise<void>
  /** In order; each is waited for, within limits. */
  stop: readonly (() => unknown)[]
  /** Notes that everything was saved; left out when a part failed to stop. */
  markClean: () => Promise<void>
  /** Closes the index and lets go of the data folder, always. */
  letGo: () => Promise<void>
}

/** Starting, stopping and waiting, each safe to call at any moment. */
export function lifeOf(services: Services, steps: LifeSteps): Node {
  const { clock, log, community, network } = services
  let stopping: Promise<void> | undefined
  const stop = async () => {
    const end = clock.monotonic() + STOP_MS
    let isClean = true
    for (const step of steps.stop) {
      const leftMs = Math.max(end - clock.monotonic(), PART_STOP_MS_MIN)
      try {
        isClean = (await within(clock, leftMs, step())) && isClean
      } catch (error) {
        isClean = false
        log.warn('a part did not stop as it should', { code: toKizunaError(error).code, cause: error })
      }
    }
    try {
      if (isClean) await steps.markClean()
    } finally {
      await steps.letGo()
    }
  }
  return {
    services,
    start: steps.start,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
    async waitForPeers(timeoutMs, signal) {
      const others = () => community.members().map(({ peer }) => peer)
      const isReady = () => others().length === 0 || others().some((peer) => network.isConnected(peer))
      if (isReady()) return
      const deadline = clock.deadline(timeoutMs, signal)
      await new Promise<void>((resolve) => {
        const silence = network.onPeer(() => {
          if (isReady()) end()
        })
        const end = () => {
          silence()
          resolve()
        }
        deadline.addEventListener('abort', end, { once: true })
      })
      signal?.throwIfAborted()
    },
  }
}

/** Whether `work` ended in time. */
async function within(clock: Clock, timeoutMs: number, work: unknown): Promise<boolean> {
  const control = new AbortController()
  const limit = clock.sleep(timeoutMs, control.signal).then(
    () => false,
    () => false,
  )
  const inTime = await Promise.race([Promise.resolve(work).then(() => true), limit])
  control.abort()
  return inTime
}
