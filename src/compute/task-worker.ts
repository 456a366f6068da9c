import type { Clock } from '../core/clock.ts'
import { isKizunaError, toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import { dateNow } from '../records/record-codec.ts'
import { claimLease } from './claim-lease.ts'
import { HeldLease } from './held-lease.ts'
import { isOwnedHere } from './open-task.ts'
import type { TaskFacts, TaskId, TaskKind, TaskLoad, TaskSpec } from './task.ts'
import { readTaskInput, type TaskInputs } from './task-input.ts'
import { decodeTask, signOutcome } from './task-record.ts'
import type { TasksClient } from './tasks-client.ts'
import type { UnfinishedWork } from './unfinished-work.ts'

const PULL_TIMEOUT_MS = 5_000
/** Nobody's offers make us remember more of them. */
const SOURCES_MAX = 256
/** After a task a slot rests at most so long for its share of the processor. */
const REST_MS_MAX = 10 * 60_000

/** Electors that do not answer do not keep a node from stopping. */
const STOP_MS_MAX = 1_500

/** What the work of a kind is given. */
export interface TaskWork {
  /** Aborts when the lease is lost, the task is cancelled or the node stops. */
  signal: AbortSignal
  /** @param percent 0 to 100. */
  progress: (percent: number, phase: string) => void
}

/** How each kind is done. The facts that come back are signed and sent, at most 16 KiB. */
export type TaskRunners = {
  [Kind in TaskKind]: (input: TaskInputs[Kind], work: TaskWork) => Promise<TaskFacts>
}

/** What a worker is made of. */
export interface TaskWorkerParts {
  key: SigningKey
  client: TasksClient
  unfinished: UnfinishedWork
  runners: TaskRunners
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  isMember: (peer: PeerId) => boolean
  /** How busy the machine is, 0 to 100. */
  machineLoad: () => number
}

/** What this node does for others. */
export interface TaskWorkerOptions {
  slots: number
  kinds: readonly TaskKind[]
  /** Most that a slot takes of its time on average, 0 to 1. */
  cpuShare: number
}

/** Does tasks: comes for them when a slot is free, holds their leases while it works, gives the results to the electors. */
export class TaskWorker {
  readonly #parts: TaskWorkerParts
  readonly #options: TaskWorkerOptions
  /** Who has tasks for us, and how many we would come for. */
  readonly #sources = new Map<PeerId, number>()
  readonly #stopping = new AbortController()
  readonly #working = new Set<Promise<unknown>>()
  readonly #leases = new Set<HeldLease>()
  /** Tasks that we claim or do; we come for none of them twice. */
  readonly #claiming = new Set<TaskId>()
  #busy = 0

  constructor(parts: TaskWorkerParts, options: TaskWorkerOptions) {
    this.#parts = parts
    this.#options = options
  }

  load(): TaskLoad {
    const { slots, kinds } = this.#options
    const taken = slots === 0 ? 100 : (this.#busy / slots) * 100
    const percent = Math.round(Math.min(100, Math.max(this.#parts.machineLoad(), taken)))
    return { percent, slots, free: Math.max(0, slots - this.#busy), kinds }
  }

  /** Tasks that are being done here. */
  get doing(): number {
    return this.#leases.size
  }

  /** A member has tasks waiting; false when we come for none. */
  offered(from: PeerId, count: number): boolean {
    if (this.#stopping.signal.aborted || this.#options.slots === 0) return false
    if (!this.#sources.has(from) && this.#sources.size >= SOURCES_MAX) return false
    this.#sources.set(from, Math.max(this.#sources.get(from) ?? 0, Math.min(count, this.#options.slots)))
    this.#pump()
    return true
  }

  /** A lasting task that we heard of in the space, whose requester may be away. False when it is over for good. */
  async tryLasting(spec: TaskSpec): Promise<boolean> {
    if (this.load().free === 0 || !this.#options.kinds.includes(spec.kind)) return true
    this.#busy++
    const work = this.#claimAndDo(spec)
    this.#working.add(work)
    try {
      return await work
    } finally {
      this.#working.delete(work)
      this.#busy--
      this.#pump()
    }
  }

  /** Gives back what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const { clock } = this.#parts
    await Promise.race([Promise.allSettled([...this.#working]), clock.sleep(STOP_MS_MAX)])
    for (const lease of this.#leases) lease.abandon()
  }

  #pump(): void {
    while (!this.#stopping.signal.aborted && this.#busy < this.#options.slots) {
      const [next] = this.#sources
      if (next === undefined) return
      const [source, count] = next
      this.#sources.delete(source)
      // To the end of the row, so that everybody's tasks have their turn.
      if (count > 1) this.#sources.set(source, count - 1)
      this.#busy++
      const work = this.#serve(source).finally(() => {
        this.#working.delete(work)
        this.#busy--
        this.#pump()
      })
      this.#working.add(work)
    }
  }

  /** Comes for one task and does it. */
  async #serve(source: PeerId): Promise<void> {
    const { client, clock, log, isMember, key } = this.#parts
    const startedAt = clock.monotonic()
    try {
      const pulled = await client.pull(source, this.#options.kinds, {
        timeoutMs: PULL_TIMEOUT_MS,
        signal: this.#stopping.signal,
      })
      if (pulled === undefined) return
      const spec = decodeTask(pulled.record)
      if (spec.requester !== key.peerId && !isMember(spec.requester)) return
      // Where there was one there may be more.
      if (!this.#sources.has(source)) this.#sources.set(source, 1)
      if (pulled.epoch === 0) await this.#claimAndDo(spec)
      else if (isOwnedHere(spec) && spec.requester === source) {
        const lease = new HeldLease(this.#parts, { spec, ...pulled, claim: 0, askedAt: startedAt })
        await this.#do(lease)
      }
      await this.#rest(clock.monotonic() - startedAt)
    } catch (error) {
      log.debug('no task got', { peer: source, code: toKizunaError(error).code })
    }
  }

  /** @returns false when the task is over for good. */
  async #claimAndDo(spec: TaskSpec): Promise<boolean> {
    if (this.#claiming.has(spec.id)) return true
    this.#claiming.add(spec.id)
    try {
      const lease = await claimLease(this.#parts, spec, this.#stopping.signal)
      if (lease === 'busy' || lease === 'gone') return lease === 'busy'
      await this.#do(lease)
      return true
    } finally {
      this.#claiming.delete(spec.id)
    }
  }

  /** Does a task under a lease. Never throws: what went wrong goes to the electors. */
  async #do(lease: HeldLease): Promise<void> {
    const { unfinished, clock, log, metrics, key } = this.#parts
    const { spec } = lease
    const facts = { task: spec.id, kind: spec.kind, part: lease.part, worker: key.peerId }
    const signal = AbortSignal.any([lease.signal, this.#stopping.signal])
    unfinished.add(lease)
    this.#leases.add(lease)
    let isBegun = false
    let outcome = 'done'
    log.info('task begun', { ...facts, percent: 0 })
    const startedAt = clock.monotonic()
    try {
      await lease.keep()
      if (spec.once) await lease.begin()
      isBegun = spec.once
      const result = await this.#run(spec, lease, signal)
      await lease.commit(this.#sign(lease, 'done', result))
      log.info('task done', { ...facts, percent: 100, durationMs: Math.round(clock.monotonic() - startedAt) })
    } catch (error) {
      outcome = await this.#giveUp(lease, error, isBegun)
      log.info('task not done', { ...facts, outcome, reason: toKizunaError(error).message })
    } finally {
      lease.end()
      this.#leases.delete(lease)
      if (outcome === 'lost' && spec.once && !isBegun) this.#giveUpLost(lease)
      else unfinished.remove(lease)
      metrics.count('kizuna_tasks_worked_total', { kind: spec.kind, outcome })
    }
  }

  async #run(spec: TaskSpec, lease: HeldLease, signal: AbortSignal): Promise<TaskFacts> {
    const { runners, log, key } = this.#parts
    signal.throwIfAborted()
    const run = runners[spec.kind] as (input: unknown, work: TaskWork) => Promise<TaskFacts>
    let told = 0
    const progress = (percent: number, phase: string) => {
      lease.progress(percent, phase)
      if (percent < told + 10) return
      told = percent
      log.info('task progress', { task: spec.id, kind: spec.kind, worker: key.peerId, percent, phase })
    }
    const result = await run(readTaskInput(spec.kind, spec.input), { signal, progress })
    signal.throwIfAborted()
    return result
  }

  /** @returns what it is called in the metrics. */
  async #giveUp(lease: HeldLease, error: unknown, isBegun: boolean): Promise<string> {
    if (lease.signal.aborted || isKizunaError(error, 'LEASE_LOST')) return 'lost'
    const isStopping = this.#stopping.signal.aborted
    const reason = isStopping ? 'its worker stops' : toKizunaError(error).message
    try {
      if (isBegun) await lease.commit(this.#sign(lease, 'failed', { reason: reason.slice(0, 300) }))
      else await lease.release(!isStopping, reason)
    } catch (cause) {
      this.#parts.log.debug('lease not given back', { code: toKizunaError(cause).code })
    }
    return isStopping ? 'stopped' : 'failed'
  }

  #giveUpLost(lease: HeldLease): void {
    this.#parts.unfinished
      .giveUpLost(lease, this.#stopping.signal)
      .catch((error) => this.#parts.log.debug('lease not given up', { code: toKizunaError(error).code }))
  }

  #sign(lease: HeldLease, outcome: 'done' | 'failed', result: TaskFacts): Uint8Array {
    const { key, clock } = this.#parts
    const { spec, part, epoch, claim } = lease
    const said = { task: spec.id, part, epoch, claim, outcome, result }
    return signOutcome(key, { ...said, space: spec.record.space, now: dateNow(clock) }).bytes
  }

  async #rest(workedMs: number): Promise<void> {
    const restMs = Math.min(workedMs * (1 / this.#options.cpuShare - 1), REST_MS_MAX)
    if (restMs > 0) await this.#parts.clock.sleep(restMs, this.#stopping.signal)
  }
}
