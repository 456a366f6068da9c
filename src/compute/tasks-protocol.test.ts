/** The wire forms: vectors of docs/protocol/tasks.md, round trips, and hostile bytes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeCanonical } from '../core/encoding.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { signRecord, spaceIdFromBytes } from '../records/record-codec.ts'
import type { TaskId } from './task.ts'
import {
  decodeOutcome,
  decodeTask,
  resultDigest,
  signOutcome,
  TASK_KIND,
  taskBody,
  taskIdOf,
} from './task-record.ts'
import {
  decodeLoad,
  decodeLook,
  decodePulled,
  decodeTasksRequest,
  decodeVerdict,
  encodeLoad,
  encodeLook,
  encodePulled,
  encodeTasksRequest,
  encodeVerdict,
  type TasksRequest,
} from './tasks-protocol.ts'

const requester = signingKeyFromSeed(new Uint8Array(32).fill(1))
const worker = signingKeyFromSeed(new Uint8Array(32).fill(2))
const space = spaceIdFromBytes(new Uint8Array(32).fill(3))
const content = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
const draft = {
  kind: 'hash',
  input: { content, algorithm: 'sha256' },
  redundancy: 1,
  once: false,
  electors: [requester.peerId],
} as const
const id = taskIdOf(requester.peerId, draft, new Uint8Array(16).fill(4))
const times = { createdAt: 1_800_000_000_000, expiresAt: 1_800_086_400_000 }
const record = signRecord(requester, { space, kind: TASK_KIND, key: id, ...times, body: taskBody(draft) })
const outcome = signOutcome(worker, {
  task: id,
  part: 0,
  epoch: 1,
  claim: 0,
  outcome: 'done',
  result: { algorithm: 'sha256', hex: '00', sizeBytes: 0 },
  space,
  now: 1_800_000_001_000,
})
const leased = { task: id, part: 0, epoch: 1, claim: 7 }
const look = {
  isKnown: true,
  isHeld: true,
  isRunning: true,
  isBegun: false,
  isPoisoned: false,
  cancelled: false,
  epoch: 1,
  percent: 40,
  phase: 'reading',
  outcome: new Uint8Array(0),
}

const MADE: Record<string, string> = {
  'task id': id,
  'task record': hex(record.bytes),
  'outcome record': hex(outcome.bytes),
  'result digest': resultDigest(outcome.result),
  probe: hex(encodeTasksRequest({ op: 'probe' })),
  pull: hex(encodeTasksRequest({ op: 'pull', kinds: ['hash', 'wasm'] })),
  renew: hex(encodeTasksRequest({ op: 'renew', ...leased, percent: 40, phase: 'reading' })),
  begin: hex(encodeTasksRequest({ op: 'begin', ...leased })),
  release: hex(encodeTasksRequest({ op: 'release', ...leased, failed: false, reason: 'it stops' })),
  look: hex(encodeTasksRequest({ op: 'look', task: id, part: 0 })),
  load: hex(encodeLoad({ percent: 10, slots: 2, free: 1, kinds: ['hash'] })),
  'nothing to pull': hex(encodePulled(undefined)),
  'verdict no': hex(encodeVerdict({ ok: false, reason: 'leased', epoch: 3, leftMs: 12_000 })),
  'look answer': hex(encodeLook(look)),
}

test('makes exactly the bytes of the vectors in the protocol page', () => {
  const page = readFileSync(new URL('../../docs/protocol/tasks.md', import.meta.url), 'utf8')
  const block = /```json\n(\{[\s\S]*?\n\})\n```/.exec(page)?.[1] ?? '{}'
  assert.deepEqual(JSON.parse(block), MADE)
})

test('every message is read as it was written', () => {
  const requests: TasksRequest[] = [
    { op: 'probe' },
    { op: 'offer', count: 12 },
    { op: 'pull', kinds: ['hash', 'wasm'] },
    { op: 'claim', record: record.bytes, part: 0, epoch: 4, claim: 9 },
    { op: 'renew', ...leased, percent: 40, phase: 'reading' },
    { op: 'begin', ...leased },
    { op: 'commit', outcome: outcome.bytes },
    { op: 'release', ...leased, failed: true, reason: 'broken' },
    { op: 'look', task: id, part: 0 },
    { op: 'cancel', record: record.bytes },
  ]
  for (const request of requests)
    assert.deepEqual(decodeTasksRequest(encodeTasksRequest(request)), request, request.op)
  const load = { percent: 10, slots: 2, free: 1, kinds: ['hash'] as const }
  assert.deepEqual(decodeLoad(encodeLoad(load)), load)
  const pulled = { record: record.bytes, part: 0, epoch: 1 }
  assert.deepEqual(decodePulled(encodePulled(pulled)), pulled)
  assert.equal(decodePulled(encodePulled(undefined)), undefined)
  const verdict = { ok: false, reason: 'leased', epoch: 3, leftMs: 12_000 } as const
  assert.deepEqual(decodeVerdict(encodeVerdict(verdict)), verdict)
  assert.deepEqual(decodeLook(encodeLook(look)), look)
  const { record: _, ...spec } = decodeTask(record.bytes)
  assert.deepEqual([spec.id, spec.kind, spec.input], [id, 'hash', draft.input])
  assert.deepEqual(decodeOutcome(outcome.bytes), outcome)
})

test('kinds of later versions are passed over, unknown questions refused', () => {
  const pull = encodeCanonical({ op: 'pull', kinds: ['hash', 'train'] })
  assert.deepEqual(decodeTasksRequest(pull), { op: 'pull', kinds: ['hash'] })
  assert.throws(() => decodeTasksRequest(encodeCanonical({ op: 'shell' })), { code: 'MALFORMED_MESSAGE' })
})

test('whatever bytes come, they are read or refused with a typed error', () => {
  const good = [
    encodeTasksRequest({ op: 'claim', record: record.bytes, part: 0, epoch: 4, claim: 9 }),
    encodeTasksRequest({ op: 'renew', ...leased, percent: 40, phase: 'reading' }),
    encodeLook(look),
    record.bytes,
    outcome.bytes,
  ]
  const readers = [
    decodeTasksRequest,
    decodeLoad,
    decodePulled,
    decodeVerdict,
    decodeLook,
    decodeTask,
    decodeOutcome,
  ]
  const tryAll = (bytes: Uint8Array) => {
    for (const read of readers) {
      try {
        read(bytes)
      } catch (error) {
        assert.ok(isKizunaError(error) && error.code !== 'INTERNAL', String(error))
      }
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tryAll), { numRuns: 300 })
  const changed = fc.tuple(fc.constantFrom(...good), fc.nat(), fc.integer({ min: 1, max: 255 }))
  fc.assert(
    fc.property(changed, ([bytes, at, bits]) => {
      const other = Uint8Array.from(bytes)
      const place = at % other.byteLength
      other[place] = (other[place] ?? 0) ^ bits
      tryAll(other)
      tryAll(other.subarray(0, place))
    }),
    { numRuns: 300 },
  )
})

test('a task is what its rules allow, and its signature is looked at', () => {
  const bad: [string, Parameters<typeof taskBody>[0] | Record<string, unknown>][] = [
    ['two electors', { ...draft, electors: [requester.peerId, worker.peerId] }],
    ['one elector that is not its requester', { ...draft, electors: [worker.peerId] }],
    ['nobody to do it', { ...draft, redundancy: 0 }],
    ['several for what may be begun once', { ...draft, redundancy: 2, once: true }],
    ['several for what cannot be compared', { ...draft, kind: 'verify', input: { content }, redundancy: 2 }],
    ['an unknown kind', { ...draft, kind: 'shell' }],
    ['no content', { ...draft, input: {} }],
  ]
  for (const [what, each] of bad) {
    const body = taskBody(each as Parameters<typeof taskBody>[0])
    const { bytes } = signRecord(requester, { space, kind: TASK_KIND, key: id, ...times, body })
    assert.throws(() => decodeTask(bytes), { code: 'INVALID_RECORD' }, what)
  }
  const forged = Uint8Array.from(record.bytes)
  forged[forged.byteLength - 1] = (forged.at(-1) ?? 0) ^ 1
  assert.throws(() => decodeTask(forged), { code: 'INVALID_RECORD' })
  const long = signRecord(requester, {
    space,
    kind: TASK_KIND,
    key: 'x'.repeat(32) as TaskId,
    ...times,
    body: taskBody(draft),
  })
  assert.throws(() => decodeTask(long.bytes), { code: 'INVALID_RECORD' })
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
