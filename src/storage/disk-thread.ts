import { Worker } from 'node:worker_threads'
import type { DiskOutcome, DiskWork } from './disk-work.ts'
import type { DiskAnswer, DiskQuestion } from './disk-worker.ts'

/** A process that asks less often has no use for a thread: it takes as much to start as it spares in so many pieces. */
const STARTED_WORK_MIN = 512
/**
 * What would wait longer than this for its turn (milliseconds) is not for the thread: a medium that makes it wait
 * does several pieces at once, in Node's own pool.
 */
const WAIT_MS_MAX = 5
/** Asked and not answered, however fast it is. */
const ASKED_MAX = 64
/** How much the last piece says about how long the next one takes. */
const LAST_WEIGHT = 0.1
/** After so many deaths it is not started again: what kills it is not chance. */
const DEATHS_MAX = 3
/** What it may take for itself; the bytes lie in shared memory. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 }

/** `lost`: the thread ended before it answered, and how far it came is not known. */
export type ThreadOutcome = DiskOutcome | { kind: 'lost' }

/** Someone who waits for his piece of work. */
type Tell = (outcome: ThreadOutcome) => void

/**
 * A thread that waits for the disk, so that several calls cost this one a single message and never its time. It starts
 * when there is much to do, takes only what it can do soon, and never keeps the process alive by itself.
 * Whoever asks must be able to do it without.
 */
export class DiskThread {
  readonly #program: URL
  readonly #asked = new Map<number, Tell>()
  #worker: Worker | undefined
  #ended: Promise<void> | undefined
  #isListening = false
  #isClosed = false
  #wanted = 0
  #lastId = 0
  #meanMs = 0
  #deaths = 0

  /** @param options `program` is what it runs, of which a test has its own. @default disk-worker.ts */
  constructor(options: { program?: URL } = {}) {
    this.#program = options.program ?? new URL('./disk-worker.ts', import.meta.url)
  }

  /** Whether there is one now. */
  get isStarted(): boolean {
    return this.#worker !== undefined
  }

  /** Undefined when the thread is not there for it. */
  do(work: DiskWork): Promise<ThreadOutcome> | undefined {
    const worker = this.#worker ?? this.#start()
    if (worker === undefined || !this.#isListening || this.#isClosed) return undefined
    if (this.#asked.size >= ASKED_MAX || this.#asked.size * this.#meanMs >= WAIT_MS_MAX) return undefined
    if (this.#asked.size === 0) worker.ref()
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#asked.set(id, resolve)
      worker.postMessage({ id, work } satisfies DiskQuestion)
    })
  }

  /** Ends it when it has done what it was asked; from then on there is none. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#worker?.ref()
    this.#worker?.postMessage('end' satisfies DiskQuestion)
    await this.#ended
  }

  #start(): Worker | undefined {
    this.#wanted++
    if (this.#wanted < STARTED_WORK_MIN || this.#deaths >= DEATHS_MAX || this.#isClosed) return undefined
    const worker = new Worker(this.#program, { name: 'disk', resourceLimits: THREAD_LIMITS })
    this.#worker = worker
    worker.unref()
    worker.on('message', (answer: DiskAnswer) => this.#hear(answer, worker))
    // Its end follows, and says all that is needed.
    worker.on('error', () => {})
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#noteEnd()
        resolve()
      })
    })
    return worker
  }

  #hear(answer: DiskAnswer, worker: Worker): void {
    if (answer === 'ready') {
      this.#isListening = true
      return
    }
    this.#meanMs += (answer.durationMs - this.#meanMs) * LAST_WEIGHT
    const tell = this.#asked.get(answer.id)
    this.#asked.delete(answer.id)
    if (this.#asked.size === 0) worker.unref()
    tell?.(answer.outcome)
  }

  #noteEnd(): void {
    this.#worker = undefined
    this.#isListening = false
    this.#deaths++
    for (const tell of this.#asked.values()) tell({ kind: 'lost' })
    this.#asked.clear()
  }
}
