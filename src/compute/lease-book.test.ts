/** The rules of one elector. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { SpaceId } from '../records/record.ts'
import { spaceIdFromBytes } from '../records/record-codec.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { LEASE_MS, LeaseBook, type LeaseName } from './lease-book.ts'
import type { TaskId } from './task.ts'
import { signOutcome } from './task-record.ts'

const task = '0'.repeat(32) as TaskId
const keys = [1, 2, 3, 4].map((fill) => signingKeyFromSeed(new Uint8Array(32).fill(fill)))
const space: SpaceId = spaceIdFromBytes(new Uint8Array(32))
const requester = keyOf(3).peerId
const rules = { once: false, requester, expiresAt: 10 ** 13 }

function bookOf() {
  const clock = new VirtualClock()
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  const book = new LeaseBook({ index, clock })
  return { clock, book, again: () => new LeaseBook({ index, clock }) }
}

function name(worker: number, epoch: number, claim = worker): LeaseName {
  return { task, part: 0, epoch, claim, worker: keyOf(worker).peerId }
}

function keyOf(worker: number) {
  return keys[worker] as (typeof keys)[0]
}

function outcomeOf(worker: number, epoch: number, said = 'done', claim = worker) {
  const of = { task, part: 0, epoch, claim, outcome: 'done', result: { said } } as const
  return signOutcome(keyOf(worker), { ...of, space, now: 1_000 })
}

function reasonOf(answer: ReturnType<LeaseBook['claim']>): string {
  return answer.ok ? 'yes' : answer.reason
}

test('one holder at a time; the next one needs a higher epoch and an end of the lease', async () => {
  const { book, clock } = bookOf()
  assert.equal(reasonOf(book.claim(name(0, 1), rules)), 'yes')
  assert.equal(reasonOf(book.claim(name(0, 1), rules)), 'yes', 'an answer may be lost')
  assert.equal(reasonOf(book.claim(name(1, 2), rules)), 'leased')
  await clock.advance(LEASE_MS)
  assert.equal(reasonOf(book.claim(name(1, 1), rules)), 'behind')
  assert.equal(reasonOf(book.claim(name(1, 2), rules)), 'yes')
  assert.equal(reasonOf(book.renew(name(0, 1), { percent: 1, phase: '' })), 'behind')
})

test('a late commit is refused: after the end of the lease, and after it went to another', async () => {
  const { book, clock } = bookOf()
  book.claim(name(0, 1), rules)
  await clock.advance(LEASE_MS)
  assert.equal(reasonOf(book.commit(outcomeOf(0, 1))), 'over')
  book.claim(name(1, 2), rules)
  assert.equal(reasonOf(book.commit(outcomeOf(0, 1))), 'behind')
  assert.equal(reasonOf(book.commit(outcomeOf(1, 2))), 'yes')
  assert.equal(reasonOf(book.commit(outcomeOf(1, 2))), 'yes', 'the same again')
  assert.equal(reasonOf(book.commit(outcomeOf(0, 1))), 'ended')
  assert.equal(reasonOf(book.claim(name(2, 3), rules)), 'ended')
})

test('a worker that comes back is not taken for its earlier life', () => {
  const { book } = bookOf()
  const once = { ...rules, once: true }
  book.claim(name(0, 1, 11), once)
  book.begin(name(0, 1, 11))
  assert.equal(reasonOf(book.claim(name(0, 1, 12), once)), 'started')
  assert.equal(reasonOf(book.begin(name(0, 1, 12))), 'behind')
  assert.equal(reasonOf(book.commit(outcomeOf(0, 1, 'done', 12))), 'behind')
})

test('what may not be begun twice is never granted again once begun, whatever time goes by', async () => {
  const { book, clock, again } = bookOf()
  const once = { ...rules, once: true }
  book.claim(name(0, 1), once)
  assert.equal(reasonOf(book.commit(outcomeOf(0, 1))), 'over', 'not without a beginning')
  assert.equal(reasonOf(book.begin(name(0, 1))), 'yes')
  await clock.advance(100 * LEASE_MS)
  assert.equal(reasonOf(book.claim(name(1, 2), once)), 'started')
  assert.equal(reasonOf(again().claim(name(1, 2), once)), 'started', 'after a restart, too')
  assert.equal(reasonOf(book.release(name(0, 1), { failed: true })), 'started')
  assert.equal(reasonOf(again().commit(outcomeOf(0, 1))), 'yes', 'nobody else can have done it')
})

test('who was granted a later epoch bars the beginning under an earlier one', async () => {
  const { book, clock } = bookOf()
  const once = { ...rules, once: true }
  book.claim(name(0, 1), once)
  await clock.advance(LEASE_MS)
  book.claim(name(1, 2), once)
  assert.equal(reasonOf(book.begin(name(0, 1))), 'behind')
  assert.equal(reasonOf(book.begin(name(1, 2))), 'yes')
})

test('after a restart every lease counts as granted just now', async () => {
  const { book, clock, again } = bookOf()
  book.claim(name(0, 1), rules)
  await clock.advance(LEASE_MS - 1_000)
  const restarted = again()
  await clock.advance(LEASE_MS - 1_000)
  assert.equal(reasonOf(restarted.claim(name(1, 2), rules)), 'leased')
  assert.equal(reasonOf(restarted.renew(name(0, 1), { percent: 5, phase: 'x' })), 'yes')
  await clock.advance(LEASE_MS)
  assert.equal(reasonOf(restarted.claim(name(1, 2), rules)), 'yes')
})

test('three distinct workers that failed at it poison a part; one that never began has not failed', async () => {
  const { book, clock } = bookOf()
  book.claim(name(3, 1), rules)
  await clock.advance(LEASE_MS)
  for (const [index, worker] of [0, 1, 2].entries()) {
    assert.equal(reasonOf(book.claim(name(worker, index + 2), rules)), 'yes')
    book.renew(name(worker, index + 2), { percent: 0, phase: '' })
    if (worker === 1) book.release(name(worker, index + 2), { failed: true })
    else await clock.advance(LEASE_MS)
  }
  assert.equal(reasonOf(book.claim(name(3, 9), rules)), 'poisoned')
  assert.equal(book.view(task, 0)?.failedBy.length, 3)
})

test('given back in good order, the next one has it at once; a late repeat of the claim has not', () => {
  const { book } = bookOf()
  book.claim(name(0, 1), rules)
  assert.equal(reasonOf(book.release(name(0, 1), { failed: false })), 'yes')
  assert.equal(reasonOf(book.claim(name(0, 1), rules)), 'behind')
  assert.equal(reasonOf(book.claim(name(1, 2), rules)), 'yes')
})

test('cancelled is cancelled, unless the outcome came first', () => {
  const { book } = bookOf()
  book.claim(name(0, 1), rules)
  assert.equal(book.cancel(task, 0, rules), true)
  assert.equal(reasonOf(book.commit(outcomeOf(0, 1))), 'cancelled')
  assert.equal(reasonOf(book.claim(name(1, 2), rules)), 'cancelled')
  const other = bookOf().book
  other.claim(name(0, 1), rules)
  other.commit(outcomeOf(0, 1))
  assert.equal(other.cancel(task, 0, rules), false)
})

test('forgets tasks whose time is long over', () => {
  const { book } = bookOf()
  book.claim(name(0, 1), { ...rules, expiresAt: 5_000 })
  book.forget(5_000)
  assert.notEqual(book.view(task, 0), undefined)
  book.forget(5_001)
  assert.equal(book.view(task, 0), undefined)
})
