/** What a holder answers when its store fails, its places are taken or its role changes; the rest is in `dds-server.test.ts`. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { ChunkCorruptError, ChunkNotFoundError, DiskError, StoreClosedError } from '../storage/errors.ts'
import { createMemoryChunkStore } from '../storage/memory-chunk-store.ts'
import { signCorruptionNotice } from './corruption-notice.ts'
import {
  askHave,
  challengeHolder,
  instructReplication,
  sendCorruptionNotice,
  storeChunk,
} from './dds-client.ts'
import { DDS_PROTOCOL, digestToWire, encodeRequest, type ObjectFacts } from './dds-protocol.ts'
import {
  eventually,
  objectOfOne,
  randomContent,
  receiveChunk,
  type TestNode,
  TestSpace,
} from './space-under-test.suite.ts'

const CALL = { timeoutMs: 5_000 }
const bytes = randomContent(100_000)
const id = contentIdOf(bytes)
const diskError = new DiskError({ operation: 'read', path: 'chunks/aa', systemCode: 'EIO' })

describe('a holder of chunks', () => {
  let space: TestSpace
  let asker: TestNode
  let object: ObjectFacts
  beforeEach(async () => {
    space = new TestSpace()
    asker = await space.addNode()
    object = objectOfOne(asker, bytes)
  })
  afterEach(() => space.stop())

  const retrieve = (from: TestNode, holder: TestNode) => receiveChunk(from, holder, { id })
  const holderWith = (faults: Partial<ChunkStore>) =>
    space.addNode({ chunks: { ...createMemoryChunkStore(), ...faults } })

  test('a node that only downloads refuses every kind of request', async () => {
    const holder = await space.addNode({ content: { serves: false } })
    const refused = { code: 'NOT_SERVING' }
    await assert.rejects(storeChunk(asker.network, holder.peer, { id, bytes, object }, CALL), refused)
    await assert.rejects(retrieve(asker, holder), refused)
    await assert.rejects(askHave(asker.network, holder.peer, { ids: [id] }, CALL), refused)
    const wish = { ids: [id], object, sources: [] }
    await assert.rejects(
      Array.fromAsync(instructReplication(asker.network, holder.peer, wish, CALL)),
      refused,
    )
    const notice = signCorruptionNotice(asker.key, { id, holder: holder.peer, noticedAt: 1 })
    await assert.rejects(sendCorruptionNotice(asker.network, holder.peer, notice, CALL), refused)
    const challenge = { id, nonce: randomContent(32), offset: 0, length: 1 }
    await assert.rejects(challengeHolder(asker.network, holder.peer, challenge, CALL), refused)
  })

  test('a chunk sent alone is kept as an object of its own, of whoever sent it [S-16]', async () => {
    const holder = await space.addNode()
    const stored = await storeChunk(asker.network, holder.peer, { id, bytes, object: undefined }, CALL)
    assert.deepEqual(stored, { code: 'STORE_OK', alreadyHeld: false })
    const { kept } = await askHave(asker.network, holder.peer, { ids: [id] }, CALL)
    assert.deepEqual(kept, [true])
  })

  test('a disk that fails while a chunk is written is an error to the sender, and nothing is confirmed [S-16]', async () => {
    const holder = await holderWith({
      put: async () => {
        throw diskError
      },
    })
    await assert.rejects(storeChunk(asker.network, holder.peer, { id, bytes, object }, CALL), {
      code: 'DISK_ERROR',
    })
    const { held, kept } = await askHave(asker.network, holder.peer, { ids: [id] }, CALL)
    assert.deepEqual([held, kept], [[false], [false]])
    assert.deepEqual(holder.reports, [], 'the sender did nothing wrong')
  })

  test('fewer or more bytes than were said are refused, and nothing is kept of them [S-69]', async () => {
    const holder = await space.addNode()
    for (const sizeBytes of [bytes.byteLength - 1, bytes.byteLength + 1]) {
      const header = encodeRequest({ storeChunk: { chunkCid: digestToWire(id), sizeBytes } })
      const request = [header, bytes.subarray(0, 50_000), bytes.subarray(50_000)]
      await assert.rejects(Array.fromAsync(asker.network.request(holder.peer, DDS_PROTOCOL, request, CALL)), {
        code: 'INVALID_INPUT',
      })
    }
    assert.equal((await holder.stored()).size, 0)
  })

  test('one peer takes sixteen places, all together sixty-four; who comes then is told when to come again [S-17]', async () => {
    const go = Promise.withResolvers<void>()
    const store = createMemoryChunkStore()
    let reading = 0
    const get: ChunkStore['get'] = async (wanted, options) => {
      reading++
      await go.promise
      return store.get(wanted, options)
    }
    const holder = await space.addNode({ chunks: { ...store, get } })
    await storeChunk(asker.network, holder.peer, { id, bytes, object }, CALL)
    const others = await space.addNodes(4)
    const under: Promise<{ code: string; bytes: Buffer }>[] = []
    for (const node of [asker, ...others.slice(0, 3)]) {
      const expected = under.length + 16
      for (let count = 0; count < 16; count++) under.push(retrieve(node, holder))
      await eventually(() => reading === expected, 'sixteen readers more')
      const { code, retryAfterMs } = await retrieve(node, holder)
      assert.deepEqual([code, retryAfterMs], ['RETRIEVE_BUSY', 200])
    }
    const last = others[3] ?? assert.fail()
    assert.equal((await retrieve(last, holder)).code, 'RETRIEVE_BUSY', 'sixty-four are there already')
    go.resolve()
    for (const { code, bytes: got } of await Promise.all(under)) {
      assert.equal(code, 'RETRIEVE_OK')
      assert.ok(got.equals(bytes))
    }
    assert.equal((await retrieve(last, holder)).code, 'RETRIEVE_OK', 'the places are free again')
  })

  test('a kept chunk that is not there is damaged to members; strangers learn nothing of it [R-25]', async () => {
    const holder = await space.addNode()
    const stranger = await space.addNode({ member: false })
    await storeChunk(asker.network, holder.peer, { id, bytes, object }, CALL)
    await holder.chunks.delete(id)
    assert.equal((await retrieve(stranger, holder)).code, 'RETRIEVE_NOT_FOUND')
    assert.equal((await retrieve(asker, holder)).code, 'RETRIEVE_DAMAGED')
    assert.equal(await holder.metrics.total('kizuna_chunks_damaged_total'), 1)
  })

  test('a chunk that rots, goes or cannot be read while it is asked for is damaged, not served [R-25]', async () => {
    const faults = [new ChunkCorruptError({ id, reason: 'hash' }), new ChunkNotFoundError({ id }), diskError]
    for (const fault of faults) {
      const holder = await holderWith({
        get: async () => {
          throw fault
        },
      })
      await storeChunk(asker.network, holder.peer, { id, bytes, object }, CALL)
      const answer = await retrieve(asker, holder)
      assert.deepEqual([answer.code, answer.bytes.byteLength], ['RETRIEVE_DAMAGED', 0])
      assert.equal(await holder.metrics.total('kizuna_chunks_damaged_total'), 1)
    }
  })

  test('a challenge to a copy that the disk cannot read now says so; a stranger’s is refused [S-48]', async () => {
    const holder = await holderWith({
      get: async () => {
        throw diskError
      },
    })
    const stranger = await space.addNode({ member: false })
    const challenge = { id, nonce: randomContent(32), offset: 0, length: 1 }
    const answer = await challengeHolder(asker.network, holder.peer, challenge, CALL)
    assert.deepEqual([answer.code, answer.proof.byteLength], ['CHALLENGE_UNREADABLE', 0])
    await assert.rejects(challengeHolder(stranger.network, holder.peer, challenge, CALL), {
      code: 'UNAUTHORISED_PEER',
    })
  })

  test('one member’s challenges cost a holder no more than its share of reads [S-48]', async () => {
    const holder = await space.addNode()
    await storeChunk(asker.network, holder.peer, { id, bytes, object }, CALL)
    const challenge = { id, nonce: randomContent(32), offset: 0, length: 1 }
    const codes = new Set<string>()
    for (let count = 0; count < 1_000 && !codes.has('CHALLENGE_BUSY'); count++) {
      codes.add((await challengeHolder(asker.network, holder.peer, challenge, CALL)).code)
    }
    assert.deepEqual([...codes], ['CHALLENGE_OK', 'CHALLENGE_BUSY'])
  })

  test('a store that closes says nothing about its chunks: the asker hears of it, none is damaged', async () => {
    const holder = await holderWith({
      get: async () => {
        throw new StoreClosedError({ store: 'chunk store' })
      },
    })
    await storeChunk(asker.network, holder.peer, { id, bytes, object }, CALL)
    await assert.rejects(retrieve(asker, holder), { code: 'STORE_CLOSED' })
    const challenge = { id, nonce: randomContent(32), offset: 0, length: 1 }
    await assert.rejects(challengeHolder(asker.network, holder.peer, challenge, CALL), {
      code: 'STORE_CLOSED',
    })
    assert.equal(await holder.metrics.total('kizuna_chunks_damaged_total'), 0)
  })

  test('asked to keep what it has for an object, a member’s node does; for a stranger or without a place it does not', async () => {
    const holder = await space.addNode({ publicReading: true })
    const stranger = await space.addNode({ member: false })
    await holder.chunks.put(id, bytes)
    const other = contentIdOf(Buffer.from('not there'))
    const ask = async (from: TestNode) =>
      (await askHave(from.network, holder.peer, { ids: [id, other], keepFor: object }, CALL)).kept
    assert.deepEqual(await ask(stranger), [false, false])
    holder.view.stores = false
    assert.deepEqual(await ask(asker), [false, false])
    holder.view.stores = true
    const nothing = { ids: [other], keepFor: object }
    assert.deepEqual((await askHave(asker.network, holder.peer, nothing, CALL)).kept, [false])
    assert.deepEqual(await ask(asker), [true, false])
  })

  test('an instruction that names no object is refused', async () => {
    const holder = await space.addNode()
    const request = encodeRequest({
      replicationInstruction: { chunkCids: [digestToWire(id)], sourceHints: [] },
    })
    await assert.rejects(Array.fromAsync(asker.network.request(holder.peer, DDS_PROTOCOL, [request], CALL)), {
      code: 'INVALID_INPUT',
    })
  })
})
