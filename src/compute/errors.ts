import { KizunaError } from '../core/kizuna-error.ts'

/** Thrown when this node knows no task of its own with an id. */
export class TaskNotFoundError extends KizunaError {
  override name = 'TaskNotFoundError'
  constructor(facts: { id: string }) {
    super({
      code: 'TASK_NOT_FOUND',
      kind: 'missing',
      message: `There is no task ${facts.id} on this node.`,
      hint: '`kizuna task list` shows those there are. A task is known to the node that asked for it, and for a week after its end.',
      details: facts,
    })
  }
}

/** Thrown when a task's work cannot be done, whoever does it. */
export class TaskWorkError extends KizunaError {
  override name = 'TaskWorkError'
  constructor(facts: { kind: string; reason: string; cause?: unknown }) {
    const { cause, ...rest } = facts
    super({
      code: 'TASK_WORK_FAILED',
      kind: 'invalid',
      message: `The ${facts.kind} task cannot be done: ${facts.reason}.`,
      hint: 'Look at its input: the content must be what the task expects, and within the limits in docs/using/tasks.md.',
      details: rest,
      cause,
    })
  }
}

/** Thrown when a task used up the time or the memory it may use. */
export class TaskLimitError extends KizunaError {
  override name = 'TaskLimitError'
  constructor(facts: { kind: string; limit: 'time' | 'memory' }) {
    super({
      code: 'TASK_LIMIT_EXCEEDED',
      kind: 'invalid',
      message: `The ${facts.kind} task was stopped: it used more ${facts.limit} than it may.`,
      hint: 'Give it less to do at once; docs/using/tasks.md lists the limits.',
      details: facts,
    })
  }
}

/** Thrown inside a worker when its lease is not its own any more. */
export class LeaseLostError extends KizunaError {
  override name = 'LeaseLostError'
  constructor(facts: { task: string; reason: string }) {
    super({
      code: 'LEASE_LOST',
      kind: 'conflict',
      message: `The lease on task ${facts.task} has ended: ${facts.reason}.`,
      hint: 'Another worker goes on with the task; nothing needs to be done.',
      details: facts,
    })
  }
}

/** Thrown when too few of a lasting task's electors can be reached to decide about it. */
export class ElectorsAwayError extends KizunaError {
  override name = 'ElectorsAwayError'
  constructor(facts: { id: string }) {
    super({
      code: 'TASK_ELECTORS_AWAY',
      kind: 'unavailable',
      message: `Too few of the members that decide about the task ${facts.id} can be reached.`,
      hint: 'Try again when more members are online; until then the task goes on.',
      details: facts,
    })
  }
}
