/**
 * K-80: histories of tasks among five nodes in virtual time. Nodes are killed and come back, the network is cut, delays
 * and loses messages, clocks run apart. What may not be begun twice never is, no two work on one task at the same time, every task
 * ends, and no task has two results. `KIZUNA_TEST_TASK_SEEDS=500` runs as many as the row asks for (about a second of
 * processor time each).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runQuorumHistory } from '../../src/compute/quorum-history.suite.ts'

const SEEDS = Number(process.env.KIZUNA_TEST_TASK_SEEDS ?? 12)
/** Histories in which a planted bug must show. */
const PLANTED_MAX = 12

test(`in ${SEEDS} histories no task that may be begun once is begun twice, and none is lost [K-80] [K-63]`, async (context) => {
  const ends = new Map<string, number>()
  let tasks = 0
  let faults = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const history = await runQuorumHistory({ seed })
    assert.deepEqual(history.violations, [], `seed ${seed}`)
    for (const [state, count] of history.ends) ends.set(state, (ends.get(state) ?? 0) + count)
    tasks += history.tasks
    faults += history.faults
  }
  const told = [...ends].map(([state, count]) => `${count} ${state}`).join(', ')
  context.diagnostic(`${tasks} tasks, ${faults} faults; of those for once: ${told}`)
  const all = [...ends.values()].reduce((sum, count) => sum + count, 0)
  assert.ok((ends.get('verified') ?? 0) > all / 2, 'most tasks are done in spite of all')
})

test('the check finds electors that forget what they promised when they come back', async () => {
  await assert.doesNotReject(
    findPlanted((world) => {
      world.electorsForget = true
    }),
  )
})

test('the same seed gives the same history', async () => {
  const [first, second] = [await runQuorumHistory({ seed: 3 }), await runQuorumHistory({ seed: 3 })]
  assert.deepEqual(first, second)
})

/** Passes when one of some histories with a bug in it shows a violation. */
async function findPlanted(
  plant: NonNullable<Parameters<typeof runQuorumHistory>[0]['plant']>,
): Promise<void> {
  for (let seed = 1; seed <= PLANTED_MAX; seed++) {
    const { violations } = await runQuorumHistory({ seed, plant })
    if (violations.some((each) => /begun \d+ times|by two at once|results/.test(each))) return
  }
  assert.fail('nothing was found')
}
