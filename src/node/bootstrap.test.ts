import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Logger } from '../core/log.ts'
import { Community, type CommunityNode } from '../records/community.suite.ts'
import { Bootstrap } from './bootstrap.ts'

test('a bootstrap peer of another space with members is told of once, because spaces never merge [R-23]', async () => {
  const community = new Community()
  const ours = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  const theirs: CommunityNode[] = []
  for (let count = 0; count < 2; count++) theirs.push(await community.addNode())
  const [host, guest] = theirs as [CommunityNode, CommunityNode]
  await guest.network.connect(host.network.addresses()[0] ?? '')
  await guest.membership.joinOpenSpaceOf(host.peer)
  const warnings: unknown[] = []
  const ignore = () => {}
  const log: Logger = {
    ...{ error: ignore, info: ignore, debug: ignore },
    warn: (_event, fields) => warnings.push(fields),
    named: () => log,
  }
  const [node] = ours
  const { clock, random } = community
  const bootstrap = new Bootstrap(
    { network: node.network, membership: node.membership, clock, random, log },
    { addresses: [host.network.addresses()[0] ?? ''], mayJoin: () => false },
  )
  bootstrap.start()
  await community.until(() => warnings.length > 0)
  await community.clock.advance(30 * 60_000)
  assert.equal(warnings.length, 1)
  const { code, peer, hint } = warnings[0] as { code: string; peer: string; hint: string }
  assert.deepEqual([code, peer], ['OTHER_SPACE', host.peer])
  assert.match(hint, /never merge/)
  assert.equal(node.membership.members().length, 2)
  await community.run(bootstrap.stop())
  await community.stop()
})
