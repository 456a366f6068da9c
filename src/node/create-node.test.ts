/** Whole nodes on loopback: starting, stopping, coming back, forming a space, and what each role does. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChunk } from '../content/dds-client.ts'
import { contentIdOf } from '../core/content-id.ts'
import { putFileRecord } from '../records/file-record.ts'
import { createNode } from './create-node.ts'
import { NodeRunningError } from './errors.ts'
import { addressOf, eventually, readAll, sourceOf, TestNodes } from './start-nodes.suite.ts'

const LIMIT = { timeout: 90_000 }
const sample = (sizeBytes: number, seed = 1) =>
  Buffer.alloc(sizeBytes, 0).map((_, index) => (index * 31 + (index >> 8) * seed) & 0xff)

test(
  'a node is ready within 2 s, listens, and stops within 5 s with everything saved [K-48] [K-16] [B-20] [B-21] [B-23]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const home = join(nodes.folder, 'home')
    // Loading the program is no part of it, and takes as long as the machine is busy with other tests.
    await import('../network/libp2p-network.ts')
    const begin = performance.now()
    const node = await nodes.start({ home })
    assert.ok(performance.now() - begin < 2_000, 'ready in time')
    assert.ok(node.services.network.addresses().length > 0)
    assert.equal(node.services.state.cleanStart, true)
    assert.ok(!existsSync(join(home, 'clean-shutdown')), 'while it runs it is not cleanly shut down')
    const stopping = performance.now()
    await node.stop()
    assert.ok(performance.now() - stopping < 5_000, 'stopped in time')
    assert.ok(existsSync(join(home, 'clean-shutdown')))
    assert.ok(!existsSync(join(home, 'lock')))
    assert.equal(statSync(home).mode & 0o777, 0o700)
    await node.stop()
  },
)

test('a second node on one data folder is refused and the first runs on', LIMIT, async () => {
  await using nodes = new TestNodes()
  const home = join(nodes.folder, 'home')
  const node = await nodes.start({ home })
  await assert.rejects(createNode(nodes.configOf({ home })), NodeRunningError)
  assert.ok(node.services.network.addresses().length > 0)
})

test('a node that was not stopped properly says so, and has everything it had confirmed', LIMIT, async () => {
  await using nodes = new TestNodes()
  const home = join(nodes.folder, 'home')
  const first = await nodes.start({ home })
  const bytes = sample(300_000)
  const { id } = await first.services.content.publish(sourceOf(bytes))
  await first.stop()
  rmSync(join(home, 'clean-shutdown'))
  const again = await nodes.start({ home })
  assert.equal(again.services.state.cleanStart, false)
  assert.ok((await readAll(again, id)).equals(bytes))
})

test(
  'nodes that know one address form a space, and share and fetch at once [B-19] [B-22] [B-25] [B-27] [B-51] [B-68] [B-69]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const first = await nodes.start()
    const bootstrap = [addressOf(first)]
    const second = await nodes.start({ bootstrap })
    const third = await nodes.start({
      bootstrap: addressOf(first).replace(/^\/ip4\/([^/]+)\/tcp\/(\d+).*/, '$1:$2'),
    })
    const all = [first, second, third]
    await eventually('all three are members of one space and connected', () =>
      all.every(
        ({ services }) =>
          services.membership.members().length === 3 && services.network.connectedPeers().length === 2,
      ),
    )
    await eventually('all know what the others offer', () =>
      all.every(({ services }) => services.community.members().every((view) => view.stores)),
    )
    const [one, other] = [sample(2_000_000, 3), sample(1_500_000, 5)]
    const policy = { kind: 'replica', copies: 2 } as const
    const [a, b] = await Promise.all([
      first.services.content.publish(sourceOf(one), { policy }),
      second.services.content.publish(sourceOf(other), { policy }),
    ])
    assert.deepEqual([a.copies, b.copies], [2, 2])
    const [gotOne, gotOther] = await Promise.all([readAll(third, a.id), readAll(first, b.id)])
    assert.ok(gotOne.equals(one))
    assert.ok(gotOther.equals(other))
  },
)

test(
  'a node that comes back is the same, keeps what it kept, and finds its peers by itself [K-49] [K-50]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const home = join(nodes.folder, 'home')
    const first = await nodes.start()
    const second = await nodes.start({ home })
    await nodes.join(first, second)
    const bytes = sample(400_000)
    const { id } = await second.services.content.publish(sourceOf(bytes), {
      policy: { kind: 'replica', copies: 1 },
    })
    await second.services.configuration.set('label', 'attic')
    const before = {
      peerId: second.services.network.peerId,
      space: second.services.membership.space().id,
      members: second.services.membership.members().length,
      kept: second.services.content.keptObjects(),
      usage: await second.services.chunks.usage(),
    }
    await second.stop()
    const begin = performance.now()
    const again = await nodes.start({ home })
    assert.deepEqual(
      {
        peerId: again.services.network.peerId,
        space: again.services.membership.space().id,
        members: again.services.membership.members().length,
        kept: again.services.content.keptObjects(),
        usage: await again.services.chunks.usage(),
      },
      before,
    )
    await eventually(
      'it is connected again',
      () => again.services.network.isConnected(first.services.network.peerId),
      10_000,
    )
    assert.ok(performance.now() - begin < 10_000)
    assert.ok((await readAll(first, id)).equals(bytes))
  },
)

test('after a start what is kept can be found on the DHT [B-24]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const home = join(nodes.folder, 'home')
  const first = await nodes.start({ home })
  const second = await nodes.start()
  const third = await nodes.start()
  await nodes.join(first, second, third)
  const { id } = await first.services.content.publish(sourceOf(sample(600_000)), {
    policy: { kind: 'replica', copies: 1 },
  })
  await first.stop()
  const again = await nodes.start({ home })
  const wanted = again.services.network.peerId
  await eventually('another node finds it by its id alone', async () => {
    for await (const { peer } of third.services.network.findProviders(id, { limit: 5, timeoutMs: 3_000 })) {
      if (peer === wanted) return true
    }
    return false
  })
})

test('a light node downloads, and neither announces nor serves [B-26] [B-28]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const full = await nodes.start()
  const light = await nodes.start({ role: 'light' })
  await nodes.join(full, light)
  const bytes = sample(700_000)
  const { id } = await full.services.content.publish(sourceOf(bytes), {
    policy: { kind: 'replica', copies: 1 },
  })
  assert.ok((await readAll(light, id)).equals(bytes))
  assert.ok(await light.services.chunks.has(id), 'it has the manifest now')
  const view = full.services.community.members()[0]
  assert.deepEqual([view?.stores, view?.freeBytes], [false, 0])
  await assert.rejects(
    openChunk(full.services.network, light.services.network.peerId, { id }, { timeoutMs: 5_000 }),
    (error: { kind?: string }) => error.kind === 'denied',
  )
  for await (const { peer } of full.services.network.findProviders(id, { limit: 5, timeoutMs: 2_000 })) {
    assert.notEqual(peer, light.services.network.peerId)
  }
})

test('a restart with 10,000 chunks is ready within 2 s [K-49]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const home = join(nodes.folder, 'home')
  const first = await nodes.start({ home })
  const { chunks } = first.services
  const put = async (from: number) => {
    for (let index = from; index < 10_000; index += 100) {
      const bytes = Buffer.from(`chunk number ${index}`)
      await chunks.put(contentIdOf(bytes), bytes)
    }
  }
  await Promise.all(Array.from({ length: 100 }, (_, from) => put(from)))
  await first.stop()
  const begin = performance.now()
  const again = await nodes.start({ home })
  const tookMs = performance.now() - begin
  assert.equal((await again.services.chunks.usage()).chunks, 10_000)
  assert.ok(tookMs < 2_000, `${tookMs} ms`)
})

test(
  'a node that was away has what was shared meanwhile within 30 s of its return [K-51]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const home = join(nodes.folder, 'home')
    const first = await nodes.startInMemory()
    const second = await nodes.startInMemory({ home })
    await nodes.join(first, second)
    await second.stop()
    const { records, network } = first.services
    for (let index = 0; index < 1_000; index++) {
      const bytes = Buffer.from(`object ${index}`)
      await putFileRecord(records, network.peerId, {
        id: contentIdOf(bytes),
        name: `object-${index}.txt`,
        mediaType: 'text/plain',
        sizeBytes: bytes.byteLength,
        policy: 'replica:3',
        sha256: createHash('sha256').update(bytes).digest('hex'),
        chunks: 1,
        parityChunks: 0,
        kind: 'file',
        sealedKey: undefined,
      })
    }
    const again = await nodes.startInMemory({ home })
    await again.services.network.connect(first.services.network.peerId)
    await eventually('it has all thousand', () => again.services.records.count('file') === 1_000, 30_000)
  },
)
