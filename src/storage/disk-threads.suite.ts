import { setImmediate } from 'node:timers/promises'
import type { DiskThreads } from './disk-threads.ts'

/** More than a thread ever takes to start. */
const WAIT_MS_MAX = 20_000

/** Asks for little things until a thread listens. @throws Error when none does. */
export async function threadListens(threads: DiskThreads): Promise<void> {
  for (const until = performance.now() + WAIT_MS_MAX; performance.now() < until; ) {
    const outcome = threads.do({ kind: 'sync-folders', paths: [] })
    if (outcome !== undefined) {
      await outcome
      return
    }
    await setImmediate()
  }
  throw new Error('no thread listens')
}
