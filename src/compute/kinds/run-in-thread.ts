import { Worker } from 'node:worker_threads'
import type { Clock } from '../../core/clock.ts'
import { TaskLimitError, TaskWorkError } from '../errors.ts'

/** What JavaScript in a thread may use; WebAssembly memories are limited by the modules themselves. */
const RESOURCES = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 }
const REASON_LENGTH_MAX = 200
/** How often the processor time is looked at. */
const LOOK_MS = 250
/** A thread that does nothing ends, too: after so many times its processor time, and some seconds for its start. */
const WALL_FACTOR = 20
const WALL_MS = 30_000

/** What a thread answers, once. */
export type ThreadAnswer = { ok: true; result: unknown } | { ok: false; reason: string }

/** A thread that does one thing and ends. */
export interface ThreadWork {
  /** The kind of task, for errors. */
  kind: string
  /** The program, such as `new URL('./wasm-thread.ts', import.meta.url)`. */
  program: URL
  data: unknown
  /** Processor time: a busy machine takes longer, and is not at fault. */
  cpuMsMax: number
  signal: AbortSignal
  /** Feeds the thread, piece by piece, no faster than it takes them. */
  pieces?: AsyncIterable<Uint8Array>
}

/**
 * Runs a program in a thread of its own with limits of memory and time, without environment, and ends the thread
 * whatever happens. The event loop of the node does nothing but wait.
 * @throws TaskWorkError with what the program says, TaskLimitError, the signal's reason.
 */
export async function runInThread(clock: Clock, work: ThreadWork): Promise<unknown> {
  const { kind, signal } = work
  signal.throwIfAborted()
  const thread = new Worker(work.program, {
    workerData: work.data,
    resourceLimits: RESOURCES,
    env: {},
    argv: [],
    stdin: false,
    // What codecs print is nobody's business.
    stdout: true,
    stderr: true,
  })
  thread.stdout.resume()
  thread.stderr.resume()
  const ended = new AbortController()
  try {
    return await new Promise<unknown>((resolve, reject) => {
      const tooLong = () => reject(new TaskLimitError({ kind, limit: 'time' }))
      const timer = clock.after(work.cpuMsMax * WALL_FACTOR + WALL_MS, tooLong)
      watchTime(clock, thread, { cpuMsMax: work.cpuMsMax, ended: ended.signal }).then(
        tooLong,
        () => undefined,
      )
      const stop = () => reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true, signal: ended.signal })
      ended.signal.addEventListener('abort', () => timer.stop(), { once: true })
      thread.on('message', (answer: ThreadAnswer | 'more') => {
        if (answer === 'more') return
        if (answer.ok) resolve(answer.result)
        else reject(new TaskWorkError({ kind, reason: answer.reason.slice(0, REASON_LENGTH_MAX) }))
      })
      thread.on('error', (error: Error & { code?: string }) => {
        const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        reject(
          isMemory
            ? new TaskLimitError({ kind, limit: 'memory' })
            : new TaskWorkError({ kind, reason: 'its program broke', cause: error }),
        )
      })
      thread.on('exit', () =>
        reject(new TaskWorkError({ kind, reason: 'its program ended without a result' })),
      )
      if (work.pieces !== undefined) feed(thread, work.pieces, ended.signal).catch(reject)
    })
  } finally {
    ended.abort()
    await thread.terminate()
  }
}

/** Resolves when a thread has used up its time; rejects when it has ended before. */
async function watchTime(
  clock: Clock,
  thread: Worker,
  { cpuMsMax, ended }: { cpuMsMax: number; ended: AbortSignal },
): Promise<void> {
  for (let usedMs = 0; usedMs <= cpuMsMax; ) {
    await clock.sleep(LOOK_MS, ended)
    // A thread that has not started yet does not say.
    const used = await thread.cpuUsage().catch(() => undefined)
    if (used !== undefined) usedMs = (used.user + used.system) / 1_000
  }
}

async function feed(thread: Worker, pieces: AsyncIterable<Uint8Array>, ended: AbortSignal): Promise<void> {
  for await (const piece of pieces) {
    if (ended.aborted) return
    const taken = new Promise<void>((resolve) => {
      const listen = (message: unknown) => {
        if (message === 'more') done()
      }
      const done = () => {
        thread.off('message', listen)
        resolve()
      }
      thread.on('message', listen)
      ended.addEventListener('abort', done, { once: true })
    })
    // A copy: the bytes are good only until the next piece is asked for.
    const copy = Uint8Array.from(piece)
    thread.postMessage({ piece: copy }, [copy.buffer])
    await taken
  }
  if (!ended.aborted) thread.postMessage({ end: true })
}
