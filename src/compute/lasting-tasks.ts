import type { Clock, Timer } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import { type Random, shuffled } from '../core/random.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { isOwnedHere } from './open-task.ts'
import type { TaskId, TaskSpec } from './task.ts'
import { readTask, TASK_KIND } from './task-record.ts'
import type { TaskWorker } from './task-worker.ts'

/** How often the space's lasting tasks are looked through; spread at random, so that not everybody comes at once. */
const LOOK_MS = 15_000
/** Requesters that are here offer their tasks themselves; only then do others come by themselves. */
const OFFERED_MS = 10_000
/** Tasks that are over, or that we just tried, are not asked about again for this long. */
const QUIET_MS = 30_000
const REMEMBERED_MAX = 10_000

/** What looking needs. */
export interface LastingTasksParts {
  records: RecordSets
  worker: TaskWorker
  clock: Clock
  random: Random
  log: Logger
}

/** Comes for tasks that outlive their requester, found in the records of the space. */
export class LastingTasks {
  readonly #parts: LastingTasksParts
  /** When a task is worth asking about again, on the monotonic clock; never for those that are over. */
  readonly #quiet = new Map<TaskId, number>()
  #timer: Timer | undefined
  #isStopped = false

  constructor(parts: LastingTasksParts) {
    this.#parts = parts
  }

  start(): void {
    const { clock, random, log } = this.#parts
    if (this.#isStopped) return
    this.#timer = clock.after(LOOK_MS * (0.5 + random.fraction()), () => {
      this.#lookThrough()
        .catch((error) => log.debug('lasting tasks not looked at', { code: toKizunaError(error).code }))
        .finally(() => this.start())
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.stop()
  }

  async #lookThrough(): Promise<void> {
    const { worker, random, clock, log } = this.#parts
    for (const spec of shuffled(random, this.#openTasks())) {
      if (this.#isStopped || worker.load().free === 0) return
      this.#remember(spec.id, clock.monotonic() + QUIET_MS)
      try {
        const isOpen = await worker.tryLasting(spec)
        if (!isOpen) this.#remember(spec.id, Number.POSITIVE_INFINITY)
      } catch (error) {
        log.debug('lasting task not got', { task: spec.id, code: toKizunaError(error).code })
      }
    }
  }

  #openTasks(): TaskSpec[] {
    const { records, clock } = this.#parts
    const date = clock.now()
    const now = clock.monotonic()
    return records
      .list(TASK_KIND)
      .map(readTask)
      .filter(({ closed, endsAt }) => !closed && endsAt > date)
      .filter((spec) => !isOwnedHere(spec) && spec.createdAt + OFFERED_MS <= date)
      .filter(({ id }) => (this.#quiet.get(id) ?? 0) <= now)
  }

  #remember(id: TaskId, until: number): void {
    this.#quiet.delete(id)
    this.#quiet.set(id, until)
    const [oldest] = this.#quiet.keys()
    if (this.#quiet.size > REMEMBERED_MAX && oldest !== undefined) this.#quiet.delete(oldest)
  }
}
