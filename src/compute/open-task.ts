import type { PeerId } from '../core/signing-key.ts'
import type { TaskOutcome, TaskSpec, TaskState } from './task.ts'

/** One of the executions that a task wants; most want one. */
export interface Part {
  readonly index: number
  state: 'queued' | 'leased' | 'running' | 'committed'
  worker: PeerId | undefined
  percent: number
  /** Not given out before, on the monotonic clock. */
  notBefore: number
  attempts: number
  outcome: TaskOutcome | undefined
}

/** A task that has not ended, as its requester keeps it in memory. */
export interface OpenTask {
  readonly spec: TaskSpec
  readonly parts: Part[]
  readonly failedBy: Set<PeerId>
  state: TaskState
}

/** Whether the requester alone grants its leases. */
export function isOwnedHere(spec: TaskSpec): boolean {
  return spec.electors.length === 1
}

/** A task before anything happened to it. */
export function openTask(spec: TaskSpec, parts: number): OpenTask {
  const made = Array.from({ length: parts }, (_, index) => newPart(index))
  return { spec, parts: made, failedBy: new Set(), state: 'queued' }
}

/** A part that waits for a worker. */
export function newPart(index: number): Part {
  return {
    index,
    state: 'queued',
    worker: undefined,
    percent: 0,
    notBefore: 0,
    attempts: 0,
    outcome: undefined,
  }
}

/** How far all parts are together, 0 to 100. */
export function percentOf(parts: readonly Part[]): number {
  const sum = parts.reduce((total, part) => total + (part.state === 'committed' ? 100 : part.percent), 0)
  return Math.round(sum / parts.length)
}

/** A task is as far as the part that is being worked on. */
export function stateOf(parts: readonly Part[]): TaskState {
  for (const state of ['running', 'leased', 'queued'] as const) {
    if (parts.some((part) => part.state === state)) return state
  }
  return 'committed'
}
