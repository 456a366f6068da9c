import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { TaskId, TaskOutcome } from './task.ts'

/** How long a lease holds from the moment at which its elector granted it. */
export const LEASE_MS = 30_000
/** After this many distinct workers failed a part, nobody gets it any more: the task is what is wrong. */
export const POISON_WORKERS = 3
/** Parts that an elector remembers, of all and of one requester; beyond it nothing new is granted. */
const ROWS_MAX = 40_000
const ROWS_PER_REQUESTER_MAX = 15_000

const MIGRATIONS = [
  `CREATE TABLE task_lease (
     task TEXT NOT NULL, part INTEGER NOT NULL, epoch INTEGER NOT NULL, claim INTEGER NOT NULL, holder TEXT, stage INTEGER NOT NULL, once INTEGER NOT NULL,
     outcome BLOB, outcome_epoch INTEGER, cancelled INTEGER NOT NULL, failed_by TEXT NOT NULL,
     requester TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (task, part)) STRICT, WITHOUT ROWID;
   CREATE INDEX task_lease_requester ON task_lease (requester)`,
]

/** Why an elector says no. */
export const LEASE_REFUSALS = [
  'leased',
  'behind',
  'started',
  'ended',
  'cancelled',
  'over',
  'poisoned',
  'unknown',
  'full',
] as const
export type LeaseRefusal = (typeof LEASE_REFUSALS)[number]

/** What the task's record says that matters to its electors. */
export interface LeaseRules {
  /** No other claim after a beginning. */
  once: boolean
  requester: PeerId
  /** When the task ends, ms since 1970. */
  expiresAt: number
}

/** An elector's answer; `epoch` is the highest it has promised, so that a claimer knows what to ask for next. */
export type LeaseAnswer =
  | { ok: true; epoch: number }
  | { ok: false; reason: LeaseRefusal; epoch: number; leftMs: number }

/** Which lease, as its worker names it. */
export interface LeaseName {
  task: TaskId
  part: number
  epoch: number
  /** Drawn at random for each claim: a worker that comes back after a crash must not be taken for its earlier life. */
  claim: number
  worker: PeerId
}

/** What an elector knows of a part. */
export interface LeaseView {
  epoch: number
  claim: number
  holder: PeerId | undefined
  /** The holder may go on: its time is not over. */
  isHeld: boolean
  /** The holder said that it is at work. */
  isRunning: boolean
  /** Of a task that may not be begun twice: it was. */
  isBegun: boolean
  outcome: Uint8Array | undefined
  outcomeEpoch: number | undefined
  cancelled: boolean
  failedBy: PeerId[]
  percent: number
  phase: string
}

/** How far a holder has come; only who was at work can have failed. */
const STAGE = { granted: 0, running: 1, begun: 2 } as const

interface Row {
  epoch: number
  claim: number
  holder: PeerId | null
  stage: number
  once: number
  outcome: Uint8Array | null
  outcome_epoch: number | null
  cancelled: number
  failed_by: string
}

/**
 * One elector's memory of leases, and the rules by which it grants them (docs/protocol/tasks.md, with the proof). Every
 * promise is on the disk before it is given. Times are kept on the monotonic clock and never on the disk: after a
 * restart every lease counts as granted just now, so that an elector never thinks one over too early.
 */
export class LeaseBook {
  readonly #parts: { index: IndexDatabase; clock: Clock }
  readonly #until = new Map<string, number>()
  readonly #progress = new Map<string, { percent: number; phase: string }>()
  readonly #openedAt: number

  constructor(parts: { index: IndexDatabase; clock: Clock }) {
    this.#parts = parts
    parts.index.migrate('task leases', MIGRATIONS)
    this.#openedAt = parts.clock.monotonic()
  }

  /**
   * Grants a lease. The same claim may be repeated, when an answer was lost.
   */
  claim(name: LeaseName, rules: LeaseRules): LeaseAnswer {
    return this.#parts.index.transaction(() => {
      const row = this.#row(name)
      if (row === undefined && this.#isFull(rules.requester)) return no('full', 0)
      const refusal = row === undefined ? undefined : this.#refuseClaim(name, row)
      if (refusal !== undefined) return refusal
      const isRepeated = row !== undefined && isSame(row, name)
      const failedBy = row === undefined ? [] : isRepeated ? failedOf(row) : failedAfterExpiry(row)
      if (failedBy.length >= POISON_WORKERS) {
        this.#free(name, failedBy)
        return no('poisoned', row?.epoch ?? 0)
      }
      this.#parts.index.run(
        `INSERT INTO task_lease (task, part, epoch, claim, holder, stage, once, cancelled, failed_by, requester, expires_at)
         VALUES (?, ?, ?, ?, ?, 0, ?, 0, ?, ?, ?)
         ON CONFLICT (task, part) DO UPDATE SET
           stage = CASE WHEN epoch = excluded.epoch THEN stage ELSE 0 END,
           epoch = excluded.epoch, claim = excluded.claim, holder = excluded.holder, failed_by = excluded.failed_by`,
        name.task,
        name.part,
        name.epoch,
        name.claim,
        name.worker,
        rules.once ? 1 : 0,
        JSON.stringify(failedBy),
        rules.requester,
        rules.expiresAt,
      )
      this.#extend(name)
      this.#progress.delete(slotOf(name))
      return { ok: true, epoch: name.epoch }
    })
  }

  /** The holder lives and goes on. */
  renew(name: LeaseName, progress: { percent: number; phase: string }): LeaseAnswer {
    const row = this.#row(name)
    const refusal = this.#refuseHolder(name, row)
    if (refusal !== undefined) return refusal
    const stage = row?.stage ?? STAGE.granted
    if (stage !== STAGE.begun && this.#leftMs(name) <= 0) return no('over', name.epoch)
    if (stage === STAGE.granted) this.#setStage(name, STAGE.running)
    this.#extend(name)
    this.#progress.set(slotOf(name), progress)
    return { ok: true, epoch: name.epoch }
  }

  /** Promises that nobody else will ever be granted this part. Needs no clock; may be repeated. */
  begin(name: LeaseName): LeaseAnswer {
    const refusal = this.#refuseHolder(name, this.#row(name))
    if (refusal !== undefined) return refusal
    this.#setStage(name, STAGE.begun)
    this.#extend(name)
    return { ok: true, epoch: name.epoch }
  }

  /** Takes a result, unless its lease is over or superseded. The same one may be given again, by whomever. */
  commit(outcome: TaskOutcome): LeaseAnswer {
    const { task, part, epoch, claim, worker, bytes } = outcome
    const name = { task, part, epoch, claim, worker }
    const row = this.#row(name)
    if (row?.outcome != null && row.outcome_epoch === epoch && row.claim === claim) return { ok: true, epoch }
    const refusal = this.#refuseHolder(name, row)
    if (refusal !== undefined) return refusal
    if (row?.once === 1 ? row.stage !== STAGE.begun : this.#leftMs(name) <= 0) return no('over', epoch)
    this.#parts.index.run(
      'UPDATE task_lease SET outcome = ?, outcome_epoch = ? WHERE task = ? AND part = ?',
      bytes,
      epoch,
      task,
      part,
    )
    return { ok: true, epoch }
  }

  /** The holder gives its lease back; with `failed` it never gets this part again. */
  release(name: LeaseName, options: { failed: boolean }): LeaseAnswer {
    return this.#parts.index.transaction(() => {
      const row = this.#row(name)
      const refusal = this.#refuseHolder(name, row)
      if (refusal !== undefined || row === undefined) return refusal ?? no('unknown', 0)
      if (row.once === 1 && row.stage === STAGE.begun) return no('started', row.epoch)
      const failedBy = options.failed ? withWorker(failedOf(row), name.worker) : failedOf(row)
      this.#free(name, failedBy)
      return { ok: true, epoch: name.epoch }
    })
  }

  /** Nobody gets the part any more, and what is made of it is not taken. False when it has its outcome. */
  cancel(task: TaskId, part: number, of: Pick<LeaseRules, 'requester' | 'expiresAt'>): boolean {
    const row = this.#row({ task, part })
    if (row?.outcome != null) return false
    if (row === undefined && this.#isFull(of.requester)) return false
    this.#parts.index.run(
      `INSERT INTO task_lease (task, part, epoch, claim, stage, once, cancelled, failed_by, requester, expires_at)
       VALUES (?, ?, 0, 0, 0, 0, 1, '[]', ?, ?) ON CONFLICT (task, part) DO UPDATE SET cancelled = 1`,
      task,
      part,
      of.requester,
      of.expiresAt,
    )
    return true
  }

  view(task: TaskId, part: number): LeaseView | undefined {
    const row = this.#row({ task, part })
    if (row === undefined) return undefined
    const { percent = 0, phase = '' } = this.#progress.get(slotOf({ task, part })) ?? {}
    return {
      epoch: row.epoch,
      claim: row.claim,
      holder: row.holder ?? undefined,
      isHeld: row.holder !== null && this.#leftMs({ task, part }) > 0,
      isRunning: row.stage !== STAGE.granted,
      isBegun: row.stage === STAGE.begun,
      outcome: row.outcome ?? undefined,
      outcomeEpoch: row.outcome_epoch ?? undefined,
      cancelled: row.cancelled === 1,
      failedBy: failedOf(row),
      percent,
      phase,
    }
  }

  /** Takes the part from a holder whose time is over; one that was at work does not get it again. */
  expire(task: TaskId, part: number): void {
    const name = { task, part }
    const row = this.#row(name)
    if (row === undefined || row.holder === null || this.#leftMs(name) > 0) return
    if (row.once === 1 && row.stage === STAGE.begun) return
    this.#free(name, failedAfterExpiry(row))
  }

  /** Forgets a task that is over for its one elector: what comes late is unknown then, and refused. */
  drop(task: TaskId): void {
    this.#parts.index.run('DELETE FROM task_lease WHERE task = ?', task)
  }

  /** Forgets tasks that ended before this date (ms since 1970). */
  forget(before: number): void {
    this.#parts.index.run('DELETE FROM task_lease WHERE expires_at < ?', before)
    if (this.#until.size <= ROWS_MAX) return
    const now = this.#parts.clock.monotonic()
    for (const [slot, until] of this.#until) if (until < now - LEASE_MS) this.#until.delete(slot)
  }

  #refuseClaim(name: LeaseName, row: Row): LeaseAnswer | undefined {
    if (row.outcome !== null) return no('ended', row.epoch)
    if (row.cancelled === 1) return no('cancelled', row.epoch)
    const isRepeated = isSame(row, name)
    if (row.once === 1 && row.stage === STAGE.begun && !isRepeated) return no('started', row.epoch)
    if (isRepeated) return undefined
    const leftMs = row.holder === null ? 0 : this.#leftMs(name)
    if (leftMs > 0) return { ok: false, reason: 'leased', epoch: row.epoch, leftMs }
    return name.epoch <= row.epoch ? no('behind', row.epoch) : undefined
  }

  #refuseHolder(name: LeaseName, row: Row | undefined): LeaseAnswer | undefined {
    if (row === undefined) return no('unknown', 0)
    if (row.cancelled === 1) return no('cancelled', row.epoch)
    if (row.outcome !== null) return no('ended', row.epoch)
    return isSame(row, name) ? undefined : no('behind', row.epoch)
  }

  #free(name: { task: TaskId; part: number }, failedBy: readonly PeerId[]): void {
    this.#parts.index.run(
      'UPDATE task_lease SET holder = NULL, failed_by = ? WHERE task = ? AND part = ?',
      JSON.stringify(failedBy),
      name.task,
      name.part,
    )
  }

  #setStage(name: { task: TaskId; part: number }, stage: number): void {
    this.#parts.index.run(
      'UPDATE task_lease SET stage = ? WHERE task = ? AND part = ?',
      stage,
      name.task,
      name.part,
    )
  }

  #row({ task, part }: { task: TaskId; part: number }): Row | undefined {
    return this.#parts.index.get<Row>(
      'SELECT epoch, claim, holder, stage, once, outcome, outcome_epoch, cancelled, failed_by FROM task_lease WHERE task = ? AND part = ?',
      task,
      part,
    )
  }

  #isFull(requester: PeerId): boolean {
    const { index } = this.#parts
    const all = index.get<{ count: number }>('SELECT COUNT(*) AS count FROM task_lease')
    if ((all?.count ?? 0) >= ROWS_MAX) return true
    const theirs = index.get<{ count: number }>(
      'SELECT COUNT(*) AS count FROM task_lease WHERE requester = ?',
      requester,
    )
    return (theirs?.count ?? 0) >= ROWS_PER_REQUESTER_MAX
  }

  #extend(name: { task: TaskId; part: number }): void {
    this.#until.set(slotOf(name), this.#parts.clock.monotonic() + LEASE_MS)
  }

  #leftMs(name: { task: TaskId; part: number }): number {
    const until = this.#until.get(slotOf(name)) ?? this.#openedAt + LEASE_MS
    return until - this.#parts.clock.monotonic()
  }
}

function slotOf({ task, part }: { task: TaskId; part: number }): string {
  return `${task} ${part}`
}

function no(reason: LeaseRefusal, epoch: number): LeaseAnswer {
  return { ok: false, reason, epoch, leftMs: 0 }
}

function isSame(row: Row, name: LeaseName): boolean {
  return row.epoch === name.epoch && row.claim === name.claim && row.holder === name.worker
}

function failedOf(row: Row): PeerId[] {
  return JSON.parse(row.failed_by) as PeerId[]
}

/** Who failed before, and the holder whose time ran out at work. One that was only granted it may never have heard. */
function failedAfterExpiry(row: Row): PeerId[] {
  return row.holder === null || row.stage === STAGE.granted
    ? failedOf(row)
    : withWorker(failedOf(row), row.holder)
}

function withWorker(failedBy: readonly PeerId[], worker: PeerId): PeerId[] {
  return failedBy.includes(worker) ? [...failedBy] : [...failedBy, worker]
}
