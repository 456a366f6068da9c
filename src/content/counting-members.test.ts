import assert from 'node:assert/strict'
import { test } from 'node:test'
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
  assert.ok(Math.abs(first - 1 / 180) < 1e-9)
  const all = ['a', 'b', 'c', 'd'].map((peer) => memberOf(peer))
  const watch = async (members: MemberView[], days: number) => {
    for (let step = 0; step < days * 144; step++) {
      await clock.advance(10 * MINUTE_MS)
      turnover.observe(members, clock.now(), 10 * MINUTE_MS)
    }
  }
  await watch(all, 20)
  const calm = turnover.leavesPerDay
  assert.ok(calm < first)
  await watch([...all.slice(0, 2), memberOf('c', { leaving: true })], 1)
  assert.ok(turnover.leavesPerDay > 2 * calm, 'one left, one is no member any more')
  turnover.save()
  assert.ok(Math.abs(new Turnover({ index }).leavesPerDay - turnover.leavesPerDay) < 1e-9)
  const before = turnover.leavesPerDay
  await watch(all, 1)
  assert.ok(
    turnover.leavesPerDay < before * 0.8,
    'who said that it leaves is back; who was removed is somebody new',
  )
  const lost = memberOf('d', { online: false, lastSeenAt: clock.now() - 8 * DAY_MS })
  await watch([...all.slice(0, 3), lost], 1)
  assert.ok(turnover.leavesPerDay > calm)
})
