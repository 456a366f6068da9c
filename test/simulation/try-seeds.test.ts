import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trySeeds } from '../reliability/try-seeds.ts'

interface Trial {
  failing?: (seed: number) => boolean
  hashOf?: (seed: number, time: number) => string
  seeds?: number
  cpuMsMax?: number
}

/** Runs worlds whose seed is their number; gives what came of them and how often each was run. */
async function tried({ failing = () => false, hashOf = String, seeds = 10, cpuMsMax = 60_000 }: Trial) {
  const times = new Map<number, number>()
  let results = 0
  const outcome = await trySeeds({
    seeds,
    cpuMsMax,
    seedsMin: 5,
    twiceOneOf: 4,
    progressEvery: 100,
    signal: new AbortController().signal,
    progress: () => {},
    worldOf: (index) => ({ seed: index }),
    async run({ seed }) {
      times.set(seed, (times.get(seed) ?? 0) + 1)
      const failure = failing(seed) ? 'it broke' : undefined
      return { stateHash: hashOf(seed, times.get(seed) ?? 0), failure }
    },
    describe: ({ failure }, { seed }) => `seed ${seed}: ${failure}`,
    onResult: () => results++,
  })
  return { ...outcome, times, results }
}

test('every world is run, one of four twice, and what fails is told with its seed', async () => {
  const good = await tried({})
  assert.deepEqual(good.failures, [])
  assert.deepEqual([good.tried, good.twice, good.results], [10, 3, 13])
  assert.equal(good.times.get(4), 2)
  const bad = await tried({ failing: (seed) => seed === 7 })
  assert.deepEqual(bad.failures, ['seed 7: it broke'])
})

test('a world with two histories is a failure, and so are too few worlds in the time', async () => {
  const { failures } = await tried({ hashOf: (seed, time) => `${seed} ${seed === 4 ? time : 0}` })
  assert.match(failures.join(), /^seed 4: two runs, two histories: 4 1 and 4 2$/)
  const late = await tried({ cpuMsMax: 0 })
  assert.match(late.failures.join(), /only 0 worlds/)
})

test('when everything fails it is not tried for ever', async () => {
  const { failures, tried: count } = await tried({ failing: () => true, seeds: 1_000 })
  assert.equal(failures.length, 20)
  assert.equal(count, 20)
})
