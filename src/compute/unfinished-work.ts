import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { SigningKey } from '../core/signing-key.ts'
import { dateNow } from '../records/record-codec.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { askElectors, type ElectorParts, HEARTBEAT_MS, type HeldLease } from './held-lease.ts'
import { decodeTask, signOutcome } from './task-record.ts'

const MIGRATIONS = [
  `CREATE TABLE task_doing (
     task TEXT NOT NULL, part INTEGER NOT NULL, epoch INTEGER NOT NULL, claim INTEGER NOT NULL, record BLOB NOT NULL,
     PRIMARY KEY (task, part)) STRICT, WITHOUT ROWID`,
]
/** Electors that are away are told again after a wait that grows to this, as long as the task lasts. */
const WAIT_MS_MAX = 60_000
const REASON = 'its worker was stopped in the middle'

interface Row {
  task: string
  part: number
  epoch: number
  claim: number
  record: Uint8Array
}

/** What this node was doing for others, on the disk, so that a node that comes back after a crash gives it up at once. */
export class UnfinishedWork {
  readonly #parts: ElectorParts & { index: IndexDatabase; clock: Clock; key: SigningKey; log: Logger }

  constructor(parts: ElectorParts & { index: IndexDatabase; clock: Clock; key: SigningKey; log: Logger }) {
    this.#parts = parts
    parts.index.migrate('unfinished tasks', MIGRATIONS)
  }

  add(lease: Pick<HeldLease, 'spec' | 'part' | 'epoch' | 'claim'>): void {
    this.#parts.index.run(
      'INSERT OR REPLACE INTO task_doing (task, part, epoch, claim, record) VALUES (?, ?, ?, ?, ?)',
      lease.spec.id,
      lease.part,
      lease.epoch,
      lease.claim,
      lease.spec.record.bytes,
    )
  }

  remove({ spec, part, epoch }: Pick<HeldLease, 'spec' | 'part' | 'epoch'>): void {
    this.#parts.index.run(
      'DELETE FROM task_doing WHERE task = ? AND part = ? AND epoch = ?',
      spec.id,
      part,
      epoch,
    )
  }

  /** Tells the electors of a lease that was lost before we knew whether they let us begin: we never will. */
  async giveUpLost({ spec, part, epoch, claim }: HeldLease, signal: AbortSignal): Promise<void> {
    await this.#giveUp({ task: spec.id, part, epoch, claim, record: spec.record.bytes }, signal)
  }

  /** Tells the electors of everything that an earlier life left unfinished. */
  async giveUp(signal: AbortSignal): Promise<void> {
    const rows = this.#parts.index.all<Row>('SELECT task, part, epoch, claim, record FROM task_doing')
    await Promise.all(rows.map((row) => this.#giveUp(row, signal)))
  }

  async #giveUp(row: Row, signal: AbortSignal): Promise<void> {
    const { clock, log, key } = this.#parts
    const spec = decodeTask(row.record)
    const { part, epoch, claim } = row
    log.info('task given up', { task: spec.id, kind: spec.kind, worker: key.peerId })
    const release = {
      op: 'release',
      task: spec.id,
      part,
      epoch,
      claim,
      failed: true,
      reason: REASON,
    } as const
    const said = { task: spec.id, part, epoch, claim, outcome: 'failed', result: { reason: REASON } } as const
    const failure = signOutcome(key, { ...said, space: spec.record.space, now: dateNow(clock) })
    for (let number = 1; !signal.aborted && clock.now() < spec.endsAt; number++) {
      // A task that may not be begun twice and was begun cannot be given back: it has failed.
      const round = await askElectors(this.#parts, spec.electors, release, { signal })
      const wasBegun = round.reasons.includes('started')
      const after = wasBegun
        ? await askElectors(this.#parts, spec.electors, { op: 'commit', outcome: failure.bytes }, { signal })
        : round
      if (after.ok || after.isRefused) break
      await clock.sleep(Math.min(HEARTBEAT_MS * number, WAIT_MS_MAX), signal).catch(() => undefined)
    }
    if (!signal.aborted) this.remove({ spec, part, epoch })
  }
}
