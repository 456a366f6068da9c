import { setImmediate } from 'node:timers/promises'
import type { DiskThread } from './disk-thread.ts'

/** More than it ever takes to start. */
const WAIT_MS_MAX = 20_000

/** Asks for little things until the thread listens. @throws Error when it does not. */
export async function threadListens(thread: DiskThread): Promise<void> {
  for (const until = performance.now() + WAIT_MS_MAX; performance.now() < until; ) {
    const outcome = thread.do({ kind: 'sync-folders', paths: [] })
    if (outcome !== undefined) {
      await outcome
      return
    }
    await setImmediate()
  }
  throw new Error('the thread does not listen')
}
