import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SeededRandom } from '../core/random.ts'
import { anyOf, lossOdds, unreadableShare } from './durability-odds.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const YEAR_DAYS = 365.25
const repairMs = { calm: HOUR_MS, urgent: HOUR_MS }

function isNear(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual / expected - 1) <= share, `${actual} is not near ${expected}`)
}

describe('the odds of loss', () => {
  test('one copy that nobody repairs is lost as its holder leaves [R-20]', () => {
    const leavesPerDay = 1 / 100
    isNear(lossOdds({ total: 1, needed: 1, leavesPerDay, repairMs }), 1 - Math.exp(-YEAR_DAYS / 100), 1e-3)
  })

  test('two copies agree with the closed form of a mirrored pair [R-20]', () => {
    // Patterson, Gibson and Katz 1988: the mean time to loss is (3λ + µ) / 2λ².
    const leavesPerDay = 1 / 30
    const mu = 24
    const meanDays = (3 * leavesPerDay + mu) / (2 * leavesPerDay ** 2)
    isNear(
      lossOdds({ total: 2, needed: 1, leavesPerDay, repairMs }),
      1 - Math.exp(-YEAR_DAYS / meanDays),
      2e-3,
    )
  })

  test('shards agree with the product of the rates, also where the odds are tiny [R-20]', () => {
    const leavesPerDay = 1 / 200
    // n·C(n − 1, m)·λ·(λT)^m per day.
    const daily = 14 * 715 * leavesPerDay * (leavesPerDay / 24) ** 4
    isNear(lossOdds({ total: 14, needed: 10, leavesPerDay, repairMs }), daily * YEAR_DAYS, 0.01)
    assert.ok(daily * YEAR_DAYS < 1e-10)
  })

  test('agrees with a chain that is played through event by event [R-20]', () => {
    const input = {
      total: 4,
      needed: 2,
      leavesPerDay: 0.2,
      repairMs: { calm: 12 * HOUR_MS, urgent: 6 * HOUR_MS },
    }
    const days = 30
    const random = new SeededRandom(7)
    const draw = (rate: number) => -Math.log(1 - random.fraction()) / rate
    let lost = 0
    const runs = 20_000
    for (let run = 0; run < runs; run++) {
      let gone = 0
      for (let at = 0; at < days && gone <= 2; ) {
        const leave = (4 - gone) * input.leavesPerDay
        const come = gone * (24 / (gone === 2 ? 6 : 12))
        at += draw(leave + come)
        if (at < days) gone += random.fraction() < leave / (leave + come) ? 1 : -1
      }
      if (gone > 2) lost++
    }
    isNear(lossOdds({ ...input, horizonMs: days * DAY_MS }), lost / runs, 0.1)
  })

  test('what is weakened now is likelier to be lost, and what is lost is lost', () => {
    const input = { total: 3, needed: 1, leavesPerDay: 0.01, repairMs }
    const odds = [3, 2, 1, 0].map((alive) => lossOdds({ ...input, alive }))
    assert.deepEqual(
      odds,
      odds.toSorted((a, b) => a - b),
    )
    assert.equal(odds[3], 1)
    assert.ok((odds[2] ?? 0) > 1e-4 && (odds[0] ?? 1) < 1e-5)
    assert.ok(lossOdds({ ...input, alive: 5 }) < (odds[0] ?? 0))
    assert.equal(lossOdds({ ...input, leavesPerDay: 0 }), 0)
  })
})

describe('the share of time that content cannot be read', () => {
  test('is the product of the absences for copies, and the binomial sum for shards', () => {
    isNear(unreadableShare([0.9, 0.8, 0.5], 1), 0.1 * 0.2 * 0.5, 1e-9)
    isNear(unreadableShare([0.9, 0.9, 0.9], 2), 3 * 0.9 * 0.01 + 0.001, 1e-9)
    assert.equal(unreadableShare([1, 1], 3), 1)
    assert.equal(unreadableShare([], 1), 1)
    assert.equal(unreadableShare([], 0), 0)
  })

  test('one of several happens at least as often as each', () => {
    assert.equal(anyOf([]), 0)
    assert.equal(anyOf([1, 0.5]), 1)
    isNear(anyOf([0.1, 0.2]), 0.28, 1e-9)
    isNear(anyOf([1e-18, 1e-18]), 2e-18, 1e-9)
  })
})
