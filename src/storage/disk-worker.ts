import { parentPort } from 'node:worker_threads'
import { SystemClock } from '../core/clock.ts'
import { type DiskOutcome, type DiskWork, doDiskWork } from './disk-work.ts'

/** What the thread is asked, one after the other; `end` ends it after all that was asked before. */
export type DiskQuestion = { id: number; work: DiskWork } | 'end'

/** What it says: that it listens, and how each piece of work went. */
export type DiskAnswer = { id: number; outcome: DiskOutcome; durationMs: number } | 'ready'

const port = parentPort as NonNullable<typeof parentPort>
const clock = new SystemClock()

port.on('message', (question: DiskQuestion) => {
  if (question === 'end') {
    port.close()
    return
  }
  const startedAt = clock.monotonic()
  const outcome = doDiskWork(question.work)
  const durationMs = clock.monotonic() - startedAt
  port.postMessage({ id: question.id, outcome, durationMs } satisfies DiskAnswer)
})
port.postMessage('ready' satisfies DiskAnswer)
