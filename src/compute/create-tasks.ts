import type { Community } from '../content/community.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { AbortedError, QueueFullError } from '../core/errors.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { Reputation } from '../network/reputation.ts'
import type { RecordSets } from '../records/record-sets.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { askForTask } from './ask-for-task.ts'
import { ElectorWatch } from './elector-watch.ts'
import { ElectorsAwayError, TaskNotFoundError } from './errors.ts'
import { LastingTasks } from './lasting-tasks.ts'
import { LeaseBook } from './lease-book.ts'
import { isOwnedHere } from './open-task.ts'
import { OwnTasks } from './own-tasks.ts'
import {
  isEnd,
  type TaskEvent,
  type TaskId,
  type TaskLoad,
  type TaskRequest,
  type TaskSpec,
  type Tasks,
  type TaskView,
} from './task.ts'
import { TaskBoard } from './task-board.ts'
import { TaskOffers } from './task-offers.ts'
import { TASK_KIND, taskBody, taskKind } from './task-record.ts'
import { type TaskRunners, TaskWorker, type TaskWorkerOptions } from './task-worker.ts'
import { TasksClient } from './tasks-client.ts'
import { TasksDoor } from './tasks-door.ts'
import { TASKS_PROTOCOL } from './tasks-protocol.ts'
import { UnfinishedWork } from './unfinished-work.ts'

/** Open tasks that one node may have asked for. */
export const OPEN_TASKS_MAX = 10_000
/** Of those, tasks that one person asked for. */
const OPEN_OF_ONE_MAX = 2_000
const TICK_MS = 1_000
/** Electors of our own lasting tasks are asked this often, in ticks. */
const WATCH_TICKS = 5
const LIST_MAX = 500
/** What electors remember of tasks that ended is kept this much longer. */
const KEPT_MS = 24 * 60 * 60_000
const PRUNE_MS = 60 * 60_000

/** What tasks are made of. */
export interface TasksParts {
  key: SigningKey
  index: IndexDatabase
  network: Network
  records: RecordSets
  community: Community
  reputation: Pick<Reputation, 'report'>
  runners: TaskRunners
  /** How busy the machine is now, 0 to 100. */
  machineLoad: () => number
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
}

/** Puts the parts together; nothing is asked or answered before `start`. */
export function createTasks(parts: TasksParts, options: TaskWorkerOptions): Tasks {
  return new NodeTasks(parts, options)
}

class NodeTasks implements Tasks {
  readonly #parts: TasksParts
  readonly #store: OwnTasks
  readonly #book: LeaseBook
  readonly #board: TaskBoard
  readonly #worker: TaskWorker
  readonly #offers: TaskOffers
  readonly #lasting: LastingTasks
  readonly #watch: ElectorWatch
  readonly #door: TasksDoor
  readonly #unfinished: UnfinishedWork
  readonly #listeners = new Set<(event: TaskEvent) => void>()
  readonly #stopping = new AbortController()
  readonly #asking = new Set<TaskId>()
  #timer: Timer | undefined
  #ticks = 0
  #prunedAt = Number.NEGATIVE_INFINITY
  #unhandle: () => void = () => {}

  constructor(given: TasksParts, options: TaskWorkerOptions) {
    const log = given.log.named('tasks')
    const parts = { ...given, log }
    this.#parts = parts
    const { index, network, community, clock, key, records } = parts
    const isMember = (peer: typeof key.peerId) => community.isMember(peer)
    const client = new TasksClient({ network, door: () => this.#door })
    this.#store = new OwnTasks(index)
    this.#book = new LeaseBook({ index, clock })
    this.#unfinished = new UnfinishedWork({ ...parts, client })
    this.#worker = new TaskWorker({ ...parts, client, unfinished: this.#unfinished, isMember }, options)
    this.#watch = new ElectorWatch({ client, clock, log })
    this.#board = new TaskBoard({
      ...parts,
      store: this.#store,
      book: this.#book,
      onWaiting: () => this.#offers.wake(),
      onEvent: (event) => this.#tell(event),
      onVoice: (spec) => this.#consult(spec),
      onLiar: (worker) => parts.reputation.report(worker, 'misbehaved'),
      otherWorkers: (kind, than) => this.#offers.otherWorkers(kind, than),
    })
    this.#offers = new TaskOffers({
      ...parts,
      client,
      self: key.peerId,
      members: () =>
        community
          .members()
          .filter(({ online, leaving }) => online && leaving !== true)
          .map(({ peer }) => peer),
      waiting: () => this.#board.waiting(),
    })
    this.#lasting = new LastingTasks({ ...parts, worker: this.#worker })
    this.#door = new TasksDoor({
      self: key.peerId,
      book: this.#book,
      board: this.#board,
      clock,
      space: () => records.space,
      isMember,
      load: () => this.load(),
      onOffer: (from, count) => this.#worker.offered(from, count),
    })
    records.defineKind(taskKind)
  }

  async start(): Promise<void> {
    const { network, log } = this.#parts
    this.#unhandle = network.handle(TASKS_PROTOCOL, (request, context) => this.#door.answer(request, context))
    this.#board.load()
    this.#unfinished
      .giveUp(this.#stopping.signal)
      .catch((error) => log.warn('unfinished tasks not given up', { code: toKizunaError(error).code }))
    this.#lasting.start()
    this.#tick()
  }

  async stop(): Promise<void> {
    this.#offers.stop()
    this.#lasting.stop()
    await this.#worker.stop()
    this.#stopping.abort()
    this.#timer?.stop()
    this.#unhandle()
  }

  async run(request: TaskRequest): Promise<TaskView> {
    if (this.#board.size >= OPEN_TASKS_MAX) {
      throw new QueueFullError({ queue: 'tasks', limit: OPEN_TASKS_MAX })
    }
    if (this.#store.countOpen(request.requestedBy) >= OPEN_OF_ONE_MAX)
      throw new QueueFullError({ queue: `tasks of ${request.requestedBy}`, limit: OPEN_OF_ONE_MAX })
    const { spec, isNew } = await askForTask({ ...this.#parts, store: this.#store }, request)
    if (isNew) this.#board.add(spec, request)
    return this.get(spec.id)
  }

  get(id: TaskId): TaskView {
    const view = this.#store.view(id)
    if (view === undefined) throw new TaskNotFoundError({ id })
    return view
  }

  list(
    options: { requestedBy?: string; requestedIn?: string; open?: boolean; limit?: number } = {},
  ): TaskView[] {
    return this.#store.list({ ...options, limit: Math.min(options.limit ?? 50, LIST_MAX) })
  }

  events(id: TaskId, options: { after?: number; limit?: number } = {}): TaskEvent[] {
    const { after = 0, limit = LIST_MAX } = options
    return this.#store.events(id, { after, limit: Math.min(limit, LIST_MAX) })
  }

  onEvent(listener: (event: TaskEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async wait(id: TaskId, { signal }: { signal: AbortSignal }): Promise<TaskView> {
    const now = this.get(id)
    if (isEnd(now.state)) return now
    return await new Promise<TaskView>((resolve, reject) => {
      const stop = () => {
        unlisten()
        reject(new AbortedError({ what: `Waiting for the task ${id}`, cause: signal.reason }))
      }
      const unlisten = this.onEvent((event) => {
        if (event.task !== id || !isEnd(event.state)) return
        unlisten()
        signal.removeEventListener('abort', stop)
        resolve(this.get(id))
      })
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
  }

  async cancel(id: TaskId): Promise<boolean> {
    if (isEnd(this.get(id).state)) return false
    const watched = this.#board.withElectors().find((spec) => spec.id === id)
    if (watched === undefined) return this.#board.cancel(id)
    return this.#cancelWatched(watched, 'cancelled')
  }

  load(): TaskLoad {
    return this.#worker.load()
  }

  forgetRequester(requestedBy: string): number {
    return this.#store.forgetRequester(requestedBy)
  }

  counts(): { open: number; running: number; doing: number } {
    return { open: this.#board.size, running: this.#board.running(), doing: this.#worker.doing }
  }

  #tell(event: TaskEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }

  #tick(): void {
    const { clock, log } = this.#parts
    this.#timer = clock.after(TICK_MS, () => {
      if (this.#stopping.signal.aborted) return
      this.#ticks++
      try {
        this.#board.tick()
        if (this.#ticks % WATCH_TICKS === 0) {
          for (const spec of this.#board.withElectors()) this.#consult(spec)
        }
        this.#prune()
      } catch (error) {
        log.warn('tasks not looked after', { code: toKizunaError(error).code })
      }
      this.#tick()
    })
  }

  #prune(): void {
    const { clock } = this.#parts
    if (clock.monotonic() - this.#prunedAt < PRUNE_MS) return
    this.#prunedAt = clock.monotonic()
    this.#store.prune(clock.now())
    this.#book.forget(clock.now() - KEPT_MS)
  }

  /** Asks the electors of a task of ours, one question at a time. */
  #consult(spec: TaskSpec): void {
    if (this.#asking.has(spec.id)) return
    this.#asking.add(spec.id)
    this.#consultNow(spec)
      .catch((error) => {
        const { code } = toKizunaError(error)
        this.#parts.log.debug('electors not asked', { task: spec.id, code })
      })
      .finally(() => this.#asking.delete(spec.id))
  }

  async #consultNow(spec: TaskSpec): Promise<void> {
    const { signal } = this.#stopping
    const said = await this.#watch.ask(spec, signal)
    signal.throwIfAborted()
    if (said.state === 'done') this.#board.committed(said.outcome)
    else if (said.state === 'poisoned')
      this.#board.watched(spec.id, { state: 'failed', note: 'too many workers failed' })
    else if (said.state === 'cancelled') this.#board.watched(spec.id, { state: 'cancelled', note: '' })
    else if (this.#parts.clock.now() >= spec.endsAt) await this.#cancelWatched(spec, 'expired')
    else if (said.state === 'open' && !said.isHeld) this.#board.watched(spec.id, 'idle')
    if (said.state === 'done' || said.state === 'poisoned') await this.#close(spec)
  }

  /** Only what a majority promised not to take any more is over; a result that came first stands. */
  async #cancelWatched(spec: TaskSpec, state: 'cancelled' | 'expired'): Promise<boolean> {
    const { signal } = this.#stopping
    if (!(await this.#watch.cancel(spec, signal))) {
      const said = await this.#watch.ask(spec, signal)
      if (said.state !== 'done') throw new ElectorsAwayError({ id: spec.id })
      this.#board.committed(said.outcome)
      return false
    }
    this.#board.cancel(spec.id, state)
    await this.#close(spec)
    return true
  }

  /** Tells the space that nobody needs to come for it. */
  async #close(spec: TaskSpec): Promise<void> {
    const { records, clock } = this.#parts
    const lifetimeMs = spec.endsAt - clock.now()
    if (isOwnedHere(spec) || lifetimeMs <= 0) return
    await records.put(TASK_KIND, spec.id, taskBody(spec, true), { lifetimeMs, after: spec.createdAt })
  }
}
