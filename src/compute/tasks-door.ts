import type { Clock } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { RequestContext } from '../network/network.ts'
import { NotAMemberError, OtherSpaceError } from '../records/errors.ts'
import type { SpaceId } from '../records/record.ts'
import { displayText } from '../records/space.ts'
import { type LeaseAnswer, type LeaseBook, POISON_WORKERS } from './lease-book.ts'
import { isOwnedHere } from './open-task.ts'
import type { TaskLoad, TaskSpec } from './task.ts'
import type { TaskBoard } from './task-board.ts'
import { decodeOutcome, decodeTask } from './task-record.ts'
import {
  decodeTasksRequest,
  encodeLoad,
  encodeLook,
  encodePulled,
  encodeVerdict,
  type LookAnswer,
  PHASE_BYTES_MAX,
  type TasksRequest,
} from './tasks-protocol.ts'

/** What the door is made of. */
export interface TasksDoorParts {
  self: PeerId
  book: LeaseBook
  board: TaskBoard
  clock: Clock
  space: () => SpaceId | undefined
  isMember: (peer: PeerId) => boolean
  load: () => TaskLoad
  /** A member has tasks waiting; false when we take none now. */
  onOffer: (from: PeerId, count: number) => boolean
}

/** Answers members about tasks, and ourselves the same way: as elector, as requester and as worker. */
export class TasksDoor {
  readonly #parts: TasksDoorParts

  constructor(parts: TasksDoorParts) {
    this.#parts = parts
  }

  /** Answers `/kizuna/tasks/1.0.0`. */
  async *answer(request: AsyncIterable<Uint8Array>, context: RequestContext): AsyncIterable<Uint8Array> {
    const { from } = context
    if (!this.#parts.isMember(from)) throw new NotAMemberError({ peer: from })
    for await (const frame of request) {
      yield this.reply(decodeTasksRequest(frame), from)
      return
    }
  }

  /** One answer; `from` is a member or ourselves. @throws InvalidRecordError, OtherSpaceError */
  reply(request: TasksRequest, from: PeerId): Uint8Array {
    const { load, onOffer, board, book } = this.#parts
    switch (request.op) {
      case 'probe':
        return encodeLoad(load())
      case 'offer':
        return verdict(yesOr(onOffer(from, request.count)))
      case 'pull':
        return encodePulled(board.pull(from, request.kinds))
      case 'claim':
        return verdict(this.#claim(request, from))
      case 'renew': {
        const name = { ...request, worker: from }
        const phase = displayText(request.phase, PHASE_BYTES_MAX)
        const answer = book.renew(name, { percent: request.percent, phase })
        if (answer.ok) board.renewed(name, request.percent, phase)
        return verdict(answer)
      }
      case 'begin': {
        const name = { ...request, worker: from }
        const answer = book.begin(name)
        if (answer.ok) board.renewed(name, 0, 'begun')
        return verdict(answer)
      }
      case 'commit':
        return verdict(this.#commit(request.outcome))
      case 'release': {
        const name = { ...request, worker: from }
        const answer = book.release(name, request)
        if (answer.ok) board.released(name, request.failed, displayText(request.reason, PHASE_BYTES_MAX * 4))
        return verdict(answer)
      }
      case 'look':
        return encodeLook(this.#look(request))
      case 'cancel':
        return verdict(this.#cancel(request.record, from))
    }
  }

  /** Only for tasks with several electors: where the requester is the only one, it chooses who does what. */
  #claim(request: Extract<TasksRequest, { op: 'claim' }>, from: PeerId): LeaseAnswer {
    const spec = this.#task(request.record)
    const isOver = spec.closed || this.#parts.clock.now() >= spec.endsAt
    if (isOver || isOwnedHere(spec) || !spec.electors.includes(this.#parts.self)) return yesOr(false)
    const { part, epoch, claim } = request
    if (part !== 0) return yesOr(false)
    return this.#parts.book.claim(
      { task: spec.id, part, epoch, claim, worker: from },
      { ...spec, expiresAt: spec.endsAt },
    )
  }

  /** The worker's signature says whose it is, so anybody may bring it. */
  #commit(bytes: Uint8Array): LeaseAnswer {
    const outcome = decodeOutcome(bytes)
    const answer = this.#parts.book.commit(outcome)
    if (answer.ok) this.#parts.board.taken(outcome)
    return answer
  }

  #look({ task, part }: Extract<TasksRequest, { op: 'look' }>): LookAnswer {
    const view = this.#parts.book.view(task, part)
    return {
      isKnown: view !== undefined,
      isHeld: view?.isHeld ?? false,
      isRunning: view?.isRunning ?? false,
      isBegun: view?.isBegun ?? false,
      isPoisoned: (view?.failedBy.length ?? 0) >= POISON_WORKERS,
      cancelled: view?.cancelled ?? false,
      epoch: view?.epoch ?? 0,
      percent: view?.percent ?? 0,
      phase: view?.phase ?? '',
      outcome: view?.outcome ?? new Uint8Array(0),
    }
  }

  #cancel(bytes: Uint8Array, from: PeerId): LeaseAnswer {
    const spec = this.#task(bytes)
    if (spec.requester !== from || !spec.electors.includes(this.#parts.self)) return yesOr(false)
    return yesOr(this.#parts.book.cancel(spec.id, 0, { ...spec, expiresAt: spec.endsAt }))
  }

  #task(bytes: Uint8Array): TaskSpec {
    const spec = decodeTask(bytes)
    if (spec.record.space !== this.#parts.space()) throw new OtherSpaceError({ peer: this.#parts.self })
    if (!this.#parts.isMember(spec.requester)) throw new NotAMemberError({ peer: spec.requester })
    return spec
  }
}

function yesOr(isYes: boolean): LeaseAnswer {
  return isYes ? { ok: true, epoch: 0 } : { ok: false, reason: 'over', epoch: 0, leftMs: 0 }
}

function verdict(answer: LeaseAnswer): Uint8Array {
  return encodeVerdict(
    answer.ok
      ? { ok: true, reason: 'yes', epoch: answer.epoch, leftMs: 0 }
      : { ok: false, reason: answer.reason, epoch: answer.epoch, leftMs: answer.leftMs },
  )
}
