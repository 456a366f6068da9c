import type { Clock, Timer } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'
import { LeaseLostError } from './errors.ts'
import { LEASE_MS } from './lease-book.ts'
import type { TaskSpec } from './task.ts'
import type { TasksClient } from './tasks-client.ts'
import type { TasksRequest, TasksVerdict } from './tasks-protocol.ts'

/** A holder says that it goes on this often. */
export const HEARTBEAT_MS = 10_000
/** Two clocks may run apart by this share, and a call may take this long to be noticed: a lease ends earlier for its holder. */
const DRIFT_MAX = 0.02
const MARGIN_MS = 1_000
const ASK_TIMEOUT_MS = 5_000

type Ask = Extract<TasksRequest, { op: 'claim' | 'renew' | 'begin' | 'commit' | 'release' }>

/** What a round among the electors gave. */
export interface ElectorRound {
  /** A majority said yes. */
  ok: boolean
  /** So many said no that a majority cannot say yes. */
  isRefused: boolean
  /** The reasons of those who said no. */
  reasons: string[]
  /** The highest epoch that any of them named. */
  epoch: number
  /** What is left of the longest lease of another (ms). */
  leftMs: number
}

/** What asking electors needs. */
export interface ElectorParts {
  client: TasksClient
  clock: Clock
}

/** Asks all electors at once; who cannot be reached says nothing. */
export async function askElectors(
  { client }: ElectorParts,
  electors: readonly PeerId[],
  request: Ask,
  options: { signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<ElectorRound> {
  const asked = electors.map((elector) =>
    client
      .tell(elector, request, { timeoutMs: ASK_TIMEOUT_MS, ...options })
      .catch((error): TasksVerdict | string => toKizunaError(error).code),
  )
  const answers = await firstMajority(asked, electors.length)
  const verdicts = answers.filter((answer) => typeof answer !== 'string')
  const needed = majorityOf(electors.length)
  const yes = verdicts.filter(({ ok }) => ok).length
  const nos = verdicts.filter(({ ok }) => !ok)
  return {
    ok: yes >= needed,
    isRefused: nos.length > electors.length - needed,
    reasons: nos.map(({ reason }) => reason),
    epoch: Math.max(0, ...verdicts.map(({ epoch }) => epoch)),
    leftMs: Math.max(0, ...verdicts.map(({ leftMs }) => leftMs)),
  }
}

/** More than half. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

/**
 * A lease as its worker holds it. It ends for the worker before it ends for any of the electors that make up its
 * majority: time counts from before the asking, and less of it than was granted.
 */
export class HeldLease {
  readonly spec: TaskSpec
  readonly part: number
  readonly epoch: number
  readonly claim: number
  readonly #parts: ElectorParts
  readonly #control = new AbortController()
  #goodUntil = 0
  readonly #deadline: Timer
  #isBegun = false
  #endTimer: Timer | undefined
  #beatTimer: Timer | undefined
  #progress = { percent: 0, phase: '' }

  /** @param askedAt monotonic time before the lease was asked for. */
  constructor(
    parts: ElectorParts,
    held: { spec: TaskSpec; part: number; epoch: number; claim: number; askedAt: number },
  ) {
    this.#parts = parts
    this.spec = held.spec
    this.part = held.part
    this.epoch = held.epoch
    this.claim = held.claim
    const { clock } = parts
    const lifeMs = held.spec.endsAt - clock.now()
    this.#deadline = clock.after(lifeMs, () => this.#tryLose('the task ended'))
    this.#extend(held.askedAt)
  }

  /** Aborts when the lease has ended, with a LeaseLostError. */
  get signal(): AbortSignal {
    return this.#control.signal
  }

  /** Says that we are at work, now and from time to time, until `end`. */
  async keep(): Promise<void> {
    await this.#beat()
  }

  /** What the next heartbeat says. */
  progress(percent: number, phase: string): void {
    this.#progress = { percent: Math.min(100, Math.max(0, Math.floor(percent))), phase }
  }

  /**
   * For tasks that may not be begun twice: asks until a majority promised that nobody else will begin it. From then on
   * the lease does not end by time.
   * @throws LeaseLostError when they will not.
   */
  async begin(): Promise<void> {
    for (;;) {
      this.signal.throwIfAborted()
      await this.#claimAgain()
      const round = await this.#ask({ op: 'begin', ...this.#name() })
      if (round.ok) break
      if (round.isRefused) this.#lose(round.reasons.join(', '))
      await this.#parts.clock.sleep(MARGIN_MS, this.signal)
    }
    this.#isBegun = true
    this.#endTimer?.stop()
  }

  /**
   * Gives the result to the electors, until a majority has taken it.
   * @throws LeaseLostError when they do not take it (any more).
   */
  async commit(outcome: Uint8Array): Promise<void> {
    for (let number = 1; ; number++) {
      this.signal.throwIfAborted()
      await this.#claimAgain()
      const round = await this.#ask({ op: 'commit', outcome })
      if (round.ok) return
      if (round.isRefused) this.#lose(round.reasons.join(', '))
      await this.#parts.clock.sleep(Math.min(MARGIN_MS * number, HEARTBEAT_MS), this.signal)
    }
  }

  /** Gives the lease back. */
  async release(failed: boolean, reason: string): Promise<void> {
    this.end()
    await this.#ask({ op: 'release', ...this.#name(), failed, reason: reason.slice(0, 200) })
  }

  /** Ends it for us at once, without a word to the electors. */
  abandon(): void {
    this.#tryLose('this node stops')
  }

  /** No more heartbeats. */
  end(): void {
    this.#endTimer?.stop()
    this.#beatTimer?.stop()
    this.#deadline.stop()
  }

  async #beat(): Promise<void> {
    if (this.signal.aborted) return
    this.#beatTimer?.stop()
    this.#beatTimer = this.#parts.clock.after(HEARTBEAT_MS, () => {
      this.#beat().catch(() => undefined)
    })
    const askedAt = this.#parts.clock.monotonic()
    const round = await this.#ask({ op: 'renew', ...this.#name(), ...this.#progress })
    if (round.ok) this.#extend(askedAt)
    else if (round.isRefused) this.#tryLose(round.reasons.join(', '))
    if (!round.ok) await this.#claimAgain()
  }

  /** Electors that were away when the others granted the lease are asked for it as well. */
  async #claimAgain(): Promise<void> {
    const { spec, part, epoch, claim } = this
    if (spec.electors.length === 1) return
    await this.#ask({ op: 'claim', record: spec.record.bytes, part, epoch, claim })
  }

  #ask(request: Ask): Promise<ElectorRound> {
    return askElectors(this.#parts, this.spec.electors, request)
  }

  #name() {
    return { task: this.spec.id, part: this.part, epoch: this.epoch, claim: this.claim }
  }

  #extend(askedAt: number): void {
    if (this.#isBegun) return
    this.#goodUntil = Math.max(this.#goodUntil, askedAt + LEASE_MS * (1 - DRIFT_MAX) - MARGIN_MS)
    this.#endTimer?.stop()
    const leftMs = this.#goodUntil - this.#parts.clock.monotonic()
    this.#endTimer = this.#parts.clock.after(leftMs, () => this.#tryLose('it could not be renewed in time'))
  }

  #tryLose(reason: string): void {
    this.end()
    this.#control.abort(new LeaseLostError({ task: this.spec.id, reason }))
  }

  #lose(reason: string): never {
    this.#tryLose(reason)
    throw this.signal.reason
  }
}

/** The answers that are there as soon as a majority agrees, or all. */
function firstMajority(
  asked: readonly Promise<TasksVerdict | string>[],
  count: number,
): Promise<(TasksVerdict | string)[]> {
  const answers: (TasksVerdict | string)[] = []
  return new Promise((resolve) => {
    for (const each of asked) {
      each.then((answer) => {
        answers.push(answer)
        const yes = answers.filter((one) => typeof one !== 'string' && one.ok).length
        if (answers.length === count || yes >= majorityOf(count)) resolve([...answers])
      })
    }
  })
}
