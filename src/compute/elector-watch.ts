import type { Clock } from '../core/clock.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import { askElectors, majorityOf } from './held-lease.ts'
import type { TaskId, TaskOutcome, TaskSpec } from './task.ts'
import { decodeOutcome } from './task-record.ts'
import type { TasksClient } from './tasks-client.ts'
import type { LookAnswer } from './tasks-protocol.ts'

const LOOK_TIMEOUT_MS = 5_000

/** What a majority of electors says of a task. */
export type ElectorsSay =
  | { state: 'open'; isHeld: boolean; percent: number; phase: string }
  | { state: 'done'; outcome: TaskOutcome }
  | { state: 'poisoned' }
  | { state: 'cancelled' }
  /** Too few of them answer. */
  | { state: 'unknown' }

/** Asks the electors of a task what became of it; only what more than half of them say counts. */
export class ElectorWatch {
  readonly #parts: { client: TasksClient; clock: Clock; log: Logger }

  constructor(parts: { client: TasksClient; clock: Clock; log: Logger }) {
    this.#parts = parts
  }

  async ask(spec: TaskSpec, signal: AbortSignal): Promise<ElectorsSay> {
    const answers = await this.#look(spec, signal)
    const needed = majorityOf(spec.electors.length)
    const outcomes = answers.flatMap(({ look }) => outcomeOf(look, spec.id) ?? [])
    for (const group of Map.groupBy(outcomes, ({ epoch }) => epoch).values()) {
      const [outcome] = group
      if (outcome === undefined) continue
      if (group.length >= needed) return { state: 'done', outcome }
      // A worker that could tell some of them and then was gone: we finish what it began.
      await this.#passOn(spec, outcome, signal)
    }
    const count = (holds: (look: LookAnswer) => boolean) => answers.filter(({ look }) => holds(look)).length
    if (count(({ cancelled }) => cancelled) >= needed) return { state: 'cancelled' }
    if (count(({ isPoisoned }) => isPoisoned) >= needed) return { state: 'poisoned' }
    if (answers.length < needed) return { state: 'unknown' }
    const isHeld = count((look) => look.isHeld || look.isBegun) > 0
    const furthest = answers
      .map(({ look }) => look)
      .sort((a, b) => b.epoch - a.epoch || b.percent - a.percent)[0]
    return { state: 'open', isHeld, percent: furthest?.percent ?? 0, phase: furthest?.phase ?? '' }
  }

  /** Has the electors take no result any more. True when a majority promised. */
  async cancel(spec: TaskSpec, signal: AbortSignal): Promise<boolean> {
    const asked = spec.electors.map((elector) =>
      this.#parts.client
        .tell(elector, { op: 'cancel', record: spec.record.bytes }, { timeoutMs: LOOK_TIMEOUT_MS, signal })
        .then(({ ok }) => ok)
        .catch(() => false),
    )
    return (await Promise.all(asked)).filter(Boolean).length >= majorityOf(spec.electors.length)
  }

  async #look(spec: TaskSpec, signal: AbortSignal): Promise<{ elector: PeerId; look: LookAnswer }[]> {
    const which = { task: spec.id, part: 0 }
    const asked = spec.electors.map(async (elector) => {
      try {
        const look = await this.#parts.client.look(elector, which, { timeoutMs: LOOK_TIMEOUT_MS, signal })
        return [{ elector, look }]
      } catch (error) {
        if (!isKizunaError(error)) throw error
        return []
      }
    })
    return (await Promise.all(asked)).flat()
  }

  async #passOn(spec: TaskSpec, outcome: TaskOutcome, signal: AbortSignal): Promise<void> {
    const request = { op: 'commit', outcome: outcome.bytes } as const
    const round = await askElectors(this.#parts, spec.electors, request, { signal })
    this.#parts.log.debug('result passed on', { task: spec.id, epoch: outcome.epoch, taken: round.ok })
  }
}

/** An elector that shows something else than what a worker signed for this task shows nothing. */
function outcomeOf(look: LookAnswer, task: TaskId): TaskOutcome | undefined {
  if (look.outcome.byteLength === 0) return undefined
  try {
    const outcome = decodeOutcome(look.outcome)
    return outcome.task === task ? outcome : undefined
  } catch {
    return undefined
  }
}
