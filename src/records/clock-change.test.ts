import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Community } from './community.suite.ts'

test('a node whose clock was set back by a day starts again with its space, its members and its records [R-10]', async () => {
  const community = new Community()
  const [founder, other] = await community.addMembers(2)
  assert.ok(founder !== undefined && other !== undefined)
  community.clock.jump(-86_400_000)
  for (const node of [founder, other]) {
    const again = await node.restart()
    assert.equal(again.membership.space().id, node.membership.space().id)
    assert.equal(again.membership.members().length, 2)
  }
  await community.stop()
})
