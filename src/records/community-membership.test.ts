import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Community } from './community.suite.ts'

test('a first start founds a space of its own, and a restart keeps it', async () => {
  const community = new Community()
  const node = await community.addNode({ label: 'Aiko', spaceName: 'the garden' })
  const space = node.membership.space()
  assert.equal(space.name, 'the garden')
  assert.equal(space.founder, node.peer)
  assert.deepEqual(
    node.membership.members().map(({ role, label }) => [role, label]),
    [['founder', 'Aiko']],
  )
  const key = node.membership.spaceKey()
  const again = await node.restart()
  assert.deepEqual(again.membership.space(), space)
  assert.deepEqual(again.membership.spaceKey(), key)
  assert.equal(again.membership.isMember(again.peer), true)
  await community.stop()
})

test('a newcomer enters an open space and everybody agrees who is in it', async () => {
  const community = new Community()
  const nodes = await community.addMembers(3)
  const [a, b, c] = nodes
  assert.ok(a && b && c)
  for (const node of nodes) {
    assert.equal(node.membership.space().id, a.membership.space().id)
    assert.deepEqual(node.membership.spaceKey(), a.membership.spaceKey())
    assert.deepEqual(
      node.membership
        .members()
        .map(({ peer }) => peer)
        .sort(),
      nodes.map(({ peer }) => peer).sort(),
    )
  }
  await community.stop()
})
