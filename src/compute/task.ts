import type { CborValue } from '../core/encoding.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { SignedRecord } from '../records/record.ts'

/** What tasks there are: data, never code, except import-free WebAssembly. */
export const TASK_KINDS = ['verify', 'hash', 'archive', 'transcode-image', 'wasm'] as const
export type TaskKind = (typeof TASK_KINDS)[number]

/** 32 lower-case hex digits. */
export type TaskId = string & { readonly taskId: unique symbol }

/** Where a task stands. The last five are ends. */
export const TASK_STATES = [
  'queued',
  'leased',
  'running',
  'committed',
  'verified',
  'rejected',
  'failed',
  'expired',
  'cancelled',
] as const
export type TaskState = (typeof TASK_STATES)[number]

const ENDS: readonly TaskState[] = ['verified', 'rejected', 'failed', 'expired', 'cancelled']

/** Whether nothing more happens to a task in this state. */
export function isEnd(state: TaskState): boolean {
  return ENDS.includes(state)
}

/** Plain facts of the data model of our CBOR. */
export type TaskFacts = { readonly [field: string]: CborValue }

/** A task as its requester signed it; the same for everybody. */
export interface TaskSpec {
  readonly id: TaskId
  readonly kind: TaskKind
  /** Checked against the rules of its kind. */
  readonly input: TaskFacts
  /** The node that asked. */
  readonly requester: PeerId
  /** How many distinct workers do it; their results are compared. From 1. */
  readonly redundancy: number
  /** Never begun twice, whatever happens; else it may be begun again and has its effect once. */
  readonly once: boolean
  /** Who grants leases: the requester alone, or a fixed odd number of members of whom a majority counts. */
  readonly electors: readonly PeerId[]
  /** The requester wants it no more. */
  readonly closed: boolean
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly endsAt: number
  readonly record: SignedRecord
}

/** What a worker made of a task. */
export interface TaskOutcome {
  readonly task: TaskId
  readonly part: number
  /** The fencing token of the lease under which it was made. */
  readonly epoch: number
  readonly claim: number
  readonly worker: PeerId
  /** `failed` only for tasks that may not be begun again. */
  readonly outcome: 'done' | 'failed'
  /** Facts of its kind, at most 16 KiB; what is longer is content, whose id stands in them. */
  readonly result: TaskFacts
  /** The record that the worker signed. */
  readonly bytes: Uint8Array
}

/** One entry of a task's log. */
export interface TaskEvent {
  readonly task: TaskId
  /** From 1, without gaps for one task. */
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly state: TaskState
  /** Which of the redundant executions; 0 for most tasks. */
  readonly part: number
  readonly worker: PeerId | undefined
  /** 0 to 100. */
  readonly percent: number
  /** What the worker does, or why something happened. */
  readonly note: string
}

/** A task of this node as people see it. */
export interface TaskView {
  readonly id: TaskId
  readonly kind: TaskKind
  readonly input: TaskFacts
  /** Who asked for it, as the app said (`cli`, `discord:…`); stays on this node. */
  readonly requestedBy: string
  /** Where people ask together, as the app said (`discord:…`); empty without. Stays on this node. */
  readonly requestedIn: string
  readonly state: TaskState
  readonly percent: number
  readonly note: string
  readonly workers: readonly PeerId[]
  readonly redundancy: number
  readonly lasting: boolean
  readonly once: boolean
  /** How many results were the same as the one below. */
  readonly agreeing: number
  readonly result: TaskFacts | undefined
  readonly createdAt: number
  readonly endsAt: number
  readonly endedAt: number | undefined
}

/** What a caller wants done. */
export interface TaskRequest {
  kind: TaskKind
  input: TaskFacts
  /** @default 1 */
  redundancy?: number
  /** Goes on without this node. @default false */
  lasting?: boolean
  /** Must never be begun twice. @default false */
  once?: boolean
  /** @default one day */
  lifeMs?: number
  requestedBy: string
  requestedIn?: string
  /** The same text from the same node for the same work gives the same task: a repeated request asks once. */
  idempotencyKey?: string
}

/** How busy this node is for others, measured now. */
export interface TaskLoad {
  /** 0 to 100. */
  percent: number
  /** Tasks at once. */
  slots: number
  /** Of those, free now. */
  free: number
  kinds: readonly TaskKind[]
}

/** Tasks that members do for each other. */
export interface Tasks {
  start(): Promise<void>
  /** Gives back what this node was doing for others; its own tasks wait on the disk. */
  stop(): Promise<void>
  /** @throws InvalidInputError, QueueFullError */
  run(request: TaskRequest): Promise<TaskView>
  /** @throws TaskNotFoundError */
  get(id: TaskId): TaskView
  /** Newest first. */
  list(options?: { requestedBy?: string; requestedIn?: string; open?: boolean; limit?: number }): TaskView[]
  /** The log of a task from an entry on. */
  events(id: TaskId, options?: { after?: number; limit?: number }): TaskEvent[]
  /** Hears every entry of every log of this node; returns how to stop. */
  onEvent(listener: (event: TaskEvent) => void): () => void
  /** Resolves when the task has ended. @throws TaskNotFoundError, AbortedError */
  wait(id: TaskId, options: { signal: AbortSignal }): Promise<TaskView>
  /** False when it had ended already. @throws TaskNotFoundError */
  cancel(id: TaskId): Promise<boolean>
  /** What this node does for members just now. */
  load(): TaskLoad
  /** Forgets who asked for the tasks of a person; ended ones go whole. Returns how many rows it changed. */
  forgetRequester(requestedBy: string): number
  /** For the status page. */
  counts(): { open: number; running: number; doing: number }
}
