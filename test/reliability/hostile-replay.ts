/**
 * The behaviour of r-04 that is about records: a member spreads again, by each way there is, what another had signed
 * before. Peer records are replayed in `src/network/libp2p-discovery.test.ts`.
 */
import { Community, type CommunityNode } from '../../src/records/community.suite.ts'
import { topicOf } from '../../src/records/record-spread.ts'
import { listStatuses, type NodeStatus, putStatus, STATUS_KIND } from '../../src/records/status-record.ts'

const STATUS: NodeStatus = {
  addresses: ['/ip4/192.0.2.1/tcp/4001'],
  role: 'full',
  stores: true,
  freeBytes: 2 ** 52,
  loadPercent: 0,
  version: '0.1.0',
  holdings: { count: 1, fingerprint: '00'.repeat(16) },
  failureDomain: 'home',
}

/** Replays an older status of an honest member to another; what failed, one line each. */
export async function playReplay(seed: number): Promise<string[]> {
  const failures: string[] = []
  const community = new Community({ seed, gossip: true })
  const [subject, victim, liar] = (await community.addMembers(3)) as [
    CommunityNode,
    CommunityNode,
    CommunityNode,
  ]
  const overheard: Uint8Array[] = []
  const stop = liar.network.listen(topicOf(liar.membership.space().id), (bytes) => overheard.push(bytes))
  const older = await putStatus(subject.records, subject.peer, STATUS)
  await community.until(() => listStatuses(victim.records).length === 1 && overheard.length > 0)
  await community.clock.advance(1_000)
  stop()
  const newer = await putStatus(subject.records, subject.peer, { ...STATUS, freeBytes: 0, stores: false })
  await community.until(() => victim.records.newest(STATUS_KIND, subject.peer)?.id === newer.id)

  const heard: string[] = []
  victim.records.onRecord(STATUS_KIND, ({ id }) => heard.push(id))
  const check = (how: string) => {
    if (victim.records.newest(STATUS_KIND, subject.peer)?.id !== newer.id)
      failures.push(`replayed status, ${how}: the newer one was displaced`)
    if (heard.includes(older.id)) failures.push(`replayed status, ${how}: listeners heard the older one`)
  }
  for (const message of overheard) await liar.network.broadcast(topicOf(liar.membership.space().id), message)
  await community.clock.advance(5_000)
  check('by gossip')
  await victim.records.accept(older.bytes)
  check('pushed')
  // Nobody else speaks for the subject any more; the liar goes on until the records would have ended.
  await subject.stop()
  community.nodes.splice(community.nodes.indexOf(subject), 1)
  for (let round = 0; round < 6; round++) {
    for (const message of overheard)
      await liar.network.broadcast(topicOf(liar.membership.space().id), message)
    await community.clock.advance(5_000)
  }
  check('while its author is away')
  await community.stop()
  return failures
}
