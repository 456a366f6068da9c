import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/virtual-clock.ts'
import { GroupCommit } from './group-commit.ts'
import { KeyedSerial, Slots } from './slots.ts'

function gate() {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

test('what gathers while one group is committed is the next group', async () => {
  const groups: number[][] = []
  const first = gate()
  const commit = new GroupCommit<number>(
    async (items) => {
      groups.push(items)
      if (groups.length === 1) await first.passed
    },
    { itemsMax: 3 },
  )
  const all = [1, 2, 3, 4, 5].map((item) => commit.add(item))
  first.open()
  await Promise.all(all)
  assert.deepEqual(groups, [[1], [2, 3, 4], [5]])
  await commit.add(6)
  assert.deepEqual(groups.at(-1), [6])
})

test('a failed group fails everyone in it and nobody else', async () => {
  const commit = new GroupCommit<number>(
    async (items) => {
      if (items.includes(2)) throw new Error('no')
    },
    { itemsMax: 2 },
  )
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map((item) => commit.add(item)))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
})

/** A group that gathers, on a clock that a commit moves on by `commitMs`; `others` are on their way. */
function gatheringGroup(commitMs: number) {
  const clock = new VirtualClock()
  const groups: number[][] = []
  const state = { others: 0, groups, clock }
  const commit = new GroupCommit<number>(
    async (items) => {
      groups.push(items)
      await clock.advance(commitMs)
    },
    { itemsMax: 4, gathering: { clock, isMore: () => state.others > 0 } },
  )
  return { ...state, commit, state }
}

test('a group gathers while others are on their way, three times as long as a commit takes', async () => {
  const { clock, groups, commit, state } = gatheringGroup(2)
  state.others = 2
  await commit.add(1)
  const [second, third] = [commit.add(2), commit.add(3)]
  await clock.advance(5.9)
  assert.deepEqual(groups, [[1]])
  await clock.advance(0.1)
  await Promise.all([second, third])
  assert.deepEqual(groups, [[1], [2, 3]])
})

test('a group goes when it is whole, when nobody else is on the way, and after fifty milliseconds', async () => {
  const { clock, groups, commit, state } = gatheringGroup(1_000)
  state.others = 9
  await commit.add(1)
  await Promise.all([2, 3, 4, 5].map((item) => commit.add(item)))
  assert.deepEqual(groups.at(-1), [2, 3, 4, 5])

  const last = commit.add(6)
  state.others = 0
  const more = commit.add(7)
  await Promise.all([last, more])
  assert.deepEqual(groups.at(-1), [6, 7])

  state.others = 1
  const alone = commit.add(8)
  state.others = 0
  commit.lookAgain()
  await alone
  assert.deepEqual(groups.at(-1), [8])

  state.others = 1
  const waiting = commit.add(9)
  await clock.advance(50)
  await waiting
  assert.deepEqual(groups.at(-1), [9])
  assert.equal(clock.pendingCount, 0)
})

test('slots are handed on in order and never exceeded, failures included', async () => {
  const slots = new Slots(2)
  const order: number[] = []
  let running = 0
  const outcomes = await Promise.allSettled(
    [1, 2, 3, 4, 5].map((number) =>
      slots.run(async () => {
        assert.ok(++running <= 2)
        order.push(number)
        await null
        running--
        if (number === 2) throw new Error('no')
      }),
    ),
  )
  assert.deepEqual(order, [1, 2, 3, 4, 5])
  assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 1)
  assert.equal(await slots.run(async () => 'free again'), 'free again')
})

test('work on one key never overlaps, work on others does', async () => {
  const serial = new KeyedSerial()
  const first = gate()
  const log: string[] = []
  const work = (name: string, wait?: Promise<void>) => async () => {
    log.push(`${name} begins`)
    await wait
    log.push(`${name} ends`)
    if (name === 'b') throw new Error('no')
  }
  const runs = [
    serial.run('x', work('a', first.passed)),
    serial.run('x', work('b')),
    serial.run('x', work('c')),
    serial.run('y', work('other')),
  ]
  await runs[3]
  first.open()
  await Promise.allSettled(runs)
  assert.deepEqual(log, [
    'a begins',
    'other begins',
    'other ends',
    'a ends',
    'b begins',
    'b ends',
    'c begins',
    'c ends',
  ])
})
