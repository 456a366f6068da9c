import { hash } from 'node:crypto'
import { encodeCanonical } from '../core/encoding.ts'
import { type PeerId, publicKeyOf, type SigningKey } from '../core/signing-key.ts'
import { ShapeReader } from '../records/cbor-shape.ts'
import { InvalidRecordError } from '../records/errors.ts'
import type { SignedRecord, SpaceId } from '../records/record.ts'
import { decodeRecord, peerOf, signRecord } from '../records/record-codec.ts'
import type { RecordKind } from '../records/record-sets.ts'
import {
  TASK_KINDS,
  type TaskFacts,
  type TaskId,
  type TaskKind,
  type TaskOutcome,
  type TaskSpec,
} from './task.ts'
import { COMPARABLE, readTaskInput } from './task-input.ts'

/** What somebody wants done; the key is the task's id, the author the requester. */
export const TASK_KIND = 'task'
/** What a worker made of it; the author is the worker. Never in the sets: electors keep it. */
const OUTCOME_KIND = 'task-outcome'
export const TASK_LIFE_MS_MAX = 7 * 24 * 60 * 60_000
export const REDUNDANCY_MAX = 7
/** A task in its canonical bytes; it stands in most messages. */
export const TASK_BYTES_MAX = 24 * 1024
/** What a worker signs: facts of at most 16 KiB with the record around them. */
export const OUTCOME_BYTES_MAX = 20 * 1024
/** Lasting tasks that one member may have in the sets. */
const LASTING_PER_AUTHOR_MAX = 500
/** More electors cost more messages and help nobody. */
const ELECTORS_MAX = 7
const EPOCH_MAX = 1_000_000
/** Claims are drawn from so many numbers. */
export const CLAIM_MAX = 2 ** 32
const PARTS_MAX = 16
const ID_FORM = /^[0-9a-f]{32}$/
const FIELDS = ['v', 'task', 'input', 'redundancy', 'once', 'electors', 'closed']
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason, kind: TASK_KIND }))

/** What is put into a task's record. */
export interface TaskDraft {
  kind: TaskKind
  input: TaskFacts
  redundancy: number
  once: boolean
  electors: readonly PeerId[]
}

/** The rules of task records in the sets, where only tasks stand that outlive their requester. */
export const taskKind: RecordKind = {
  name: TASK_KIND,
  lifetimeMsMax: TASK_LIFE_MS_MAX,
  newestWins: 'per author and key',
  perAuthorMax: LASTING_PER_AUTHOR_MAX,
  refuse(record) {
    try {
      readTask(record)
      return undefined
    } catch (error) {
      return error instanceof InvalidRecordError ? String(error.details.reason) : 'it is malformed'
    }
  },
}

/** The id of a task: equal for the same work asked for by the same node under the same key. */
export function taskIdOf(
  requester: PeerId,
  draft: Pick<TaskDraft, 'kind' | 'input'>,
  nonce: Uint8Array,
): TaskId {
  const named = encodeCanonical({ requester, kind: draft.kind, input: draft.input, nonce })
  return hash('sha256', named, 'hex').slice(0, 32) as TaskId
}

/** The body of a task's record. */
export function taskBody(draft: TaskDraft, closed = false): TaskFacts {
  return {
    v: 1,
    task: draft.kind,
    input: draft.input,
    redundancy: draft.redundancy,
    once: draft.once,
    electors: draft.electors.map(publicKeyOf),
    closed,
  }
}

/** @throws InvalidRecordError when it breaks a rule of its kind. */
export function readTask(record: SignedRecord): TaskSpec {
  if (record.kind !== TASK_KIND) shape.fail('it is not a task')
  if (record.bytes.byteLength > TASK_BYTES_MAX) shape.fail(`it is longer than ${TASK_BYTES_MAX} bytes`)
  if (record.expiresAt - record.createdAt > TASK_LIFE_MS_MAX) shape.fail('it lives longer than a task may')
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, FIELDS)
  if (shape.integer(body, 'v') !== 1) shape.fail('its version is unknown')
  const kind = shape.oneOf(body, 'task', TASK_KINDS)
  const input = shape.map(body.input, 'its input')
  readTaskInput(kind, input)
  const redundancy = shape.integer(body, 'redundancy', REDUNDANCY_MAX)
  const electors = shape.list(body, 'electors', ELECTORS_MAX).map((key) => {
    if (key instanceof Uint8Array && key.byteLength === 32) return peerOf(key)
    return shape.fail('an elector is not a key')
  })
  const once = shape.boolean(body, 'once')
  if (redundancy < 1) shape.fail('nobody is to do it')
  if (electors.length % 2 === 0 || new Set(electors).size !== electors.length)
    shape.fail('its electors are not an odd number of distinct members')
  if (redundancy > 1 && (once || electors.length > 1 || !COMPARABLE[kind]))
    shape.fail('a task of its sort cannot be done by several')
  if (electors.length === 1 && electors[0] !== record.author)
    shape.fail('its one elector is not its requester')
  return {
    id: readTaskId(record.key),
    kind,
    input,
    requester: record.author,
    redundancy,
    once,
    electors,
    closed: shape.boolean(body, 'closed'),
    createdAt: record.createdAt,
    endsAt: record.expiresAt,
    record,
  }
}

/** Reads a task that came from somebody; the signature is checked. @throws InvalidRecordError */
export function decodeTask(bytes: Uint8Array): TaskSpec {
  if (bytes.byteLength > TASK_BYTES_MAX) shape.fail(`it is longer than ${TASK_BYTES_MAX} bytes`)
  return readTask(decodeRecord(bytes))
}

/** @throws InvalidRecordError when the text is no task's id. */
export function readTaskId(text: string): TaskId {
  if (!ID_FORM.test(text)) shape.fail('its key is not the id of a task')
  return text as TaskId
}

/** A worker signs what it made. `now` in milliseconds since 1970. */
export function signOutcome(
  key: SigningKey,
  said: Omit<TaskOutcome, 'worker' | 'bytes'> & { space: SpaceId; now: number },
): TaskOutcome {
  const { task, part, epoch, claim, outcome, result, space, now } = said
  const record = signRecord(key, {
    space,
    kind: OUTCOME_KIND,
    key: task,
    createdAt: now,
    expiresAt: now + 2 * TASK_LIFE_MS_MAX,
    body: { v: 1, part, epoch, claim, outcome, result },
  })
  if (record.bytes.byteLength > OUTCOME_BYTES_MAX)
    shape.fail(`the result is longer than ${OUTCOME_BYTES_MAX} bytes`)
  return { task, part, epoch, claim, outcome, result, worker: key.peerId, bytes: record.bytes }
}

/** Reads what a worker signed; the signature is checked. @throws InvalidRecordError */
export function decodeOutcome(bytes: Uint8Array): TaskOutcome {
  if (bytes.byteLength > OUTCOME_BYTES_MAX) shape.fail(`it is longer than ${OUTCOME_BYTES_MAX} bytes`)
  const record = decodeRecord(bytes)
  if (record.kind !== OUTCOME_KIND) shape.fail('it is not the outcome of a task')
  const body = shape.map(record.body, 'its body')
  shape.onlyFields(body, ['v', 'part', 'epoch', 'claim', 'outcome', 'result'])
  if (shape.integer(body, 'v') !== 1) shape.fail('its version is unknown')
  return {
    task: readTaskId(record.key),
    part: shape.integer(body, 'part', PARTS_MAX),
    epoch: shape.integer(body, 'epoch', EPOCH_MAX),
    claim: shape.integer(body, 'claim', CLAIM_MAX),
    outcome: shape.oneOf(body, 'outcome', ['done', 'failed'] as const),
    result: shape.map(body.result, 'its result'),
    worker: record.author,
    bytes: record.bytes,
  }
}

/** What is compared between workers: equal for equal results. */
export function resultDigest(result: TaskFacts): string {
  return hash('sha256', encodeCanonical(result), 'hex')
}
