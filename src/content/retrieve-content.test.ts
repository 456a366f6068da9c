import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { ConnectionLostError } from '../network/errors.ts'
import { encodeManifest } from '../storage/content-manifest.ts'
import { countChunks, slowDown, tamperChunks, withMischief } from './lying-network.suite.ts'
import {
  eventually,
  randomContent,
  readAll,
  sourceOf,
  type TestNode,
  TestSpace,
} from './space-under-test.suite.ts'

const MIB = 2 ** 20
/** Chunks of 256 KiB that are asked for ahead of the reader. */
const WINDOW_CHUNKS = 64

async function publish(node: TestNode, bytes: Uint8Array, copies = 3): Promise<ContentId> {
  const { id } = await node.content.publish(sourceOf(bytes), { policy: { kind: 'replica', copies } })
  return id
}

async function served(node: TestNode): Promise<number> {
  return node.metrics.total('kizuna_chunks_served_total')
}

describe('retrieving', () => {
  let space: TestSpace
  beforeEach(() => {
    space = new TestSpace()
  })
  afterEach(() => space.stop())

  test('the size is known first, and bytes come before the last chunk was asked for [S-21] [S-40]', async () => {
    const [a] = await space.addNodes(3)
    const reader = await space.addNode({ stores: false })
    assert.ok(a !== undefined)
    const bytes = randomContent(40 * MIB)
    const id = await publish(a, bytes)
    const content = await reader.content.retrieve(id)
    assert.equal(content.sizeBytes, bytes.byteLength)
    const reading = content.bytes[Symbol.asyncIterator]()
    const first = await reading.next()
    assert.ok(Buffer.from(first.value ?? []).equals(bytes.subarray(0, 262_144)))
    assert.ok((await reader.stored()).size < 161, 'the window is ahead of the reader, not the whole content')
    await reading.return?.()
  })

  test('chunks come from several peers at once, in order, and the file is whole [B-13] [B-22] [B-32] [B-34] [S-37] [S-38]', async () => {
    const holders = await space.addNodes(3)
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(12 * MIB)
    const id = await publish(holders[0] as TestNode, bytes)
    let peersMax = 0
    const content = await reader.content.retrieve(id, {
      onProgress: ({ peers }) => {
        peersMax = Math.max(peersMax, peers ?? 0)
      },
    })
    assert.ok((await readAll(content)).equals(bytes))
    const counts = await Promise.all(holders.map(served))
    assert.ok(counts.filter((count) => count >= 5).length >= 2, `served: ${counts}`)
    assert.ok(peersMax >= 2)
  })

  test('a slow peer serves at most a tenth of the chunks [S-50]', async () => {
    let delayMs = 0
    const slow = await space.addNode({
      wrapNetwork: (inner) =>
        withMischief(
          inner,
          slowDown(space.clock, () => delayMs),
        ),
    })
    const [a] = await space.addNodes(2)
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(16 * MIB)
    const id = await publish(a as TestNode, bytes)
    delayMs = 60
    assert.ok((await readAll(await reader.content.retrieve(id))).equals(bytes))
    const share = (await served(slow)) / 64
    assert.ok(share <= 0.1, `the slow one served ${share}`)
  })

  test('asks no more peers at once than allowed [B-46]', async () => {
    // In virtual time: a peer that a busy machine keeps waiting counts as silent, and another may be asked in its place.
    const clock = new VirtualClock()
    const world = new TestSpace({ clock })
    const active = new Set<string>()
    let most = 0
    const wrapNetwork = (inner: TestNode['network']) =>
      withMischief(inner, async function* (frames, { kind }) {
        if (kind === 'retrieveChunk') active.add(inner.peerId)
        most = Math.max(most, active.size)
        await clock.sleep(2)
        yield* frames
        active.delete(inner.peerId)
      })
    const holders = await world.addNodes(6, { wrapNetwork })
    const reader = await world.addNode({ stores: false, content: { peersMax: 2 } })
    const bytes = randomContent(5 * MIB)
    const id = await inVirtualTime(clock, publish(holders[0] as TestNode, bytes, 6))
    most = 0
    const read = await inVirtualTime(clock, reader.content.retrieve(id).then(readAll))
    assert.ok(read.equals(bytes))
    assert.ok(most <= 2, `${most} at once`)
    await inVirtualTime(clock, world.stop())
  })

  test('the first two peers die in the middle of a chunk: another finishes it from there [B-14] [B-16] [B-48]', async () => {
    let cuts = 0
    let bytesSent = 0
    const dying = async function* (frames: AsyncIterable<Uint8Array>, { kind }: { kind: string }) {
      let count = 0
      for await (const frame of frames) {
        if (kind === 'retrieveChunk' && count > 0) bytesSent += frame.byteLength
        if (kind === 'retrieveChunk' && count === 2 && cuts < 2) {
          cuts++
          throw new ConnectionLostError({ peer: 'x' as never, protocol: 'test' })
        }
        yield frame
        count++
      }
    }
    const holders = await space.addNodes(3, { wrapNetwork: (inner) => withMischief(inner, dying) })
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(262_144)
    const id = await publish(holders[0] as TestNode, bytes)
    bytesSent = 0
    cuts = 0
    await reader.content.retrieve(id).then(readAll)
    assert.equal(cuts, 2)
    assert.ok((await reader.stored()).size === 2)
    assert.ok(bytesSent < 2 * 262_144, `what had come was kept: ${bytesSent} bytes were sent`)
  })

  test('any one of three nodes is killed, the publisher too: the content is read [B-48]', async () => {
    for (const victim of [0, 1, 2]) {
      const world = new TestSpace({ seed: victim + 1 })
      const holders = await world.addNodes(3)
      const bytes = randomContent(2 * MIB, victim)
      const id = await publish(holders[0] as TestNode, bytes)
      const reader = await world.addNode({ stores: false })
      world.kill(holders[victim] as TestNode)
      assert.ok((await readAll(await reader.content.retrieve(id))).equals(bytes))
      await world.stop()
    }
  })

  test('a chunk lost here is fetched again and is back afterwards [K-34]', async () => {
    const [a] = await space.addNodes(3)
    assert.ok(a !== undefined)
    const bytes = randomContent(MIB)
    const id = await publish(a, bytes)
    const lost = [...(await a.stored())].filter((chunk) => chunk !== id)
    await a.chunks.delete(lost[0] as ContentId)
    assert.ok((await readAll(await a.content.retrieve(id))).equals(bytes))
    assert.deepEqual(await a.stored(), new Set([id, ...lost]))
  })

  test('wrong bytes never reach the store or the reader, and the liar is reported [B-15] [B-33] [K-42] [S-36] [S-41]', async () => {
    const liar = await space.addNode({ wrapNetwork: (inner) => withMischief(inner, tamperChunks) })
    const [a] = await space.addNodes(2)
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(4 * MIB)
    const id = await publish(a as TestNode, bytes)
    assert.ok((await readAll(await reader.content.retrieve(id))).equals(bytes))
    for (const chunk of await reader.stored())
      assert.equal(contentIdOf(await reader.chunks.get(chunk)), chunk)
    assert.ok(reader.reports.some(({ peer, what }) => peer === liar.peer && what === 'bad-chunk'))
    assert.ok(!reader.reports.some(({ peer, what }) => peer !== liar.peer && what === 'bad-chunk'))
  })

  test('a range is read without the chunks around it', async () => {
    let asked = 0
    const [a] = await space.addNodes(3, {
      wrapNetwork: (inner) =>
        withMischief(
          inner,
          countChunks(() => {
            asked++
          }),
        ),
    })
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(8 * MIB)
    const id = await publish(a as TestNode, bytes)
    asked = 0
    const range = { offset: 5 * 262_144 + 100, length: 300_000 }
    const content = await reader.content.retrieve(id, { range })
    const part = await readAll(content)
    assert.ok(part.equals(bytes.subarray(range.offset, range.offset + range.length)))
    assert.equal((await reader.stored()).size, 1 + 2, 'the manifest and two chunks')
    assert.ok(asked <= 5)
    const tail = await readAll(
      await reader.content.retrieve(id, { range: { offset: 8 * MIB - 5, length: 100 } }),
    )
    assert.ok(tail.equals(bytes.subarray(-5)))
    const beyond = reader.content.retrieve(id, { range: { offset: 8 * MIB + 1, length: 1 } })
    await assert.rejects(beyond, { code: 'INVALID_INPUT' })
  })

  test('pieces are the reader’s own for good, unless it lets their memory be used again', async () => {
    const [a] = await space.addNodes(3)
    const reader = await space.addNode({ stores: false })
    assert.ok(a !== undefined)
    const bytes = randomContent(30 * MIB)
    const id = await publish(a, bytes)
    // From peers, then from this disk; the pool of these nodes spoils what is released.
    for (const _ of ['peers', 'disk']) {
      const kept: Uint8Array[] = []
      for await (const piece of (await reader.content.retrieve(id)).bytes) kept.push(piece)
      assert.ok(Buffer.concat(kept).equals(bytes))
      assert.ok(
        kept.every(({ buffer }) => buffer instanceof ArrayBuffer),
        'no memory that threads share',
      )
      const copies: Buffer[] = []
      const memories = new Set<ArrayBufferLike>()
      for await (const piece of (await reader.content.retrieve(id, { reuse: true })).bytes) {
        copies.push(Buffer.from(piece))
        memories.add(piece.buffer)
      }
      assert.ok(Buffer.concat(copies).equals(bytes))
      assert.ok(memories.size <= 2 * WINDOW_CHUNKS, `${memories.size} buffers for ${copies.length} pieces`)
    }
  })

  test('what is encrypted is read whole, too, with memory that is used again', async () => {
    const [a] = await space.addNodes(3)
    const reader = await space.addNode({ stores: false })
    assert.ok(a !== undefined)
    const bytes = randomContent(3 * MIB + 5)
    const { id, key } = await a.content.publish(sourceOf(bytes), { encrypt: true })
    assert.ok(key !== undefined)
    for (const reuse of [true, false]) {
      const copies: Buffer[] = []
      const { bytes: pieces } = await reader.content.retrieve(id, { key, reuse })
      for await (const piece of pieces) copies.push(Buffer.from(piece))
      assert.ok(Buffer.concat(copies).equals(bytes))
    }
  })

  test('a reader that broke off goes on from what it has', async () => {
    const [a] = await space.addNodes(3)
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(20 * MIB)
    const id = await publish(a as TestNode, bytes)
    const reading = (await reader.content.retrieve(id)).bytes[Symbol.asyncIterator]()
    for (let count = 0; count < 40; count++) await reading.next()
    await reading.return?.()
    await reader.content.stop()
    await reader.network.stop()
    const before = (await reader.stored()).size
    assert.ok(before >= 35)
    const again = await space.addNode({ after: reader, stores: false })
    assert.ok((await readAll(await again.content.retrieve(id))).equals(bytes))
    assert.ok((await again.metrics.total('kizuna_chunks_fetched_total')) <= 81 - before)
  })

  test('parity stands in for chunks that are lost, and is itself checked [B-40]', async () => {
    const nodes = await space.addNodes(7)
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(4 * MIB + 1000)
    const { id } = await (nodes[0] as TestNode).content.publish(sourceOf(bytes), {
      policy: { kind: 'rs', k: 4, m: 2 },
    })
    space.kill(nodes[0] as TestNode)
    space.kill(nodes[3] as TestNode)
    assert.ok((await readAll(await reader.content.retrieve(id, { timeoutMs: 5_000 }))).equals(bytes))
    assert.ok((await reader.metrics.total('kizuna_chunks_rebuilt_total')) > 0)
  })

  test('a reader waits for peers that are away for a while, and goes on', async () => {
    const [a] = await space.addNodes(1)
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(24 * MIB)
    const id = await publish(a as TestNode, bytes, 1)
    const reading = (await reader.content.retrieve(id, { timeoutMs: 10_000 })).bytes[Symbol.asyncIterator]()
    const parts = [(await reading.next()).value]
    space.kill(a as TestNode)
    setImmediate(() => void space.clock.sleep(1_500).then(() => space.addNode({ after: a as TestNode })))
    for (let next = await reading.next(); next.done !== true; next = await reading.next())
      parts.push(next.value)
    assert.ok(Buffer.concat(parts as Uint8Array[]).equals(bytes))
  })

  test('peers that appear in the middle of a transfer take part', async () => {
    const a = await space.addNode()
    const b = await space.addNode()
    const reader = await space.addNode({ stores: false })
    const bytes = randomContent(24 * MIB)
    const id = await publish(a, bytes, 2)
    space.hub.setLink(a.peer, reader.peer, { bytesPerSecond: 8 * MIB })
    space.kill(b)
    const content = await reader.content.retrieve(id)
    const reading = content.bytes[Symbol.asyncIterator]()
    const parts = [(await reading.next()).value]
    const back = await space.addNode({ after: b })
    for (let next = await reading.next(); next.done !== true; next = await reading.next())
      parts.push(next.value)
    assert.ok(Buffer.concat(parts as Uint8Array[]).equals(bytes))
    assert.ok((await served(back)) > 0)
  })
})

describe('the four answers when content cannot be read', () => {
  let space: TestSpace
  beforeEach(() => {
    space = new TestSpace()
  })
  afterEach(() => space.stop())

  async function failureOf(reader: TestNode, id: ContentId, timeoutMs = 2_000) {
    const startedAt = space.clock.monotonic()
    try {
      await readAll(await reader.content.retrieve(id, { timeoutMs }))
    } catch (error) {
      const tookMs = space.clock.monotonic() - startedAt
      assert.ok(tookMs <= timeoutMs + 1_500, `took ${tookMs} ms`)
      if (isKizunaError(error)) return error
      throw error
    }
    throw new Error('it was read')
  }

  test('nobody has it: not found, logged with every peer asked, and counted [K-28] [K-29] [B-02] [B-06] [K-19]', async () => {
    const nodes = await space.addNodes(3)
    const reader = nodes[0] as TestNode
    const id = contentIdOf(Buffer.from('nobody has this'))
    const error = await failureOf(reader, id)
    assert.equal(error.code, 'CONTENT_NOT_FOUND')
    assert.equal(error.kind, 'missing')
    assert.ok(!error.message.includes(' at '), 'no stack trace in the sentence')
    const line = reader.logged.find(({ event }) => event === 'retrieve failed')
    assert.equal(line?.fields.id, id)
    const asked = line?.fields.asked as { peer: string; reason: string }[]
    assert.deepEqual(
      new Map(asked.map(({ peer, reason }) => [peer, reason])),
      new Map(nodes.slice(1).map(({ peer }) => [peer, 'not-found'])),
    )
    assert.equal(await reader.metrics.total('kizuna_retrieve_failures_total'), 1)
    assert.deepEqual(await reader.content.whoHas(id), [])
  })

  test('somebody had it and is away: unreachable [B-06]', async () => {
    const [a, reader] = await space.addNodes(2)
    assert.ok(a !== undefined && reader !== undefined)
    reader.view.stores = false
    const id = await publish(a, randomContent(MIB), 1)
    await reader.content.sync()
    space.kill(a)
    const error = await failureOf(reader, id)
    assert.equal(error.code, 'CONTENT_UNREACHABLE')
    assert.equal(error.kind, 'unavailable')
  })

  test('those who have it refuse: refused', async () => {
    const [a] = await space.addNodes(2)
    const stranger = await space.addNode({ member: false })
    const id = await publish(a as TestNode, randomContent(MIB))
    const error = await failureOf(stranger, id)
    assert.equal(error.code, 'CONTENT_REFUSED')
    assert.equal(error.kind, 'denied')
    const other = await failureOf(stranger, contentIdOf(Buffer.from('unknown to all')))
    assert.equal(other.code, 'CONTENT_NOT_FOUND', 'a stranger is refused only what is there')
  })

  test('an open space serves strangers', async () => {
    const [a] = await space.addNodes(2, { publicReading: true })
    const stranger = await space.addNode({ member: false })
    const bytes = randomContent(MIB)
    const id = await publish(a as TestNode, bytes)
    assert.ok((await readAll(await stranger.content.retrieve(id))).equals(bytes))
  })

  test('what can be had is wrong: corrupt, whether bytes are tampered, forged or no manifest [S-36] [S-39] [S-41]', async () => {
    const liar = await space.addNode({ wrapNetwork: (inner) => withMischief(inner, tamperChunks) })
    const reader = await space.addNode({ stores: false })
    const id = await publish(liar, randomContent(MIB), 1)
    assert.equal((await failureOf(reader, id)).code, 'CONTENT_CORRUPT')

    const noManifest = Buffer.from('these bytes are no manifest')
    const honest = await space.addNode()
    await honest.chunks.put(contentIdOf(noManifest), noManifest)
    const plain = await failureOf(reader, contentIdOf(noManifest))
    assert.equal(plain.code, 'CONTENT_CORRUPT')

    const bytes = randomContent(1000)
    await honest.chunks.put(contentIdOf(bytes), bytes)
    const forged = encodeManifest({
      profile: 'dds-256k',
      sizeBytes: bytes.byteLength,
      chunkCount: 1,
      k: 0,
      m: 0,
      kind: 'file',
      sha256: hash('sha256', 'something else', 'buffer'),
      encryption: undefined,
      body: { chunkIds: [contentIdOf(bytes)], parityIds: [], chunkSizes: [] },
      pages: [],
    })
    await honest.chunks.put(contentIdOf(forged), forged)
    const content = await reader.content.retrieve(contentIdOf(forged))
    const got: Uint8Array[] = []
    await assert.rejects(
      async () => {
        for await (const piece of content.bytes) got.push(piece)
      },
      { code: 'CONTENT_CORRUPT' },
    )
    assert.equal(got.length, 0, 'the last piece is given out only after the whole hash was checked')
  })

  test('a chunk of another length than its manifest says is corrupt, also where no whole hash is checked [S-41]', async () => {
    const [holder] = await space.addNodes(1)
    const reader = await space.addNode({ stores: false })
    const [short, tail] = [randomContent(1000), randomContent(10, 2)]
    const forged = encodeManifest({
      profile: 'dds-256k',
      sizeBytes: 262_154,
      chunkCount: 2,
      k: 0,
      m: 0,
      kind: 'file',
      sha256: hash('sha256', 'whatever', 'buffer'),
      encryption: undefined,
      body: { chunkIds: [contentIdOf(short), contentIdOf(tail)], parityIds: [], chunkSizes: [] },
      pages: [],
    })
    for (const bytes of [short, tail, forged]) await holder?.chunks.put(contentIdOf(bytes), bytes)
    const content = await reader.content.retrieve(contentIdOf(forged), {
      range: { offset: 100, length: 2000 },
    })
    await assert.rejects(readAll(content), { code: 'CONTENT_CORRUPT' })
  })

  test('the holder’s copy is damaged and nobody else has one: corrupt', async () => {
    const [a] = await space.addNodes(1)
    const reader = await space.addNode({ stores: false })
    const id = await publish(a as TestNode, randomContent(MIB), 1)
    const chunk = [...(await (a as TestNode).stored())].find((other) => other !== id) as ContentId
    await (a as TestNode).chunks.delete(chunk)
    assert.equal((await failureOf(reader, id)).code, 'CONTENT_CORRUPT')
  })

  test('a peer that stalls is dropped, and the call ends by its deadline [B-18] [B-47]', async () => {
    let stall = false
    const stalling = async function* (frames: AsyncIterable<Uint8Array>, { kind }: { kind: string }) {
      let count = 0
      for await (const frame of frames) {
        if (stall && kind === 'retrieveChunk' && count++ > 0) await space.clock.sleep(60_000)
        yield frame
      }
    }
    const [a] = await space.addNodes(1, { wrapNetwork: (inner) => withMischief(inner, stalling) })
    const reader = await space.addNode({ stores: false })
    const id = await publish(a as TestNode, randomContent(MIB), 1)
    stall = true
    const error = await failureOf(reader, id, 1_500)
    assert.equal(error.code, 'CONTENT_UNREACHABLE')
    assert.ok(reader.reports.some(({ what }) => what === 'timeout'))
  })

  test('light nodes serve nothing [B-26]', async () => {
    const light = await space.addNode({ content: { serves: false, announces: false } })
    const reader = await space.addNode({ stores: false })
    const id = await publish(light, randomContent(1000), 1)
    const error = await failureOf(reader, id)
    assert.ok(error.code === 'CONTENT_NOT_FOUND' || error.code === 'CONTENT_REFUSED', error.code)
    assert.equal(light.content.queues().announce, 0)
    await eventually(async () => {
      for await (const _ of reader.network.findProviders(id, { limit: 1 })) return false
      return true
    }, 'no announcement')
  })

  test('cancelling ends the call at once', async () => {
    const [a] = await space.addNodes(1)
    const reader = await space.addNode({ stores: false })
    const id = await publish(a as TestNode, randomContent(20 * MIB), 1)
    const controller = new AbortController()
    const content = await reader.content.retrieve(id, { signal: controller.signal })
    await assert.rejects(
      async () => {
        for await (const _ of content.bytes) controller.abort()
      },
      { code: 'ABORTED' },
    )
  })
})

test('four peers at 1 MiB/s each give more than 3.2 MiB/s together [B-13] [B-49]', async () => {
  // Simulated time: how busy the machine is says nothing about how the work is divided.
  const clock = new VirtualClock()
  const space = new TestSpace({ clock })
  const holders = await whileTimePasses(clock, space.addNodes(4))
  const reader = await whileTimePasses(clock, space.addNode({ stores: false }))
  const bytes = randomContent(6 * MIB)
  const id = await whileTimePasses(clock, publish(holders[0] as TestNode, bytes, 4))
  for (const holder of holders) space.hub.setLink(holder.peer, reader.peer, { bytesPerSecond: MIB })
  const startedAt = clock.monotonic()
  const content = await whileTimePasses(clock, reader.content.retrieve(id))
  assert.ok((await whileTimePasses(clock, readAll(content))).equals(bytes))
  const seconds = (clock.monotonic() - startedAt) / 1000
  await whileTimePasses(clock, space.stop())
  assert.ok(6 / seconds >= 3.2, `${(6 / seconds).toFixed(2)} MiB/s`)
  assert.ok(6 / seconds <= 4.1, `${(6 / seconds).toFixed(2)} MiB/s is more than the peers can give`)
})

/** Lets simulated time go on in small steps until `work` is done. */
async function whileTimePasses<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  let done = false
  const end = work.finally(() => {
    done = true
  })
  end.catch(() => {})
  while (!done) await clock.advance(5)
  return await end
}

/** Lets virtual time pass until `work` is done. */
async function inVirtualTime<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  ended.catch(() => {})
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve))
    if (!done) clock.fireNext()
  }
  return ended
}
