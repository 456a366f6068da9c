import { Worker } from 'node:worker_threads'
import type { DiskOutcome, DiskWork } from './disk-work.ts'
import type { DiskAnswer, DiskQuestion } from './disk-worker.ts'

/** A process that asks less often has no use for a thread: one takes as much to start as it spares in so many pieces. */
const STARTED_WORK_MIN = 256
/** As many as Node itself has for calls to the file system: a medium that waits works on several files at once. */
const THREADS_MAX = 4
/** One more thread starts when each has so much to do already (milliseconds); on a medium that never waits, one keeps up. */
const CROWDED_MS = 10
/** How much the last piece says about how long the next one takes. */
const LAST_WEIGHT = 0.1
/** After so many threads have died there are no more: what kills them is not chance. */
const DEATHS_MAX = 3
/** What a thread may take for itself; the bytes lie in shared memory. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 }

/** `lost`: the thread ended before it answered, and how far it came is not known. */
export type ThreadOutcome = DiskOutcome | { kind: 'lost' }

/**
 * Threads that wait for the disk, so that several calls cost this one a single message and never its time. They start
 * when there is much to do, one more only when those there are crowded, and never keep the process alive by themselves.
 * Whoever asks must be able to do it without them.
 */
export class DiskThreads {
  readonly #program: URL
  readonly #threads = new Set<DiskThread>()
  #askedCount = 0
  #deaths = 0
  #isClosed = false

  /** @param options `program` is what a thread runs, of which a test has its own. @default disk-worker.ts */
  constructor(options: { program?: URL } = {}) {
    this.#program = options.program ?? new URL('./disk-worker.ts', import.meta.url)
  }

  /** How many there are. */
  get count(): number {
    return this.#threads.size
  }

  /** Undefined when no thread is there for it. */
  do(work: DiskWork): Promise<ThreadOutcome> | undefined {
    if (this.#isClosed) return undefined
    this.#askedCount++
    let best: DiskThread | undefined
    for (const thread of this.#threads) {
      if (thread.isReady && thread.askedCount < (best?.askedCount ?? Number.POSITIVE_INFINITY)) best = thread
    }
    if (best === undefined || best.waitMs >= CROWDED_MS) this.#startAnother()
    return best?.ask(work)
  }

  /** Ends the threads when they have done what they were asked; from then on there are none. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(Array.from(this.#threads, (thread) => thread.end()))
  }

  #startAnother(): void {
    if (this.#askedCount < STARTED_WORK_MIN || this.#deaths >= DEATHS_MAX) return
    if (this.#threads.size >= THREADS_MAX) return
    for (const thread of this.#threads) if (!thread.isReady) return
    const thread = new DiskThread(this.#program, () => {
      this.#threads.delete(thread)
      if (!this.#isClosed) this.#deaths++
    })
    this.#threads.add(thread)
  }
}

class DiskThread {
  readonly #worker: Worker
  readonly #asked = new Map<number, (outcome: ThreadOutcome) => void>()
  readonly #ended: Promise<void>
  #lastId = 0
  #meanMs = 0
  /** Whether it listens. */
  isReady = false

  /** @param onEnd called before those who wait are told. */
  constructor(program: URL, onEnd: () => void) {
    const worker = new Worker(program, { name: 'disk', resourceLimits: THREAD_LIMITS })
    this.#worker = worker
    worker.unref()
    worker.on('message', (answer: DiskAnswer) => this.#hear(answer))
    // Its end follows, and says all that is needed.
    worker.on('error', () => {})
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        onEnd()
        for (const tell of this.#asked.values()) tell({ kind: 'lost' })
        this.#asked.clear()
        resolve()
      })
    })
  }

  /** How much it was asked and has not answered. */
  get askedCount(): number {
    return this.#asked.size
  }

  /** How long it probably takes for that. */
  get waitMs(): number {
    return this.#asked.size * this.#meanMs
  }

  ask(work: DiskWork): Promise<ThreadOutcome> {
    const id = ++this.#lastId
    if (this.#asked.size === 0) this.#worker.ref()
    return new Promise((resolve) => {
      this.#asked.set(id, resolve)
      this.#worker.postMessage({ id, work } satisfies DiskQuestion)
    })
  }

  async end(): Promise<void> {
    this.#worker.ref()
    this.#worker.postMessage('end' satisfies DiskQuestion)
    await this.#ended
  }

  #hear(answer: DiskAnswer): void {
    if (answer === 'ready') {
      this.isReady = true
      return
    }
    this.#meanMs += (answer.durationMs - this.#meanMs) * LAST_WEIGHT
    const tell = this.#asked.get(answer.id)
    this.#asked.delete(answer.id)
    if (this.#asked.size === 0) this.#worker.unref()
    tell?.(answer.outcome)
  }
}
