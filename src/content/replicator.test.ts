import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ContentId } from '../core/content-id.ts'
import { createMemoryChunkStore } from '../storage/memory-chunk-store.ts'
import {
  eventually,
  randomContent,
  readAll,
  sourceOf,
  type TestNode,
  TestSpace,
} from './space-under-test.suite.ts'

const MIB = 2 ** 20

/** How many of the nodes that are up keep each chunk, the publisher's cache copies not counted. */
async function copiesOf(space: TestSpace, ids: Iterable<ContentId>): Promise<number[]> {
  const counts: number[] = []
  for (const id of ids) {
    let count = 0
    for (const node of space.nodes) {
      if (space.isUp(node.peer) && (await node.chunks.has(id))) count++
    }
    counts.push(count)
  }
  return counts
}

async function pushed(nodes: readonly TestNode[]): Promise<number> {
  const totals = await Promise.all(
    nodes.map(async (node) => {
      const sent = await node.metrics.total('kizuna_chunks_pushed_total')
      return sent + (await node.metrics.total('kizuna_chunks_fetched_total'))
    }),
  )
  return totals.reduce((sum, total) => sum + total, 0)
}

describe('repair', () => {
  let space: TestSpace
  beforeEach(() => {
    space = new TestSpace()
  })
  afterEach(() => space.stop())

  test('a lost copy is made again on another peer, to exactly the number asked [K-38] [S-14] [S-44]', async () => {
    const nodes = await space.addNodes(5)
    const [a] = nodes
    const { id } = await (a as TestNode).content.publish(sourceOf(randomContent(2 * MIB)))
    const ids = await (a as TestNode).stored()
    const { holders } = await (a as TestNode).content.durability(id)
    const victim = nodes.find(({ peer }) => peer !== a?.peer && holders.includes(peer))
    space.kill(victim as TestNode)
    await eventually(async () => (await copiesOf(space, ids)).every((count) => count === 3), 'repair')
    assert.equal((await (a as TestNode).content.durability(id)).confirmed, 3)
  })

  test('the publisher is gone for good: the holders restore the number among themselves [S-43] [S-44] [K-38]', async () => {
    const nodes = await space.addNodes(6)
    const a = nodes[0] as TestNode
    const bytes = randomContent(2 * MIB)
    const { id } = await a.content.publish(sourceOf(bytes), { policy: { kind: 'replica', copies: 3 } })
    const ids = await a.stored()
    space.kill(a)
    await eventually(async () => (await copiesOf(space, ids)).every((count) => count >= 3), 'repair')
    const reader = await space.addNode({ stores: false })
    assert.ok((await readAll(await reader.content.retrieve(id))).equals(bytes))
  })

  test('shards whose holders are lost are rebuilt from the others, publisher gone too [K-38] [S-43] [B-40]', async () => {
    const nodes = await space.addNodes(9)
    const a = nodes[0] as TestNode
    const bytes = randomContent(2 * MIB + 77)
    const policy = { kind: 'rs', k: 4, m: 2 } as const
    const { id, copies } = await a.content.publish(sourceOf(bytes), { policy })
    assert.equal(copies, 6)
    space.kill(a)
    space.kill(nodes[1] as TestNode)
    const watcher = nodes[2] as TestNode
    await eventually(
      async () => (await watcher.content.durability(id)).confirmed === 6,
      'six shards on six peers',
      20_000,
    )
    const reader = await space.addNode({ stores: false })
    assert.ok((await readAll(await reader.content.retrieve(id))).equals(bytes))
  })

  test('a node that lost its whole store gets its part back by itself [K-36]', async () => {
    const nodes = await space.addNodes(3)
    const a = nodes[0] as TestNode
    await a.content.publish(sourceOf(randomContent(2 * MIB)))
    const victim = nodes[1] as TestNode
    const before = await victim.stored()
    assert.equal(before.size, 9)
    space.kill(victim)
    await a.content.sync()
    const empty = await space.addNode({
      after: {
        ...victim,
        chunks: createMemoryChunkStore(),
        disk: new (victim.disk.constructor as new () => typeof victim.disk)(),
      },
    })
    await eventually(async () => (await empty.stored()).size === 9, 'its part')
    assert.deepEqual(await empty.stored(), before)
  })

  test('a short absence causes no copies, and at the target there is no traffic [S-14]', async () => {
    const patient = { content: { graceMs: 60_000 } }
    const nodes = await space.addNodes(5, patient)
    const a = nodes[0] as TestNode
    const { id } = await a.content.publish(sourceOf(randomContent(2 * MIB)))
    const { holders } = await a.content.durability(id)
    const before = await pushed(nodes)
    const away = nodes.find(({ peer }) => peer !== a.peer && holders.includes(peer)) as TestNode
    space.kill(away)
    await space.clock.sleep(3_000)
    await space.addNode({ after: away, ...patient })
    await space.clock.sleep(2_000)
    assert.equal(await pushed(nodes), before)
    assert.equal((await a.content.durability(id)).confirmed, 3)
  })

  test('a copy damaged here is healed from others, and readers never see the wrong bytes [K-43]', async () => {
    const nodes = await space.addNodes(3)
    const a = nodes[0] as TestNode
    const { id } = await a.content.publish(sourceOf(randomContent(MIB)))
    const chunk = [...(await a.stored())].find((other) => other !== id) as ContentId
    await a.chunks.delete(chunk)
    await nodes[1]?.content.retrieve(id).then(readAll)
    assert.ok((await readAll(await a.content.retrieve(id))).byteLength === MIB)
    assert.ok(await a.chunks.has(chunk))
  })

  test('twenty join and twenty leave during an upload: it succeeds [K-47]', async () => {
    const nodes = await space.addNodes(6)
    const a = nodes[0] as TestNode
    const bytes = randomContent(8 * MIB)
    const comers: TestNode[] = []
    let step = 0
    async function* source() {
      for await (const piece of sourceOf(bytes, 200_000)) {
        if (step < 20) comers.push(await space.addNode())
        else if (step < 40) space.kill(comers[step - 20] as TestNode)
        step++
        yield piece
      }
    }
    const published = await a.content.publish(source(), { policy: { kind: 'replica', copies: 3 } })
    assert.ok(step >= 40)
    assert.equal(published.copies, 3)
    const reader = await space.addNode({ stores: false })
    assert.ok((await readAll(await reader.content.retrieve(published.id))).equals(bytes))
  })

  test('what the user lets go of is not placed here again, and others keep the number [K-38]', async () => {
    const nodes = await space.addNodes(5)
    const a = nodes[0] as TestNode
    const { id } = await a.content.publish(sourceOf(randomContent(300_000)))
    assert.equal(await a.content.forget(id), true)
    assert.equal(await a.content.forget(id), false)
    const watcher = nodes.find((node) => node !== a && node.content.holdings().count > 0) as TestNode
    await eventually(async () => {
      const { holders, confirmed } = await watcher.content.durability(id)
      return confirmed === 3 && !holders.includes(a.peer)
    }, 'three copies elsewhere')
    assert.equal(a.content.holdings().count, 0)
  })

  test('keeping fetches everything, with an end or without', async () => {
    const nodes = await space.addNodes(3)
    const keeper = await space.addNode({ stores: false })
    const { id } = await (nodes[0] as TestNode).content.publish(sourceOf(randomContent(2 * MIB)))
    const expiresAt = space.clock.now() + 3_600_000
    await keeper.content.keep(id, { expiresAt })
    assert.equal(keeper.content.holdings().count, 9)
    assert.deepEqual(
      keeper.content.keptObjects().map((object) => [object.id, object.expiresAt]),
      [[id, expiresAt]],
    )
    assert.equal((await keeper.content.durability(id)).keptHere, true)
    for (const node of nodes) space.kill(node)
    assert.equal((await readAll(await keeper.content.retrieve(id))).byteLength, 2 * MIB)
  })

  test('a pin that has ended no longer counts as a copy', async () => {
    const [a] = await space.addNodes(1)
    const keeper = await space.addNode({ stores: false })
    const { id } = await (a as TestNode).content.publish(sourceOf(randomContent(300_000)))
    await keeper.content.keep(id, { expiresAt: space.clock.now() + 1_500 })
    assert.equal((await (a as TestNode).content.durability(id)).confirmed, 2)
    await eventually(() => keeper.content.holdings().count === 0, 'the end')
    assert.deepEqual(keeper.content.keptObjects(), [])
    assert.equal((await (a as TestNode).content.durability(id)).confirmed, 1)
  })

  test('all go off and come back: everything is read, and what is kept is known again [K-65] [K-49]', async () => {
    const nodes = await space.addNodes(4)
    const contents = new Map<ContentId, Uint8Array>()
    for (const [seed, node] of nodes.entries()) {
      const bytes = randomContent(700_000, seed)
      contents.set((await node.content.publish(sourceOf(bytes))).id, bytes)
    }
    const kept = nodes.map((node) => node.content.keptObjects())
    for (const node of nodes) await space.turnOff(node)
    const back: TestNode[] = []
    for (const place of [2, 0, 3, 1]) back[place] = await space.addNode({ after: nodes[place] as TestNode })
    assert.deepEqual(
      back.map((node) => node.content.keptObjects()),
      kept,
    )
    for (const node of back) {
      for (const [id, bytes] of contents) {
        assert.ok((await readAll(await node.content.retrieve(id))).equals(bytes))
      }
    }
  })
})
