import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuditedMember, AuditWorld } from './audit-honesty.suite.ts'
import { signCorruptionNotice } from './corruption-notice.ts'
import { sendCorruptionNotice } from './dds-client.ts'
import { advanceUntil, inTime } from './rot-healing.suite.ts'

const HOUR_MS = 3_600_000

async function confirmedOf(world: AuditWorld, member: AuditedMember): Promise<number[]> {
  const found: number[] = []
  for (const id of world.objects) {
    found.push((await inTime(world.clock, member.node.content.durability(id))).confirmed)
  }
  return found
}

test('who has nothing is found by everybody, without the publisher, and its copies are made again [R-25] [S-48] [3.3.4]', async () => {
  const world = new AuditWorld({ seed: 1 })
  await world.start([undefined, undefined, undefined, undefined, undefined, 'invents', 'admits'], 4)
  const liars = world.members.filter(({ dishonesty }) => dishonesty !== undefined)
  const isFound = () => liars.every((liar) => world.honest.every((auditor) => world.suspends(auditor, liar)))
  assert.ok(await advanceUntil(world.clock, isFound, 24 * HOUR_MS), 'not found within a day')
  for (const auditor of world.honest) {
    for (const other of world.honest) {
      const { score, isSuspended } = auditor.node.content.audits.standing(other.node.peer)
      assert.ok(!isSuspended && score > 0.9, `an honest member has ${score}`)
    }
  }
  await world.clock.advance(HOUR_MS)
  const [auditor] = world.honest
  // Copies: 3; shards: all 5, on the five that are left.
  assert.deepEqual(await confirmedOf(world, auditor as AuditedMember), [3, 5, 3, 5])
  await world.stop()
})

test('two hours of a faulty disk cost a member its standing for a while, and no chunk [R-25]', async () => {
  const world = new AuditWorld({ seed: 2, content: { auditsPerHour: 60 } })
  await world.start([undefined, undefined, undefined, undefined, undefined], 4)
  const [unlucky, ...others] = world.members as [AuditedMember, ...AuditedMember[]]
  const stored = (await unlucky.node.stored()).size
  unlucky.disk.fail({ operation: 'read', code: 'EIO', count: Number.POSITIVE_INFINITY })
  await world.clock.advance(2 * HOUR_MS)
  assert.ok(
    others.some((auditor) => world.suspends(auditor, unlucky)),
    'its copies cannot be read, and count',
  )
  unlucky.disk.heal()
  const isBack = () => others.every((auditor) => !world.suspends(auditor, unlucky))
  assert.ok(await advanceUntil(world.clock, isBack, 12 * HOUR_MS), 'it did not recover within half a day')
  assert.equal((await unlucky.node.stored()).size, stored)
  await world.stop()
})

test('a hint costs the one it is about an audit, and nothing else', async () => {
  const world = new AuditWorld({ seed: 3 })
  await world.start([undefined, undefined, undefined, undefined, undefined], 2)
  const [slanderer, victim, judge] = world.members as [AuditedMember, AuditedMember, AuditedMember]
  const before = judge.node.content.audits.standing(victim.node.peer)
  for (let number = 0; number < 100; number++) {
    const [id] = await judge.node.stored()
    const notice = signCorruptionNotice(slanderer.node.key, {
      id: id as NonNullable<typeof id>,
      holder: victim.node.peer,
      noticedAt: world.clock.now(),
    })
    const sent = sendCorruptionNotice(slanderer.node.network, judge.node.peer, notice, { timeoutMs: 5_000 })
    assert.equal(await inTime(world.clock, sent), false)
  }
  await world.clock.advance(HOUR_MS)
  const { score, isSuspended, counts } = judge.node.content.audits.standing(victim.node.peer)
  assert.deepEqual([score, isSuspended], [1, false])
  assert.ok(counts.proved - before.counts.proved < 20, `${counts.proved} audits`)
  await world.stop()
})
