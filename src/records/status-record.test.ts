import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { Community, type CommunityNode } from './community.suite.ts'
import { signRecord } from './record-codec.ts'
import { spaceIdOf } from './space.ts'
import { listStatuses, type NodeStatus, putStatus, STATUS_LIFETIME_MS, statusKind } from './status-record.ts'

const status: NodeStatus = {
  addresses: ['/ip4/192.0.2.1/tcp/4001'],
  role: 'full',
  stores: true,
  freeBytes: 1e12,
  loadPercent: 12,
  version: '0.1.0',
  holdings: { count: 5, fingerprint: 'ab'.repeat(16) },
  failureDomain: 'home',
}

test('every member hears how the others are, without gossip, and silence is noticed in two minutes [K-35]', async () => {
  const community = new Community()
  const [a, b] = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  const { saidAt: _, ...said } = { ...status, peer: a.peer, saidAt: 0 }
  await putStatus(a.records, a.peer, status)
  await community.until(() => listStatuses(b.records).length === 1, 34_000)
  const { saidAt, ...heard } = listStatuses(b.records)[0] ?? assert.fail('nothing was heard')
  assert.deepEqual(heard, said)
  assert.ok(saidAt <= community.clock.now())
  await community.clock.advance(STATUS_LIFETIME_MS)
  assert.deepEqual(listStatuses(b.records), [])
  await community.stop()
})

test('what a node says too much of is cut, and a status about somebody else or out of range is refused', async () => {
  const community = new Community()
  const a = await community.addNode()
  const many = Array.from({ length: 20 }, (_, index) => `/ip4/192.0.2.${index}/tcp/1`)
  await putStatus(a.records, a.peer, {
    ...status,
    addresses: many,
    loadPercent: 250,
    freeBytes: -5.5,
    failureDomain: 'x\n'.repeat(99),
  })
  const [kept] = listStatuses(a.records)
  assert.equal(kept?.addresses.length, 8)
  assert.deepEqual([kept?.loadPercent, kept?.freeBytes], [100, 0])
  assert.ok((kept?.failureDomain.length ?? 99) <= 64)
  const key = signingKeyFromSeed(new Uint8Array(32).fill(1))
  const space = spaceIdOf(key.peerId, new Uint8Array(16))
  const body = { ...status, holdings: { count: 1, fingerprint: new Uint8Array(16) } }
  const make = (about: string, change: object) =>
    signRecord(key, {
      space,
      kind: 'status',
      key: about,
      createdAt: 1,
      expiresAt: 2,
      body: { ...body, ...change },
    })
  assert.equal(statusKind.refuse(make(key.peerId, {})), undefined)
  assert.match(statusKind.refuse(make(a.peer, {})) ?? '', /another peer/)
  for (const change of [
    { loadPercent: 101 },
    { addresses: ['x'] },
    { addresses: new Array(9).fill('/a') },
    { role: 'king' },
    { holdings: 5 },
    { stores: 1 },
  ]) {
    assert.notEqual(statusKind.refuse(make(key.peerId, change)), undefined, JSON.stringify(change))
  }
  await community.stop()
})
