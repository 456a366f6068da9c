import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import { dateNow } from '../records/record-codec.ts'
import { judgeResults } from './judge-results.ts'
import { type LeaseBook, type LeaseName, POISON_WORKERS } from './lease-book.ts'
import { isOwnedHere, newPart, type OpenTask, openTask, type Part, percentOf, stateOf } from './open-task.ts'
import type { OwnTasks } from './own-tasks.ts'
import type { TaskEvent, TaskFacts, TaskId, TaskKind, TaskOutcome, TaskSpec, TaskState } from './task.ts'
import { decodeOutcome } from './task-record.ts'
import type { PulledTask } from './tasks-protocol.ts'

/** A part is given out at most this often. */
export const ATTEMPTS_MAX = 6
/** Waits between attempts double from one to the other and are spread at random. */
const RETRY_MS = 1_000
const RETRY_MS_MAX = 60_000
/** A task with electors of its own that was told to a worker is told to the next one after this. */
const TOLD_AGAIN_MS = 3_000

/** What a board is made of. */
export interface TaskBoardParts {
  store: OwnTasks
  book: LeaseBook
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  /** Work waits for workers. */
  onWaiting: () => void
  onEvent: (event: TaskEvent) => void
  /** One elector of a watched task has its result. */
  onVoice: (spec: TaskSpec) => void
  /** A worker's result was not that of the others. */
  onLiar: (worker: PeerId) => void
  /** Workers other than these that would take such a task, as they said last. */
  otherWorkers: (kind: TaskKind, than: ReadonlySet<PeerId>) => number
}

/**
 * The open tasks of this node: who does which part, what came of it, and what happens next. For tasks with this node
 * as their one elector it also gives them out; those with several electors it watches.
 */
export class TaskBoard {
  readonly #parts: TaskBoardParts
  readonly #open = new Map<TaskId, OpenTask>()

  constructor(parts: TaskBoardParts) {
    this.#parts = parts
  }

  /** Goes on with what is on the disk. */
  load(): void {
    const { store, book } = this.#parts
    for (const { spec, parts } of store.open()) {
      const task = openTask(spec, parts)
      for (const part of task.parts) {
        const view = book.view(spec.id, part.index)
        if (view === undefined || !isOwnedHere(spec)) continue
        for (const worker of view.failedBy) task.failedBy.add(worker)
        part.attempts = view.epoch
        if (view.outcome !== undefined) {
          part.state = 'committed'
          part.outcome = decodeOutcome(view.outcome)
        } else if (view.holder !== undefined) part.state = view.isRunning ? 'running' : 'leased'
        part.worker = view.holder
      }
      this.#open.set(spec.id, task)
    }
    for (const task of [...this.#open.values()]) this.#judge(task)
    if (this.waiting() > 0) this.#parts.onWaiting()
  }

  add(spec: TaskSpec, asked: { requestedBy: string; requestedIn?: string }): void {
    this.#parts.store.add(spec, asked)
    const task = openTask(spec, spec.redundancy)
    this.#open.set(spec.id, task)
    this.#note(task, { state: 'queued', part: 0, worker: undefined, percent: 0, note: 'asked for' })
    this.#parts.onWaiting()
  }

  get size(): number {
    return this.#open.size
  }

  /** Parts that a worker would get if it came now. */
  waiting(): number {
    const now = this.#parts.clock.monotonic()
    let count = 0
    for (const { parts } of this.#open.values())
      for (const part of parts) if (part.state === 'queued' && part.notBefore <= now) count++
    return count
  }

  /** Parts that somebody works on. */
  running(): number {
    let count = 0
    for (const { parts } of this.#open.values())
      for (const { state } of parts) if (state === 'running' || state === 'leased') count++
    return count
  }

  /** Open tasks whose leases several electors grant. */
  withElectors(): TaskSpec[] {
    return [...this.#open.values()].filter(({ spec }) => !isOwnedHere(spec)).map(({ spec }) => spec)
  }

  /** The next part for a worker that came for one, under a lease. */
  pull(worker: PeerId, kinds: readonly TaskKind[]): PulledTask | undefined {
    const { clock, book } = this.#parts
    const now = clock.monotonic()
    for (const task of this.#open.values()) {
      const { spec } = task
      if (!kinds.includes(spec.kind) || !this.#isFit(worker, task)) continue
      const part = task.parts.find(({ state, notBefore }) => state === 'queued' && notBefore <= now)
      if (part === undefined) continue
      if (!isOwnedHere(spec)) {
        part.notBefore = now + TOLD_AGAIN_MS
        return { record: spec.record.bytes, part: part.index, epoch: 0 }
      }
      const epoch = (book.view(spec.id, part.index)?.epoch ?? 0) + 1
      const name = { task: spec.id, part: part.index, epoch, claim: 0, worker }
      const answer = book.claim(name, { ...spec, expiresAt: spec.endsAt })
      if (!answer.ok) continue
      part.state = 'leased'
      part.worker = worker
      part.attempts++
      this.#note(task, { state: 'leased', part: part.index, worker, percent: 0, note: '' })
      return { record: spec.record.bytes, part: part.index, epoch }
    }
    return undefined
  }

  /** A worker said how far it is; the book has taken it. */
  renewed(name: LeaseName, percent: number, note: string): void {
    const { task, part } = this.#find(name) ?? {}
    if (task === undefined || part === undefined || part.state === 'committed') return
    const isNew = part.state !== 'running' || part.percent !== percent || part.worker !== name.worker
    part.state = 'running'
    part.worker = name.worker
    part.percent = percent
    if (isNew) this.#note(task, { state: 'running', part: part.index, worker: name.worker, percent, note })
  }

  /** A worker gave its part back; the book has taken it. */
  released(name: LeaseName, failed: boolean, reason: string): void {
    const { task, part } = this.#find(name) ?? {}
    if (task === undefined || part === undefined || part.state === 'committed') return
    if (!isOwnedHere(task.spec)) return
    if (failed) this.#attemptFailed(task, part, name.worker, reason)
    else this.#requeue(task, part, `given back: ${reason}`, 0)
  }

  /** The result of a part stands: the book, or a majority of the electors, has taken it. */
  committed(outcome: TaskOutcome): void {
    const { task, part } = this.#find(outcome) ?? {}
    if (task === undefined || part === undefined || part.state === 'committed') return
    part.state = 'committed'
    part.worker = outcome.worker
    part.outcome = outcome
    const { worker } = outcome
    this.#note(task, { state: 'committed', part: part.index, worker, percent: 100, note: '' })
    this.#judge(task)
  }

  /** An elector's book on this node has taken a result: for our own tasks that is enough, for others it is one voice. */
  taken(outcome: TaskOutcome): void {
    const task = this.#open.get(outcome.task)
    if (task === undefined) return
    if (isOwnedHere(task.spec)) this.committed(outcome)
    else this.#parts.onVoice(task.spec)
  }

  /** What the electors of a watched task say: nobody works on it, or it ended. */
  watched(id: TaskId, said: 'idle' | { state: TaskState; note: string }): void {
    const task = this.#open.get(id)
    const part = task?.parts[0]
    if (task === undefined || part === undefined) return
    if (said !== 'idle') this.#end(task, said.state, said.note)
    else if (part.state !== 'queued') this.#requeue(task, part, 'nothing more was heard of its worker', 0)
  }

  /** False when it is not open. */
  cancel(id: TaskId, state: 'cancelled' | 'expired' = 'cancelled'): boolean {
    const task = this.#open.get(id)
    if (task === undefined) return false
    this.#end(task, state, state === 'cancelled' ? 'by who asked for it' : 'nobody finished it in time')
    return true
  }

  /** Time went by: leases end, and tasks too. */
  tick(): void {
    const { book, clock } = this.#parts
    const date = dateNow(clock)
    for (const task of [...this.#open.values()]) {
      const { spec } = task
      if (!isOwnedHere(spec)) continue
      if (date >= spec.endsAt) {
        this.cancel(spec.id, 'expired')
        continue
      }
      for (const part of task.parts) {
        if (part.state !== 'leased' && part.state !== 'running') continue
        const view = book.view(spec.id, part.index)
        if (view === undefined || view.isHeld || (spec.once && view.isBegun)) continue
        book.expire(spec.id, part.index)
        const worker = part.worker as PeerId
        if (view.isRunning) this.#attemptFailed(task, part, worker, 'nothing more was heard of its worker')
        else this.#requeue(task, part, 'its worker never began', 0)
      }
    }
    if (this.waiting() > 0) this.#parts.onWaiting()
  }

  /** Not twice by one worker, and not by one that failed while there is another. */
  #isFit(worker: PeerId, task: OpenTask): boolean {
    if (task.parts.some((part) => part.worker === worker && part.state !== 'queued')) return false
    return !task.failedBy.has(worker) || this.#parts.otherWorkers(task.spec.kind, task.failedBy) === 0
  }

  #attemptFailed(task: OpenTask, part: Part, worker: PeerId, reason: string): void {
    task.failedBy.add(worker)
    const isPoison = task.failedBy.size >= POISON_WORKERS
    if (isPoison || part.attempts >= ATTEMPTS_MAX) {
      const why = isPoison ? `${task.failedBy.size} workers failed` : `it was tried ${part.attempts} times`
      this.#end(task, 'failed', `${why}; the last: ${reason}`, worker)
      return
    }
    const wholeMs = Math.min(RETRY_MS * 2 ** (part.attempts - 1), RETRY_MS_MAX)
    this.#requeue(task, part, reason, wholeMs / 2 + (this.#parts.random.fraction() * wholeMs) / 2, worker)
  }

  #requeue(task: OpenTask, part: Part, note: string, delayMs: number, worker = part.worker): void {
    part.state = 'queued'
    part.worker = undefined
    part.percent = 0
    part.notBefore = this.#parts.clock.monotonic() + delayMs
    this.#note(task, { state: 'queued', part: part.index, worker, percent: 0, note })
    this.#parts.clock.after(delayMs, () => this.#parts.onWaiting())
  }

  #judge(task: OpenTask): void {
    const { spec } = task
    const outcomes = task.parts.flatMap(({ outcome }) => outcome ?? [])
    const broken = outcomes.find(({ outcome }) => outcome === 'failed')
    if (broken !== undefined) {
      this.#end(task, 'failed', String(broken.result.reason ?? 'its worker failed'), broken.worker)
      return
    }
    const judged = judgeResults(outcomes, spec.redundancy, task.parts.length)
    if (judged.verdict === 'verified') {
      for (const liar of judged.liars) this.#parts.onLiar(liar)
      const note = spec.redundancy > 1 ? `${judged.agreeing} workers made the same` : ''
      this.#end(task, 'verified', note, undefined, judged)
    } else if (judged.verdict === 'rejected') this.#end(task, 'rejected', 'the workers made different things')
    else if (judged.verdict === 'ask another') {
      task.parts.push(newPart(task.parts.length))
      this.#parts.store.addPart(spec.id, task.parts.length)
      const part = task.parts.length - 1
      this.#note(task, { state: 'queued', part, worker: undefined, percent: 0, note: 'the results differ' })
      this.#parts.onWaiting()
    }
  }

  #end(
    task: OpenTask,
    state: TaskState,
    note: string,
    worker?: PeerId,
    good?: { result: TaskFacts; agreeing: number },
  ): void {
    const { store, book, clock, metrics } = this.#parts
    const { id, kind } = task.spec
    this.#open.delete(id)
    task.state = state
    const percent = state === 'verified' ? 100 : Math.max(...task.parts.map((part) => part.percent))
    const last = worker ?? task.parts.find(({ outcome }) => outcome !== undefined)?.worker
    const { result, agreeing = 0 } = good ?? {}
    store.setState(id, { state, percent, note })
    // Before its leases are taken away: a crash between the two must not leave a task open that nobody may do.
    store.end(id, { state, agreeing, result, endedAt: dateNow(clock) })
    if (isOwnedHere(task.spec)) book.drop(id)
    this.#append(task, { state, part: 0, worker: last, percent, note })
    metrics.count('kizuna_tasks_ended_total', { kind, state })
  }

  #note(task: OpenTask, event: Omit<TaskEvent, 'task' | 'seq' | 'at'>): void {
    this.#append(task, event)
    task.state = stateOf(task.parts)
    const percent = percentOf(task.parts)
    this.#parts.store.setState(task.spec.id, {
      state: task.state,
      percent,
      note: event.note,
    })
  }

  #append({ spec }: OpenTask, event: Omit<TaskEvent, 'task' | 'seq' | 'at'>): void {
    const { store, clock, log, onEvent } = this.#parts
    const { state, worker, percent, note, part } = event
    log.info('task', { task: spec.id, kind: spec.kind, state, percent, worker, part, note })
    const appended = store.append({ ...event, task: spec.id, at: dateNow(clock) })
    if (appended !== undefined) onEvent(appended)
  }

  #find({ task: id, part: index }: { task: TaskId; part: number }) {
    const task = this.#open.get(id)
    const part = task?.parts[index]
    return task === undefined || part === undefined ? undefined : { task, part }
  }
}
