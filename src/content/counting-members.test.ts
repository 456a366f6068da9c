import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import type { Community, MemberView } from './community.ts'
import { CountingMembers } from './counting-members.ts'
import { Turnover } from './turnover.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const GRACE_MS = 10 * MINUTE_MS
const GIB = 2 ** 30

function memberOf(peer: string, facts: Partial<MemberView> = {}): MemberView {
  return {
    peer: peer as PeerId,
    online: true,
    lastSeenAt: 0,
    stores: true,
    freeBytes: GIB,
    uptime: 0.9,
    failureDomain: peer,
    latencyMs: undefined,
    holdings: undefined,
    ...facts,
  }
}

function countingOver(clock: VirtualClock, members: () => MemberView[], suspended: string[] = []) {
  const community: Community = {
    self: 'us' as PeerId,
    members,
    isMember: () => true,
    publicReading: false,
    onChange: () => () => {},
  }
  return new CountingMembers(
    { community, clock, isSuspended: (peer) => suspended.includes(peer) },
    {
      graceMs: GRACE_MS,
      selfView: () => ({ freeBytes: GIB, uptime: 1, failureDomain: 'us', stores: true }),
    },
  )
}

test('counts who is here or was a short while ago; not who leaves, is suspended or long away', () => {
  const clock = new VirtualClock()
  const away = (timeMs: number) => ({ online: false, lastSeenAt: clock.now() - timeMs })
  const members = countingOver(
    clock,
    () => [
      memberOf('here'),
      memberOf('short', away(9 * MINUTE_MS)),
      memberOf('long', away(11 * MINUTE_MS)),
      memberOf('leaving', { leaving: true }),
      memberOf('liar'),
    ],
    ['liar'],
  )
  const now = members.now()
  assert.deepEqual([...now.counting].sort(), ['here', 'short', 'us'])
  assert.deepEqual([...now.online].sort(), ['here', 'us'])
  assert.deepEqual([...now.absent], ['short'])
  members.isLeaving = true
  assert.deepEqual([...members.now().counting].sort(), ['here', 'short'])
  assert.deepEqual(
    members
      .now()
      .candidates(1)
      .map(({ peer }) => peer),
    ['here'],
  )
})

test('only those with room and without a recent refusal take more [B-10]', async () => {
  const clock = new VirtualClock()
  const members = countingOver(clock, () => [
    memberOf('roomy'),
    memberOf('full', { freeBytes: 100 }),
    memberOf('busy'),
    memberOf('unwilling', { stores: false }),
    memberOf('away', { online: false, lastSeenAt: clock.now() }),
  ])
  members.noteRefusal('busy' as PeerId)
  const takers = (sizeBytes: number) =>
    members
      .now()
      .candidates(sizeBytes)
      .map(({ peer }) => String(peer))
      .sort()
  assert.deepEqual(takers(1_000), ['roomy', 'us'])
  assert.deepEqual(takers(100), ['full', 'roomy', 'us'])
  await clock.advance(11 * MINUTE_MS)
  assert.deepEqual(takers(1_000), ['busy', 'roomy', 'us'])
})

test('who came back from long absences is waited for twice as long, but not for ever', async () => {
  const clock = new VirtualClock()
  let awaySince: number | undefined
  const members = countingOver(clock, () => [
    memberOf('seldom', awaySince === undefined ? {} : { online: false, lastSeenAt: awaySince }),
  ])
  const waitsAfter = async (timeMs: number) => {
    awaySince = clock.now()
    members.observe()
    await clock.advance(timeMs)
    const now = members.now()
    const waits = now.awaited.has('seldom' as PeerId)
    assert.equal(now.counting.has('seldom' as PeerId), timeMs <= GRACE_MS)
    awaySince = undefined
    members.observe()
    return waits
  }
  assert.equal(await waitsAfter(30 * MINUTE_MS), false)
  assert.equal(await waitsAfter(59 * MINUTE_MS), true)
  assert.equal(await waitsAfter(81 * MINUTE_MS), false)
})

test('departures for good are counted per member and day, over restarts, and taken back when somebody returns', async () => {
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  const clock = new VirtualClock()
  const turnover = new Turnover({ index })
  const first = turnover.leavesPerDay
  const WEEK_DAYS = 9
  assert.ok(Math.abs(first - 1 / 180) < 1e-9)
  const all = ['a', 'b', 'c', 'd'].map((peer) => memberOf(peer))
  const watch = async (members: MemberView[], days: number) => {
    for (let step = 0; step < days * 144; step++) {
      await clock.advance(10 * MINUTE_MS)
      turnover.observe(members, clock.now(), 10 * MINUTE_MS)
    }
  }
  await watch(all, 30)
  const calm = turnover.leavesPerDay
  assert.ok(calm < first)
  const two = all.slice(0, 2)
  const leaver = memberOf('c', { leaving: true })
  await watch([...two, leaver], 1)
  assert.ok(turnover.leavesPerDay <= calm, 'of the last week it is not known yet who left in it')
  await watch([...two, leaver], WEEK_DAYS)
  assert.ok(turnover.leavesPerDay > 2 * calm, 'one left, one is no member any more')
  turnover.save()
  const again = new Turnover({ index })
  assert.ok(Math.abs(again.leavesPerDay - turnover.leavesPerDay) < 1e-9)
  const before = turnover.leavesPerDay
  await watch(all, 1)
  assert.ok(
    turnover.leavesPerDay < before * 0.8,
    'who said that it leaves is back; who was removed is somebody new',
  )
  const back = turnover.leavesPerDay
  const lostAt = clock.now()
  await watch([...all.slice(0, 3), memberOf('d', { online: false, lastSeenAt: lostAt })], 2 * WEEK_DAYS)
  assert.ok(turnover.leavesPerDay > back)
})

test('the measured rate of departures is the true one, however short members stay', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const turnover = new Turnover({
    index: openIndexDatabase(new MemoryDisk().openDatabase('index.db')),
  })
  const STAY_DAYS = 5
  const MEMBERS = 40
  const members = new Map<string, MemberView>()
  let born = 0
  for (let step = 0; step < 80 * 24; step++) {
    await clock.advance(60 * MINUTE_MS)
    for (const [peer, member] of members) {
      if (member.online && random.fraction() < 1 / (STAY_DAYS * 24))
        members.set(peer, { ...member, online: false, lastSeenAt: clock.now() })
      else if (!member.online && clock.now() - member.lastSeenAt > 8 * DAY_MS) members.delete(peer)
    }
    while ([...members.values()].filter(({ online }) => online).length < MEMBERS) {
      const peer = `member ${born++}`
      members.set(peer, memberOf(peer))
    }
    for (let part = 0; part < 6; part++) turnover.observe([...members.values()], clock.now(), 10 * MINUTE_MS)
  }
  const ratio = turnover.leavesPerDay * STAY_DAYS
  assert.ok(ratio > 0.93 && ratio < 1.07, `${ratio} of the true rate`)
})
