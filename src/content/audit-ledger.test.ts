import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { type IndexDatabase, openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { AuditLedger } from './audit-ledger.ts'
import {
  AUDIT_OUTCOMES,
  type AuditOutcome,
  scoreOf,
  WEIGHTS_AT_FIRST,
  weighOutcome,
} from './audit-standing.ts'

const oak = signingKeyFromSeed(new Uint8Array(32)).peerId
const elm = signingKeyFromSeed(new Uint8Array(32).fill(1)).peerId
const one = contentIdOf(Buffer.from('one'))
const two = contentIdOf(Buffer.from('two'))

function after(outcomes: readonly AuditOutcome[]) {
  return outcomes.reduce(weighOutcome, WEIGHTS_AT_FIRST)
}

function times(count: number, outcome: AuditOutcome): AuditOutcome[] {
  return Array.from({ length: count }, () => outcome)
}

describe('standing', () => {
  test('who has nothing is suspended after a few audits, whatever it says [R-25] [3.3.4]', () => {
    for (const outcome of ['wrong', 'missing', 'silent', 'late'] as const) {
      assert.equal(after(times(30, outcome)).isSuspended, true, `a newcomer, always ${outcome}`)
      assert.equal(after([...times(200, 'proved'), ...times(140, outcome)]).isSuspended, true, outcome)
    }
    assert.equal(after(times(2, 'wrong')).isSuspended, true)
  })

  test('being away suspends nobody, nor does a bad day now and then', () => {
    assert.deepEqual(after(times(1_000, 'unreachable')), WEIGHTS_AT_FIRST)
    const mostly = Array.from(
      { length: 400 },
      (_, index) => (index % 10 === 9 ? 'missing' : 'proved') as AuditOutcome,
    )
    assert.equal(after(mostly).isSuspended, false)
    const slow = Array.from(
      { length: 400 },
      (_, index) => (index % 2 === 0 ? 'late' : 'proved') as AuditOutcome,
    )
    assert.equal(after(slow).isSuspended, false)
  })

  test('a suspension ends by passing, after any history: nobody is out for good [R-25]', () => {
    for (const outcome of AUDIT_OUTCOMES) {
      const fallen = after(times(5_000, outcome))
      const risen = times(40, 'proved').reduce(weighOutcome, fallen)
      assert.equal(risen.isSuspended, false, `after 5,000 × ${outcome}`)
      assert.ok(scoreOf(risen) >= 0.8)
    }
  })

  test('it does not flutter: between the two limits everything stays as it is', () => {
    let weights = after(times(10, 'wrong'))
    let changes = 0
    for (let number = 0; number < 200; number++) {
      const next = weighOutcome(weights, number % 3 === 2 ? 'wrong' : 'proved')
      if (next.isSuspended !== weights.isSuspended) changes++
      weights = next
    }
    assert.ok(changes <= 1, `${changes} changes`)
  })
})

describe('the ledger', () => {
  const clock = new VirtualClock()
  let disk: MemoryDisk
  let index: IndexDatabase
  let ledger: AuditLedger
  const open = () =>
    new AuditLedger({ index, clock, log: silentLogger, metrics: createMetrics({ processMetrics: false }) })
  beforeEach(() => {
    disk = new MemoryDisk()
    index = openIndexDatabase(disk.openDatabase('index.db'))
    ledger = open()
  })

  test('knows when each peer last proved each chunk, also after a restart', async () => {
    ledger.note(oak, [one], 'proved')
    const provedAt = clock.now()
    await clock.advance(1_000)
    ledger.note(oak, [one, two], 'missing')
    for (const each of [ledger, open()]) {
      assert.equal(each.lastProved(oak, one), provedAt)
      assert.equal(each.lastProved(oak, two), undefined)
      assert.equal(each.lastProved(elm, one), undefined)
      const { counts, lastProvedAt, lastAskedAt } = each.standing(oak)
      assert.deepEqual(
        [counts.proved, counts.missing, lastProvedAt, lastAskedAt],
        [1, 1, provedAt, clock.now()],
      )
    }
  })

  test('a claim found false does not count until it is proved, or the chunk was sent anew', () => {
    ledger.note(oak, [one, two], 'missing')
    for (const each of [ledger, open()]) {
      assert.deepEqual(
        [each.counts(oak, one), each.counts(oak, two), each.counts(elm, one)],
        [false, false, true],
      )
      assert.deepEqual(each.disprovedOf(oak), new Set([one, two]))
    }
    ledger.note(oak, [one], 'proved')
    ledger.noteRestored(oak, [two])
    for (const each of [ledger, open()])
      assert.deepEqual([each.counts(oak, one), each.counts(oak, two)], [true, true])
  })

  test('nothing of a suspended peer counts, everything again when it is back; whoever listens hears of it', () => {
    let told = 0
    ledger.onChange(() => told++)
    for (const outcome of times(3, 'wrong')) ledger.note(oak, [one], outcome)
    assert.deepEqual(
      [ledger.isSuspended(oak), ledger.counts(oak, two), open().counts(oak, two)],
      [true, false, false],
    )
    assert.deepEqual(ledger.report(), { audited: 1, suspended: [oak] })
    const before = told
    for (const outcome of times(40, 'proved')) ledger.note(oak, [one], outcome)
    assert.deepEqual([ledger.isSuspended(oak), ledger.counts(oak, two), told], [false, true, before + 1])
  })

  test('a suspension about which nothing can be asked any more lapses after a day', async () => {
    for (const outcome of times(50, 'wrong')) ledger.note(oak, [one], outcome)
    await clock.advance(23 * 3_600_000)
    assert.equal(ledger.isSuspended(oak), true)
    await clock.advance(2 * 3_600_000)
    assert.deepEqual(
      [ledger.isSuspended(oak), ledger.counts(oak, two), ledger.counts(oak, one)],
      [false, true, false],
    )
    ledger.note(oak, [two], 'wrong')
    assert.equal(ledger.isSuspended(oak), false, 'it begins anew, and has no more credit than a newcomer')
    ledger.note(oak, [two], 'wrong')
    assert.equal(ledger.isSuspended(oak), true)
  })

  test('remembers a bounded number of proofs, the newest', () => {
    const ids = Array.from({ length: 1_500 }, (_, number) => contentIdOf(Buffer.from(`${number}`)))
    index.transaction(() => {
      for (let number = 0; number < 200_000; number++) {
        const digest = Buffer.alloc(32)
        digest.writeUInt32BE(number)
        index.run('INSERT INTO audit_claim (peer, digest, proved_at) VALUES (?, ?, ?)', elm, digest, 1)
      }
    })
    for (const id of ids) ledger.note(oak, [id], 'proved')
    const rows = index.get<{ count: number }>('SELECT count(*) AS count FROM audit_claim')
    assert.ok((rows?.count ?? Infinity) <= 201_000, `${rows?.count} rows`)
    assert.ok(ids.every((id) => ledger.lastProved(oak, id) !== undefined))
  })
})
