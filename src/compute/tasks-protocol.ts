import { type CborValue, encodeCanonical } from '../core/encoding.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { ShapeReader } from '../records/cbor-shape.ts'
import { MalformedMessageError } from '../records/errors.ts'
import { LEASE_REFUSALS, type LeaseRefusal } from './lease-book.ts'
import { TASK_KINDS, type TaskId, type TaskKind, type TaskLoad } from './task.ts'
import { CLAIM_MAX, OUTCOME_BYTES_MAX, readTaskId, TASK_BYTES_MAX } from './task-record.ts'

/** How members do tasks for each other; described in `docs/protocol/tasks.md`. One frame each way. */
export const TASKS_PROTOCOL = '/kizuna/tasks/1.0.0'
/** What a worker says it is doing. */
export const PHASE_BYTES_MAX = 80

const EPOCH_MAX = 1_000_000
const PARTS_MAX = 16
const COUNT_MAX = 100_000
const MS_MAX = 24 * 60 * 60_000
const OPS = [
  'probe',
  'offer',
  'pull',
  'claim',
  'renew',
  'begin',
  'commit',
  'release',
  'look',
  'cancel',
] as const
const shape = new ShapeReader((reason) => new MalformedMessageError({ protocol: TASKS_PROTOCOL, reason }))

/** Which lease, but for the worker, who is whoever asks. */
interface Leased {
  task: TaskId
  part: number
  epoch: number
  claim: number
}

/** The one frame of a request. */
export type TasksRequest =
  | { op: 'probe' }
  /** The asker has this many tasks waiting. */
  | { op: 'offer'; count: number }
  | { op: 'pull'; kinds: readonly TaskKind[] }
  /** `record` is the task as its requester signed it. */
  | { op: 'claim'; record: Uint8Array; part: number; epoch: number; claim: number }
  | ({ op: 'renew'; percent: number; phase: string } & Leased)
  | ({ op: 'begin' } & Leased)
  /** `outcome` is what the worker signed; others may pass it on. */
  | { op: 'commit'; outcome: Uint8Array }
  | ({ op: 'release'; failed: boolean; reason: string } & Leased)
  | { op: 'look'; task: TaskId; part: number }
  | { op: 'cancel'; record: Uint8Array }

/** A task given to who pulled; epoch 0 when its lease is to be claimed from its electors. */
export interface PulledTask {
  record: Uint8Array
  part: number
  epoch: number
}

/** Yes, or no with the reason. */
export interface TasksVerdict {
  ok: boolean
  reason: LeaseRefusal | 'yes'
  /** The highest epoch that was promised. */
  epoch: number
  /** What is left of another's lease, ms. */
  leftMs: number
}

/** What an elector says of a part. */
export interface LookAnswer {
  isKnown: boolean
  isHeld: boolean
  isRunning: boolean
  isBegun: boolean
  isPoisoned: boolean
  cancelled: boolean
  epoch: number
  percent: number
  phase: string
  /** Empty without one. */
  outcome: Uint8Array
}

/** The bytes of a request. */
export function encodeTasksRequest(request: TasksRequest): Uint8Array {
  return encodeCanonical({ ...request } as CborValue)
}

/** @throws MalformedMessageError */
export function decodeTasksRequest(frame: Uint8Array): TasksRequest {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  const op = shape.oneOf(map, 'op', OPS)
  const record = () => shape.bytes(map, 'record', { max: TASK_BYTES_MAX })
  const task = () => idOf(shape.text(map, 'task', 32))
  const part = () => shape.integer(map, 'part', PARTS_MAX)
  const epoch = () => shape.integer(map, 'epoch', EPOCH_MAX)
  const claim = () => shape.integer(map, 'claim', CLAIM_MAX)
  const leased = () => ({ task: task(), part: part(), epoch: epoch(), claim: claim() })
  switch (op) {
    case 'probe':
      return { op }
    case 'offer':
      return { op, count: shape.integer(map, 'count', COUNT_MAX) }
    case 'pull':
      return { op, kinds: kindsOf(shape.list(map, 'kinds', TASK_KINDS.length * 2)) }
    case 'claim':
      return { op, record: record(), part: part(), epoch: epoch(), claim: claim() }
    case 'renew':
      return {
        op,
        ...leased(),
        percent: shape.integer(map, 'percent', 100),
        phase: shape.text(map, 'phase', PHASE_BYTES_MAX),
      }
    case 'begin':
      return { op, ...leased() }
    case 'commit':
      return { op, outcome: shape.bytes(map, 'outcome', { max: OUTCOME_BYTES_MAX }) }
    case 'release':
      return {
        op,
        ...leased(),
        failed: shape.boolean(map, 'failed'),
        reason: shape.text(map, 'reason', PHASE_BYTES_MAX * 4),
      }
    case 'look':
      return { op, task: task(), part: part() }
    case 'cancel':
      return { op, record: record() }
  }
}

/** The answer to `probe`. */
export function encodeLoad(load: TaskLoad): Uint8Array {
  return encodeCanonical({ ...load, kinds: [...load.kinds] })
}

/** @throws MalformedMessageError */
export function decodeLoad(frame: Uint8Array): TaskLoad {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  return {
    percent: shape.integer(map, 'percent', 100),
    slots: shape.integer(map, 'slots', COUNT_MAX),
    free: shape.integer(map, 'free', COUNT_MAX),
    kinds: kindsOf(shape.list(map, 'kinds', TASK_KINDS.length * 2)),
  }
}

/** The answer to `pull`; an empty map when there is nothing. */
export function encodePulled(pulled: PulledTask | undefined): Uint8Array {
  return encodeCanonical(pulled === undefined ? {} : { ...pulled })
}

/** @throws MalformedMessageError */
export function decodePulled(frame: Uint8Array): PulledTask | undefined {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  if (!shape.has(map, 'record')) return undefined
  return {
    record: shape.bytes(map, 'record', { max: TASK_BYTES_MAX }),
    part: shape.integer(map, 'part', PARTS_MAX),
    epoch: shape.integer(map, 'epoch', EPOCH_MAX),
  }
}

/** The answer to everything that asks for a yes. */
export function encodeVerdict(verdict: TasksVerdict): Uint8Array {
  return encodeCanonical({ ...verdict, leftMs: Math.max(0, Math.ceil(verdict.leftMs)) })
}

/** @throws MalformedMessageError */
export function decodeVerdict(frame: Uint8Array): TasksVerdict {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  return {
    ok: shape.boolean(map, 'ok'),
    reason: shape.oneOf(map, 'reason', [...LEASE_REFUSALS, 'yes'] as const),
    epoch: shape.integer(map, 'epoch', EPOCH_MAX),
    leftMs: shape.integer(map, 'leftMs', MS_MAX),
  }
}

/** The answer to `look`. */
export function encodeLook(answer: LookAnswer): Uint8Array {
  return encodeCanonical({ ...answer })
}

/** @throws MalformedMessageError */
export function decodeLook(frame: Uint8Array): LookAnswer {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  const flag = (field: string) => shape.boolean(map, field)
  return {
    isKnown: flag('isKnown'),
    isHeld: flag('isHeld'),
    isRunning: flag('isRunning'),
    isBegun: flag('isBegun'),
    isPoisoned: flag('isPoisoned'),
    cancelled: flag('cancelled'),
    epoch: shape.integer(map, 'epoch', EPOCH_MAX),
    percent: shape.integer(map, 'percent', 100),
    phase: shape.text(map, 'phase', PHASE_BYTES_MAX),
    outcome: shape.bytes(map, 'outcome', { max: OUTCOME_BYTES_MAX }),
  }
}

function idOf(text: string): TaskId {
  try {
    return readTaskId(text)
  } catch {
    return shape.fail('its task is no id')
  }
}

/** Kinds of later versions are passed over. */
function kindsOf(words: readonly unknown[]): TaskKind[] {
  return TASK_KINDS.filter((kind) => words.includes(kind))
}
