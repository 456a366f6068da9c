import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { CONTENT_ID_FORMS, formatContentId, parseContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { createMemoryChunkStore } from '../storage/memory-chunk-store.ts'
import { choosePolicy } from './choose-policy.ts'
import type { ContentProgress } from './content.ts'
import { unreadableShare } from './durability-odds.ts'
import { eventually, randomContent, readAll, sourceOf, TestSpace } from './space-under-test.suite.ts'

const MIB = 2 ** 20

describe('publishing', () => {
  let space: TestSpace
  beforeEach(() => {
    space = new TestSpace()
  })
  afterEach(() => space.stop())

  test('exactly three distinct peers of five hold each chunk, and so many copies are said [K-32] [S-42]', async () => {
    const nodes = await space.addNodes(5)
    const [a] = nodes
    assert.ok(a !== undefined)
    const published = await a.content.publish(sourceOf(randomContent(3 * MIB)), {
      policy: { kind: 'replica', copies: 3 },
    })
    assert.equal(published.copies, 3)
    assert.equal(published.acknowledged, 'replicated')
    const counts = new Map<string, number>()
    for (const node of nodes) for (const id of await node.stored()) counts.set(id, (counts.get(id) ?? 0) + 1)
    assert.equal(counts.size, 12 + 1)
    assert.deepEqual(new Set(counts.values()), new Set([3]))
  })

  test('the number of copies is each object’s own [K-32]', async () => {
    const [a, b] = await space.addNodes(5)
    assert.ok(a !== undefined && b !== undefined)
    const two = await a.content.publish(sourceOf(randomContent(300_000, 1)), {
      policy: { kind: 'replica', copies: 2 },
    })
    const five = await b.content.publish(sourceOf(randomContent(300_000, 2)), {
      policy: { kind: 'replica', copies: 5 },
    })
    assert.equal(two.copies, 2)
    assert.equal(five.copies, 5)
    assert.equal((await a.content.durability(five.id)).holders.length, 5)
  })

  test('everything is stored before it is announced, each step is seen, and the id has its forms [S-31] [S-32] [S-35]', async () => {
    const [a] = await space.addNodes(3)
    assert.ok(a !== undefined)
    const seen: ContentProgress[] = []
    const bytes = randomContent(MIB)
    const published = await a.content.publish(sourceOf(bytes), {
      onProgress: (progress) => seen.push(progress),
    })
    const phases = [...new Set(seen.map(({ phase }) => phase))]
    assert.deepEqual(phases, ['read', 'chunk', 'replicate'])
    const chunked = seen.find(({ phase }) => phase === 'chunk')
    assert.deepEqual(chunked, { phase: 'chunk', done: 4, total: 4, unit: 'chunks' })
    assert.equal(published.sha256, hash('sha256', bytes))
    for (const form of CONTENT_ID_FORMS) {
      assert.equal(parseContentId(formatContentId(published.id, form)), published.id)
    }
    assert.equal((await a.stored()).size, 4 + 1)
  })

  test('every id, the manifest first, is found by others on the DHT [S-33] [B-04] [S-12]', async () => {
    const [a, b] = await space.addNodes(2)
    assert.ok(a !== undefined && b !== undefined)
    const published = await a.content.publish(sourceOf(randomContent(MIB)))
    for (const id of await a.stored()) {
      await eventually(async () => {
        for await (const { peer } of b.network.findProviders(id, { limit: 5 }))
          if (peer === a.peer) return true
        return false
      }, `the announcement of ${id}`)
    }
    await eventually(() => a.content.queues().announce === 0, 'an empty queue')
    assert.ok((await a.stored()).has(published.id))
  })

  test('configured friends hold everything after publishing [S-34]', async () => {
    const friend = await space.addNode()
    await space.addNodes(4)
    const a = await space.addNode({ content: { friends: [friend.peer] } })
    for (let seed = 1; seed <= 3; seed++) {
      await a.content.publish(sourceOf(randomContent(500_000, seed)), {
        policy: { kind: 'replica', copies: 2 },
      })
    }
    for (const id of await a.stored()) assert.ok((await friend.stored()).has(id))
  })

  test('with too few peers it says the true number and does not wait [S-42]', async () => {
    const [a] = await space.addNodes(2)
    assert.ok(a !== undefined)
    const published = await a.content.publish(sourceOf(randomContent(MIB)))
    assert.equal(published.copies, 2)
    assert.equal(published.acknowledged, 'local')
    const alone = new TestSpace()
    const node = await alone.addNode()
    assert.equal((await node.content.publish(sourceOf(randomContent(10)))).copies, 1)
    await alone.stop()
  })

  test('a local acknowledgement answers at once and copies follow', async () => {
    const [a] = await space.addNodes(3)
    assert.ok(a !== undefined)
    const { id } = await a.content.publish(sourceOf(randomContent(MIB)), { acknowledge: 'local' })
    await eventually(async () => (await a.content.durability(id)).confirmed === 3, 'three copies')
  })

  test('a peer that is full or unwilling is passed over [S-16]', async () => {
    const full = await space.addNode({ chunks: createMemoryChunkStore({ sizeBytesMax: 1000 }) })
    const unwilling = await space.addNode({ stores: false })
    const [a, b, c] = await space.addNodes(3)
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    for (let seed = 1; seed <= 4; seed++) {
      const published = await a.content.publish(sourceOf(randomContent(400_000, seed)))
      assert.equal(published.copies, 3)
    }
    assert.equal((await unwilling.stored()).size, 0)
    assert.ok((await full.stored()).size <= 4, 'only manifests fit')
    assert.deepEqual(await b.stored(), await a.stored())
    assert.deepEqual(await c.stored(), await a.stored())
  })

  test('what does not fit is refused, and gives back at once all room but that of others’ chunks', async () => {
    const small = await space.addNode({ chunks: createMemoryChunkStore({ sizeBytesMax: 2 ** 20 }) })
    const local = { acknowledge: 'local', policy: { kind: 'replica', copies: 1 } } as const
    const shared = randomContent(2 ** 18)
    const kept = await small.content.publish(sourceOf(shared), local)
    const before = (await small.chunks.usage()).sizeBytes
    const tooMuch = Buffer.concat([shared, randomContent(2 ** 20, 2)])
    await assert.rejects(
      small.content.publish(sourceOf(tooMuch), local),
      (error) => isKizunaError(error, 'QUOTA_EXCEEDED') && error.kind === 'busy',
    )
    assert.equal((await small.chunks.usage()).sizeBytes, before)
    assert.ok((await readAll(await small.content.retrieve(kept.id))).equals(shared))
  })

  test('an abort or a broken source leaves nothing kept [S-20]', async () => {
    const [a] = await space.addNodes(3)
    assert.ok(a !== undefined)
    async function* breaking() {
      yield* sourceOf(randomContent(MIB))
      throw new Error('the disk fell off')
    }
    await assert.rejects(a.content.publish(breaking()), /fell off/)
    const controller = new AbortController()
    async function* aborting() {
      yield* sourceOf(randomContent(2 * MIB))
      controller.abort()
      yield* sourceOf(randomContent(2 * MIB, 2))
    }
    await assert.rejects(a.content.publish(aborting(), { signal: controller.signal }), { code: 'ABORTED' })
    const wrong = a.content.publish(sourceOf(randomContent(10)), { sizeBytes: 11 })
    await assert.rejects(wrong, { code: 'SIZE_MISMATCH' })
    assert.deepEqual(a.content.keptObjects(), [])
    assert.equal(a.content.holdings().count, 0)
  })

  test('encrypted content is opaque to holders and opens with its key only', async () => {
    const [a, b] = await space.addNodes(3)
    assert.ok(a !== undefined && b !== undefined)
    const bytes = Buffer.alloc(600_000, 'secret words ')
    const published = await a.content.publish(sourceOf(bytes), { encrypt: true, sizeBytes: bytes.byteLength })
    assert.equal(published.key?.byteLength, 32)
    assert.equal(published.sizeBytes, bytes.byteLength)
    for (const node of space.nodes) {
      for (const id of await node.stored()) {
        assert.ok(!Buffer.from(await node.chunks.get(id)).includes('secret words'))
      }
    }
    const key = published.key as Uint8Array
    const content = await b.content.retrieve(published.id, { key })
    assert.equal(content.sizeBytes, bytes.byteLength)
    assert.ok((await readAll(content)).equals(bytes))
    const part = await b.content.retrieve(published.id, { key, range: { offset: 262_100, length: 100 } })
    assert.ok((await readAll(part)).equals(bytes.subarray(262_100, 262_200)))
    await assert.rejects(b.content.retrieve(published.id), { code: 'CONTENT_KEY_MISSING' })
    const wrongKey = await b.content.retrieve(published.id, { key: new Uint8Array(32) })
    await assert.rejects(readAll(wrongKey), { code: 'CONTENT_KEY_WRONG' })
    const again = await a.content.publish(sourceOf(bytes), { encrypt: true })
    assert.notEqual(again.id, published.id, 'nobody can tell that two objects are the same')
  })

  test('a key that is given encrypts, and one of a wrong length is refused', async () => {
    const [a] = await space.addNodes(1)
    assert.ok(a !== undefined)
    const encryptionKey = new Uint8Array(32).fill(7)
    const bytes = Buffer.from('for members only')
    const published = await a.content.publish(sourceOf(bytes), { encryptionKey })
    assert.deepEqual(published.key, encryptionKey)
    await assert.rejects(a.content.retrieve(published.id), { code: 'CONTENT_KEY_MISSING' })
    const opened = await a.content.retrieve(published.id, { key: encryptionKey })
    assert.ok((await readAll(opened)).equals(bytes))
    const short = { encryptionKey: new Uint8Array(16) }
    await assert.rejects(a.content.publish(sourceOf(bytes), short), { code: 'INVALID_INPUT' })
  })

  test('a large share among enough members is striped, with every shard on its own peer [B-40]', async () => {
    const nodes = await space.addNodes(7)
    const [a] = nodes
    assert.ok(a !== undefined)
    const published = await a.content.publish(sourceOf(randomContent(3 * MIB)))
    assert.deepEqual(published.policy, { kind: 'rs', k: 4, m: 2 })
    assert.equal(published.copies, 6)
    const durability = await a.content.durability(published.id)
    assert.equal(durability.confirmed, 6)
    assert.ok(durability.margin >= 2)
  })

  test('content that repeats itself is stored once and read whole', async () => {
    const [a, b] = await space.addNodes(7)
    assert.ok(a !== undefined && b !== undefined)
    const zeros = Buffer.alloc(5 * MIB)
    for (const policy of [{ kind: 'rs', k: 4, m: 2 } as const, { kind: 'replica', copies: 2 } as const]) {
      const published = await a.content.publish(sourceOf(zeros), { policy })
      assert.equal(published.chunks, 20)
      assert.ok((await readAll(await b.content.retrieve(published.id))).equals(zeros))
    }
  })

  test('a folder comes back as its listing, and a file is no folder', async () => {
    const [a, b] = await space.addNodes(3)
    assert.ok(a !== undefined && b !== undefined)
    const file = await a.content.publish(sourceOf(randomContent(1000)))
    const entries = [
      { path: 'b/photo.jpg', id: file.id, sizeBytes: 1000 },
      { path: 'a.txt', id: file.id, sizeBytes: 1000 },
    ]
    const folder = await a.content.publishFolder(entries)
    assert.deepEqual(
      (await b.content.listFolder(folder.id)).map(({ path }) => path),
      ['a.txt', 'b/photo.jpg'],
    )
    assert.equal((await b.content.retrieve(folder.id)).kind, 'folder')
    await assert.rejects(b.content.listFolder(file.id), { code: 'INVALID_INPUT' })
    assert.throws(() => a.content.publishFolder([{ ...file, path: '../x' }]), { code: 'INVALID_INPUT' })
  })

  test('impossible policies are refused', async () => {
    const a = await space.addNode()
    for (const policy of [
      { kind: 'replica', copies: 0 },
      { kind: 'replica', copies: 1.5 },
      { kind: 'rs', k: 0, m: 2 },
      { kind: 'rs', k: 200, m: 100 },
    ] as const) {
      await assert.rejects(a.content.publish(sourceOf(randomContent(10)), { policy }), {
        code: 'INVALID_INPUT',
      })
    }
  })
})

test('the default policy follows size, members and their uptime', () => {
  const members = (count: number, uptime = 0.999) => Array.from({ length: count }, () => uptime)
  assert.deepEqual(choosePolicy(1000, members(20)), { kind: 'replica', copies: 3 })
  assert.deepEqual(choosePolicy(2 * MIB, members(5)), { kind: 'replica', copies: 3 })
  assert.deepEqual(choosePolicy(undefined, members(6, 1)), { kind: 'rs', k: 4, m: 2 })
  const policy = choosePolicy(2 * MIB, members(20))
  assert.ok(policy.kind === 'rs' && policy.k === 10)
  assert.ok(unreadableShare(Array(policy.k + policy.m).fill(0.999), policy.k) <= 1e-5)
  assert.ok(unreadableShare(Array(policy.k + policy.m - 1).fill(0.999), policy.k) > 1e-5 || policy.m === 2)
  assert.deepEqual(choosePolicy(2 * MIB, members(20, 0.5)), { kind: 'replica', copies: 3 })
})
