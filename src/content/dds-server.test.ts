import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import { createMetrics } from '../core/metrics.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { createMemoryChunkStore } from '../storage/memory-chunk-store.ts'
import { signCorruptionNotice } from './corruption-notice.ts'
import {
  askHave,
  challengeHolder,
  instructReplication,
  sendCorruptionNotice,
  storeChunk,
} from './dds-client.ts'
import { ChallengeCode, RetrieveChunkCode } from './dds-messages.js'
import {
  DDS_PROTOCOLS,
  decodeResponse,
  digestToWire,
  encodeRequest,
  encodeResponse,
  HAVE_IDS_MAX,
  INSTRUCTION_IDS_MAX,
  type ObjectFacts,
} from './dds-protocol.ts'
import { DdsServer } from './dds-server.ts'
import { tamperChunks, withMischief } from './lying-network.suite.ts'
import {
  eventually,
  objectOfOne,
  randomContent,
  readAll,
  receiveChunk,
  sourceOf,
  type TestNode,
  TestSpace,
} from './space-under-test.suite.ts'

const CALL = { timeoutMs: 5_000 }
const bytes = randomContent(200_000)
const id = contentIdOf(bytes)

describe('the DDS protocol between two peers', () => {
  let space: TestSpace
  let a: TestNode
  let b: TestNode
  let stranger: TestNode
  let object: ObjectFacts
  beforeEach(async () => {
    space = new TestSpace()
    a = await space.addNode()
    b = await space.addNode({ chunks: createMemoryChunkStore({ sizeBytesMax: 1_000_000 }) })
    stranger = await space.addNode({ member: false })
    object = objectOfOne(a, bytes)
  })
  afterEach(() => space.stop())

  test('a chunk is sent to be kept, confirmed by its hash, and got back whole or in part [S-16] [S-17] [K-18] [B-12]', async () => {
    const first = await storeChunk(a.network, b.peer, { id, bytes, object }, CALL)
    assert.deepEqual(first, { code: 'STORE_OK', alreadyHeld: false })
    assert.deepEqual(await storeChunk(a.network, b.peer, { id, bytes, object }, CALL), {
      code: 'STORE_OK',
      alreadyHeld: true,
    })
    assert.equal(b.content.holdings().count, 1)
    const whole = await receiveChunk(a, b, { id })
    assert.equal(whole.code, 'RETRIEVE_OK')
    assert.ok(whole.bytes.equals(bytes))
    const part = await receiveChunk(a, b, { id, offset: 65_536, length: 70_000 })
    assert.equal(part.totalSizeBytes, bytes.byteLength)
    assert.ok(part.bytes.equals(bytes.subarray(65_536, 135_536)))
    assert.equal(
      (await receiveChunk(a, b, { id, offset: bytes.byteLength + 1 })).code,
      'RETRIEVE_INVALID_RANGE',
    )
    assert.equal(
      (await receiveChunk(a, b, { id: contentIdOf(Buffer.from('no')) })).code,
      'RETRIEVE_NOT_FOUND',
    )
  })

  test('tampered bytes are refused before anything is written, and count against the sender [S-16] [K-41] [K-42] [S-41]', async () => {
    const wrong = Uint8Array.from(bytes)
    wrong[5] = (wrong[5] ?? 0) ^ 1
    const answer = await storeChunk(a.network, b.peer, { id, bytes: wrong, object }, CALL)
    assert.equal(answer.code, 'STORE_INVALID_CID')
    assert.equal((await b.stored()).size, 0)
    assert.deepEqual(b.reports, [{ peer: a.peer, what: 'bad-chunk' }])
  })

  test('what is too long, too much or from a stranger is refused, each with its code [S-16]', async () => {
    const long = new Uint8Array(CHUNK_BYTES_MAX + 1)
    const tooLarge = await storeChunk(a.network, b.peer, { id: contentIdOf(long), bytes: long, object }, CALL)
    assert.equal(tooLarge.code, 'STORE_TOO_LARGE')
    const much = new Uint8Array(1_000_001)
    const full = await storeChunk(a.network, b.peer, { id: contentIdOf(much), bytes: much, object }, CALL)
    assert.equal(full.code, 'STORE_REFUSED_QUOTA')
    b.view.stores = false
    assert.equal(
      (await storeChunk(a.network, b.peer, { id, bytes, object }, CALL)).code,
      'STORE_REFUSED_QUOTA',
    )
    b.view.stores = true
    const strange = await storeChunk(stranger.network, b.peer, { id, bytes, object }, CALL)
    assert.equal(strange.code, 'STORE_UNAUTHORISED')
    assert.equal((await b.stored()).size, 0)
  })

  test('only members read a closed space, and strangers are not told what is not there', async () => {
    await storeChunk(a.network, b.peer, { id, bytes, object }, CALL)
    assert.equal((await receiveChunk(stranger, b, { id })).code, 'RETRIEVE_UNAUTHORISED')
    await assert.rejects(askHave(stranger.network, b.peer, { ids: [id] }, CALL), {
      code: 'UNAUTHORISED_PEER',
    })
    const nothing = await askHave(stranger.network, b.peer, { ids: [contentIdOf(Buffer.from('no'))] }, CALL)
    assert.deepEqual(nothing.held, [false])
  })

  test('up to a thousand ids are asked at once; more are refused [B-07]', async () => {
    await storeChunk(a.network, b.peer, { id, bytes, object }, CALL)
    const others = Array.from({ length: HAVE_IDS_MAX - 1 }, (_, number) =>
      contentIdOf(Buffer.from(`${number}`)),
    )
    const { held, kept } = await askHave(a.network, b.peer, { ids: [...others, id] }, CALL)
    assert.deepEqual([held.lastIndexOf(true), held.indexOf(true), kept[999]], [999, 999, true])
    const tooMany = askHave(a.network, b.peer, { ids: [...others, id, id] }, CALL)
    await assert.rejects(tooMany, { code: 'INVALID_INPUT' })
  })

  test('told to replicate, a peer fetches from the hint, or looks elsewhere, and confirms each chunk [S-15] [S-18]', async () => {
    const published = await a.content.publish(sourceOf(randomContent(500_000)), {
      policy: { kind: 'replica', copies: 1 },
      acknowledge: 'local',
    })
    const ids = [...(await a.stored())]
    const facts = { ...object, root: published.id }
    const c = await space.addNode()
    const wrongHint = { ids, object: facts, sources: [stranger.peer] }
    const codes = await Array.fromAsync(instructReplication(b.network, c.peer, wrongHint, CALL))
    assert.deepEqual(new Set(codes.map(({ code }) => code)), new Set(['REPLICATION_ACCEPTED']))
    for (const chunk of ids) assert.ok(await c.chunks.has(chunk))
    const again = await Array.fromAsync(instructReplication(b.network, c.peer, wrongHint, CALL))
    assert.deepEqual(new Set(again.map(({ code }) => code)), new Set(['REPLICATION_ALREADY_HELD']))
    const refused = await Array.fromAsync(instructReplication(stranger.network, c.peer, wrongHint, CALL))
    assert.deepEqual(new Set(refused.map(({ code }) => code)), new Set(['REPLICATION_REFUSED']))
    const many = { ...wrongHint, ids: Array.from({ length: INSTRUCTION_IDS_MAX + 1 }, () => id) }
    await assert.rejects(Array.fromAsync(instructReplication(b.network, c.peer, many, CALL)), {
      code: 'INVALID_INPUT',
    })
  })

  test('who is told of corruption looks at its own bytes: a false notice deletes nothing [K-43]', async () => {
    await storeChunk(a.network, b.peer, { id, bytes, object }, CALL)
    const notice = signCorruptionNotice(a.key, { id, holder: b.peer, noticedAt: 1_000 })
    assert.equal(await sendCorruptionNotice(a.network, b.peer, notice, CALL), false)
    assert.ok(await b.chunks.has(id))
    const forged = { ...notice, noticedAt: 2_000n }
    await assert.rejects(sendCorruptionNotice(a.network, b.peer, forged, CALL), { code: 'INVALID_INPUT' })
    await b.chunks.delete(id)
    assert.equal(await sendCorruptionNotice(a.network, b.peer, notice, CALL), true)
    const foreign = signCorruptionNotice(stranger.key, { id, holder: b.peer, noticedAt: 1 })
    await assert.rejects(sendCorruptionNotice(stranger.network, b.peer, foreign, CALL), {
      code: 'UNAUTHORISED_PEER',
    })
  })

  test('a reader that gets wrong bytes tells the holder and the other replicas [K-43]', async () => {
    const liar = await space.addNode({ wrapNetwork: (inner) => withMischief(inner, tamperChunks) })
    const published = await a.content.publish(sourceOf(randomContent(3 * 2 ** 20)), {
      policy: { kind: 'replica', copies: 4 },
    })
    const reader = await space.addNode({ stores: false })
    await reader.content.sync()
    await readAll(await reader.content.retrieve(published.id))
    for (const node of [a, liar]) {
      await eventually(
        async () => (await node.metrics.total('kizuna_corruption_notices_total')) > 0,
        'a notice',
      )
    }
    assert.ok(await a.chunks.has(published.id))
  })

  test('only who has the bytes can answer a challenge [S-48]', async () => {
    await storeChunk(a.network, b.peer, { id, bytes, object }, CALL)
    const nonce = randomContent(32, 9)
    const range = { offset: 1000, length: 5000 }
    const { proof } = await challengeHolder(a.network, b.peer, { id, nonce, ...range }, CALL)
    const expected = hash('sha256', Buffer.concat([nonce, bytes.subarray(1000, 6000)]), 'buffer')
    assert.ok(expected.equals(proof))
    const leaf = { id, nonce, offset: 199_936, length: 128, reveal: true }
    const { revealed } = await challengeHolder(a.network, b.peer, leaf, CALL)
    assert.ok(Buffer.from(revealed).equals(bytes.subarray(199_936)))
    await b.chunks.delete(id)
    const none = await challengeHolder(a.network, b.peer, { id, nonce, ...range }, CALL)
    assert.deepEqual([none.code, none.proof.byteLength], ['CHALLENGE_DAMAGED', 0])
    const unknown = { id: contentIdOf(Buffer.from('no')), nonce, ...range }
    assert.equal((await challengeHolder(a.network, b.peer, unknown, CALL)).code, 'CHALLENGE_MISSING')
    const much = { ...leaf, offset: 0, length: 4_097 }
    await assert.rejects(challengeHolder(a.network, b.peer, much, CALL), { code: 'INVALID_INPUT' })
    const short = challengeHolder(a.network, b.peer, { id, nonce: nonce.subarray(1), ...range }, CALL)
    await assert.rejects(short, { code: 'INVALID_INPUT' })
  })

  test('whoever is busy says when to come again, and the reader does [S-17]', async () => {
    let refusals = 0
    const busy = async function* (frames: AsyncIterable<Uint8Array>, { kind }: { kind: string }) {
      if (kind === 'retrieveChunk' && refusals++ < 5) {
        yield encodeResponse({
          retrieveChunk: {
            code: RetrieveChunkCode.RETRIEVE_BUSY,
            totalSizeBytes: 0,
            offset: 0,
            length: 0,
            retryAfterMs: 20,
          },
        })
      } else yield* frames
    }
    const holder = await space.addNode({ wrapNetwork: (inner) => withMischief(inner, busy) })
    const published = await holder.content.publish(sourceOf(bytes), {
      policy: { kind: 'replica', copies: 1 },
    })
    const got = await readAll(await a.content.retrieve(published.id))
    assert.ok(got.equals(bytes))
    assert.ok(refusals > 5)
  })

  test('both protocol ids are served by one handler; unknown and malformed requests get a typed error [S-67] [S-69]', async () => {
    await storeChunk(a.network, b.peer, { id, bytes, object }, CALL)
    for (const protocol of DDS_PROTOCOLS) {
      const ask = async (...frames: Uint8Array[]) =>
        Array.fromAsync(a.network.request(b.peer, protocol, frames, CALL))
      const [header] = await ask(encodeRequest({ have: { chunkCids: [digestToWire(id)] } }))
      assert.deepEqual(decodeResponse(header ?? assert.fail()).have?.held, Uint8Array.of(1))
      // Field 15 of the envelope does not exist.
      await assert.rejects(ask(Buffer.from('7a00', 'hex')), { code: 'UNKNOWN_REQUEST' })
      await assert.rejects(ask(new Uint8Array(0)), { code: 'UNKNOWN_REQUEST' })
      await assert.rejects(ask(), { code: 'UNKNOWN_REQUEST' })
      await assert.rejects(ask(Buffer.from('ffffffffff', 'hex')), { code: 'INVALID_INPUT' })
      await assert.rejects(ask(encodeRequest({ have: { chunkCids: [new Uint8Array(31)] } })), {
        code: 'INVALID_INPUT',
      })
    }
    assert.equal((await receiveChunk(a, b, { id })).code, 'RETRIEVE_OK', 'it goes on as if nothing had been')
  })

  test('random bytes never bring the server down [S-69]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (frame) => {
        try {
          await Array.fromAsync(a.network.request(b.peer, DDS_PROTOCOLS[0], [frame], CALL))
        } catch (error) {
          assert.ok(isKizunaError(error) && error.kind !== 'internal', String(error))
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the server’s handlers', () => {
  test('one per kind of request, changeable at run time [S-19]', async () => {
    const space = new TestSpace()
    const asker = await space.addNode()
    const bare = space.hub.createNetwork(signingKeyFromSeed(hash('sha256', 'bare', 'buffer')))
    const metrics = createMetrics({ processMetrics: false })
    const server = new DdsServer({ network: bare, metrics })
    await bare.start()
    server.start()
    await asker.network.connect(bare.addresses()[0] ?? '')
    const proof = async () => {
      const answer = await challengeHolder(
        asker.network,
        bare.peerId,
        { id, nonce: bytes.subarray(0, 32), offset: 0, length: 1 },
        CALL,
      )
      return answer.proof
    }
    await assert.rejects(proof(), { code: 'UNKNOWN_REQUEST' })
    const answer = (text: string) =>
      async function* () {
        const proof = Uint8Array.from(Buffer.from(text))
        yield { challenge: { proof, code: ChallengeCode.CHALLENGE_OK, revealed: new Uint8Array(0) } }
      }
    const takeAway = server.register('challenge', answer('one'))
    assert.equal(Buffer.from(await proof()).toString(), 'one')
    assert.throws(() => server.register('challenge', answer('two')), { code: 'PROTOCOL_TAKEN' })
    takeAway()
    const takeAwayBroken = server.register('challenge', () => {
      throw new Error('secret path /home/me')
    })
    await assert.rejects(proof(), { code: 'INTERNAL' })
    assert.match(await metrics.print(), /kizuna_dds_refusals_total\{kind="challenge",code="INTERNAL"\} 1/)
    takeAwayBroken()
    server.register('challenge', answer('two'))
    assert.equal(Buffer.from(await proof()).toString(), 'two')
    server.stop()
    await bare.stop()
    await space.stop()
  })
})
