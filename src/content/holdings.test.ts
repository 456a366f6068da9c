import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { contentIdFromDigest } from '../core/content-id.ts'
import type { InvalidInputError } from '../core/errors.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { type PeerId, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import type { Network } from '../network/network.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import type { Community, MemberView } from './community.ts'
import { findHolders } from './find-holders.ts'
import { Holdings } from './holdings.ts'
import { HOLDINGS_PROTOCOL } from './holdings-protocol.ts'
import { eventually, randomContent, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

const ids = (count: number, name = 'chunk') =>
  Array.from({ length: count }, (_, number) =>
    contentIdFromDigest(hash('sha256', `${name} ${number}`, 'buffer')),
  )

/** Two members on a virtual clock, each with holdings only. */
async function twoMembers(disk = new MemoryDisk()) {
  const clock = new VirtualClock()
  const hub = new MemoryNetworkHub({ clock, random: new SeededRandom(1) })
  const metrics = [
    createMetrics({ processMetrics: false }),
    createMetrics({ processMetrics: false }),
  ] as const
  const keys = ['a', 'b'].map((name) => signingKeyFromSeed(hash('sha256', name, 'buffer')))
  const networks = keys.map((key) => hub.createNetwork(key)) as [Network, Network]
  const view = (peer: PeerId): MemberView => ({
    peer,
    online: true,
    lastSeenAt: clock.now(),
    stores: true,
    freeBytes: 1,
    uptime: 1,
    failureDomain: peer,
    latencyMs: undefined,
    holdings: undefined,
  })
  const make = (network: Network, other: Network, place: 0 | 1) => {
    const community: Community = {
      self: network.peerId,
      members: () => [view(other.peerId)],
      isMember: (peer) => peer === other.peerId,
      publicReading: false,
      onChange: () => () => {},
    }
    const index = openIndexDatabase((place === 0 ? disk : new MemoryDisk()).openDatabase('index.db'))
    const parts = { index, network, community, clock, log: silentLogger, metrics: metrics[place] }
    return new Holdings(parts, { intervalMs: 30_000, serves: true })
  }
  const a = make(networks[0], networks[1], 0)
  const b = make(networks[1], networks[0], 1)
  for (const network of networks) await network.start()
  await networks[0].connect(networks[1].addresses()[0] ?? '')
  a.start()
  b.start()
  const stop = async () => {
    a.stop()
    b.stop()
    for (const network of networks) await network.stop()
  }
  return { clock, a, b, networks, metrics, disk, stop, remake: () => make(networks[0], networks[1], 0) }
}

describe('holdings', () => {
  test('members’ keys are compared every 30 s by the clock [K-35] [K-45]', async () => {
    const { clock, a, b, networks, stop } = await twoMembers()
    b.noteOwn(ids(100))
    await clock.advance(29_000)
    assert.deepEqual(a.keepersOf(ids(1)[0] ?? assert.fail()), [])
    await clock.advance(2_000)
    for (const id of ids(100)) assert.deepEqual(a.keepersOf(id), [networks[1].peerId])
    b.forgetOwn(ids(50))
    await clock.advance(31_000)
    assert.deepEqual(
      ids(100).map((id) => a.keeps(networks[1].peerId, id)),
      [...Array(50).fill(false), ...Array(50).fill(true)],
    )
    await stop()
  })

  test('the first message about 10,000 keys is far below 40 KiB, and equal sets cost one small round [K-39]', async () => {
    const { a, b, networks, metrics, stop } = await twoMembers()
    b.noteOwn(ids(10_000))
    for (let start = 0; start < 9_990; start += 1000)
      a.noteKept(networks[1].peerId, ids(10_000).slice(start, Math.min(start + 1000, 9_990)))
    const change = await a.sync(networks[1].peerId)
    assert.deepEqual(change, { added: 10, removed: 0 })
    const bytes = await metrics[0].total('kizuna_holdings_bytes_received_total')
    assert.ok(bytes < 40 * 1024, `${bytes} bytes`)
    const before = await metrics[0].total('kizuna_holdings_bytes_sent_total')
    assert.deepEqual(await a.sync(networks[1].peerId), { added: 0, removed: 0 })
    assert.ok((await metrics[0].total('kizuna_holdings_bytes_sent_total')) - before < 2_000)
    await stop()
  })

  test('everything is learnt from nothing, and known again after a restart [K-44] [K-49]', async () => {
    const { clock, a, b, networks, remake, stop } = await twoMembers()
    b.noteOwn(ids(5_000))
    assert.deepEqual(await a.sync(networks[1].peerId), { added: 5_000, removed: 0 })
    await clock.advance(1_000)
    const again = remake()
    for (const id of ids(5_000)) assert.ok(again.keeps(networks[1].peerId, id))
    assert.deepEqual(new Set(b.ownIds()), new Set(ids(5_000)))
    await stop()
  })

  test('malformed, empty and unknown messages are refused, strangers too', async () => {
    const { networks, stop } = await twoMembers()
    const send = async (network: Network, bytes: Uint8Array) => {
      for await (const _ of network.request(networks[1].peerId, HOLDINGS_PROTOCOL, [bytes]));
    }
    for (const bytes of [
      new Uint8Array(0),
      Uint8Array.of(9),
      Uint8Array.of(1, 2, 3),
      new Uint8Array(61 * 1024).fill(1),
    ]) {
      await assert.rejects(
        send(networks[0], bytes),
        (error) => (error as InvalidInputError).kind === 'invalid',
      )
    }
    await stop()
  })
})

describe('who has what', () => {
  let space: TestSpace
  beforeEach(() => {
    space = new TestSpace()
  })
  afterEach(() => space.stop())

  async function published(
    copies = 2,
  ): Promise<{ nodes: TestNode[]; chunks: Awaited<ReturnType<TestNode['stored']>> }> {
    const nodes = await space.addNodes(4)
    const a = nodes[0] as TestNode
    await a.content.publish(sourceOf(randomContent(2 ** 20)), { policy: { kind: 'replica', copies } })
    return { nodes, chunks: await a.stored() }
  }

  test('equals the truth on every node [K-45] [B-02] [B-07] [B-08]', async () => {
    const { nodes, chunks } = await published()
    for (const id of chunks) {
      const truth: PeerId[] = []
      for (const node of nodes) if (await node.chunks.has(id)) truth.push(node.peer)
      assert.ok(truth.length >= 2)
      for (const node of nodes) {
        await eventually(async () => {
          const said = new Set(await node.content.whoHas(id))
          return said.size === truth.length && truth.every((peer) => said.has(peer))
        }, 'the truth')
      }
    }
  })

  test('is answered without the DHT, from held keys, and without held keys, from the DHT [K-44]', async () => {
    const space2 = new TestSpace()
    const quiet = { content: { announces: false } }
    const nodes = await space2.addNodes(3, quiet)
    const { id } = await (nodes[0] as TestNode).content.publish(sourceOf(randomContent(1000)))
    assert.equal((await (nodes[2] as TestNode).content.whoHas(id)).length, 3)
    await space2.stop()

    const a = await space.addNode({ member: false, publicReading: true })
    const asker = await space.addNode({ member: false })
    const object = await a.content.publish(sourceOf(randomContent(1000)))
    await eventually(async () => (await asker.content.whoHas(object.id)).includes(a.peer), 'the DHT’s answer')
  })

  test('a hundred chunks are looked up about as fast as one [B-03]', async () => {
    const { nodes, chunks } = await published()
    const asker = nodes[3] as TestNode
    for (const node of nodes) space.hub.setLink(asker.peer, node.peer, { delayMs: 20 })
    const parts = { ...asker, community: { isMember: () => true } as unknown as Community, log: silentLogger }
    const holdings = { keepersOf: () => [], keeps: () => false } as unknown as Holdings
    const timed = async (wanted: Parameters<typeof findHolders>[1]) => {
      const startedAt = space.clock.monotonic()
      const found = await findHolders({ ...parts, holdings }, wanted)
      assert.equal(found.size, wanted.length)
      return space.clock.monotonic() - startedAt
    }
    const one = await timed([...chunks].slice(0, 1))
    const hundred = await timed([...chunks, ...ids(95)])
    assert.ok(hundred <= 2 * one + 20, `${hundred} ms for 100, ${one} ms for one`)
  })

  test('a node that was away during a thousand new objects knows and reads them after its return [K-51]', async () => {
    const nodes = await space.addNodes(3)
    const away = nodes[2] as TestNode
    space.kill(away)
    const objects: string[] = []
    for (let seed = 0; seed < 1000; seed++) {
      const { id } = await (nodes[0] as TestNode).content.publish(sourceOf(randomContent(40, seed)), {
        policy: { kind: 'replica', copies: 1 },
        acknowledge: 'local',
      })
      objects.push(id)
    }
    const back = await space.addNode({ after: away })
    const { keysReceived } = await back.content.sync()
    assert.ok(keysReceived >= 0)
    const count = () => nodes[0]?.content.holdings().count
    assert.ok((count() ?? 0) >= 2000)
    for (const id of objects.slice(0, 20)) {
      assert.ok((await back.content.whoHas(id as never)).includes((nodes[0] as TestNode).peer))
    }
  })
})
