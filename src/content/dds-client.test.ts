/** The asking end of the DDS protocol against holders that answer whatever they like. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { SeededRandom } from '../core/random.ts'
import { type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import type { Network } from '../network/network.ts'
import { signCorruptionNotice } from './corruption-notice.ts'
import {
  askHave,
  challengeHolder,
  instructReplication,
  openChunk,
  sendCorruptionNotice,
  storeChunk,
} from './dds-client.ts'
import { type DdsResponse, ReplicationCode, RetrieveChunkCode, StoreChunkCode } from './dds-messages.js'
import { DDS_PROTOCOL, digestToWire, encodeResponse, type ObjectFacts } from './dds-protocol.ts'

const CALL = { timeoutMs: 5_000 }
const MISBEHAVED = { code: 'PEER_MISBEHAVED' }
const bytes = Buffer.from('a chunk')
const id = contentIdOf(bytes)
const other = contentIdOf(Buffer.from('another'))

describe('whoever asks a holder', () => {
  let key: SigningKey
  let network: Network
  let liar: Network
  let answers: Uint8Array[]
  let object: ObjectFacts
  beforeEach(async () => {
    const hub = new MemoryNetworkHub({ clock: new VirtualClock(), random: new SeededRandom(1) })
    key = signingKeyFromSeed(new Uint8Array(32).fill(1))
    network = hub.createNetwork(key)
    liar = hub.createNetwork(signingKeyFromSeed(new Uint8Array(32).fill(2)))
    answers = []
    liar.handle(DDS_PROTOCOL, async function* () {
      yield* answers
    })
    await network.start()
    await liar.start()
    await network.connect(liar.addresses()[0] ?? '')
    object = { root: id, publisher: key.peerId, policy: { kind: 'replica', copies: 1 }, sizeBytes: 7 }
  })
  afterEach(async () => {
    await network.stop()
    await liar.stop()
  })

  /** Every kind of request, read to the end of its answer. */
  const asks = {
    store: () => storeChunk(network, liar.peerId, { id, bytes, object }, CALL),
    retrieve: async () => {
      const { frames } = await openChunk(network, liar.peerId, { id }, CALL)
      return Buffer.concat(await Array.fromAsync(frames))
    },
    have: () => askHave(network, liar.peerId, { ids: [id], keepFor: object }, CALL),
    replicate: () =>
      Array.fromAsync(
        instructReplication(network, liar.peerId, { ids: [id], object, sources: [key.peerId] }, CALL),
      ),
    notice: () => {
      const notice = signCorruptionNotice(key, { id, holder: liar.peerId, noticedAt: 1 })
      return sendCorruptionNotice(network, liar.peerId, notice, CALL)
    },
    challenge: () => {
      const wish = { id, nonce: new Uint8Array(32), offset: 0, length: 1 }
      return challengeHolder(network, liar.peerId, wish, CALL)
    },
  }
  const answer = (...responses: (DdsResponse | Uint8Array)[]) => {
    answers = responses.map((response) =>
      response instanceof Uint8Array ? response : encodeResponse(response),
    )
  }
  const retrieved = (length: number): DdsResponse => ({
    retrieveChunk: {
      code: RetrieveChunkCode.RETRIEVE_OK,
      totalSizeBytes: length,
      offset: 0,
      length,
      retryAfterMs: 0,
    },
  })

  test('takes the answer to another question, and bytes that are no answer, for misbehaviour [S-69]', async () => {
    for (const [kind, ask] of Object.entries<() => Promise<unknown>>(asks)) {
      answer(kind === 'retrieve' ? { corruption: { damaged: false } } : retrieved(0))
      await assert.rejects(ask(), MISBEHAVED, kind)
      answer(Buffer.from('ffffffffff', 'hex'))
      await assert.rejects(ask(), MISBEHAVED, kind)
    }
  })

  test('is not content with no answer at all', async () => {
    for (const [kind, ask] of Object.entries<() => Promise<unknown>>(asks)) {
      if (kind !== 'replicate') await assert.rejects(ask(), { code: 'CONNECTION_LOST' }, kind)
    }
    assert.deepEqual(await asks.replicate(), [], 'chunks that are not confirmed are not there')
  })

  test('takes a second answer for misbehaviour', async () => {
    answer({ corruption: { damaged: true } }, { corruption: { damaged: true } })
    await assert.rejects(asks.notice(), MISBEHAVED)
  })

  test('believes no confirmation of a chunk that it did not send or ask for, nor one twice', async () => {
    const stored = (chunk: typeof id): DdsResponse => ({
      storeChunk: { code: StoreChunkCode.STORE_OK, chunkCid: digestToWire(chunk), alreadyHeld: false },
    })
    answer(stored(other))
    await assert.rejects(asks.store(), MISBEHAVED)
    answer(stored(id))
    assert.deepEqual(await asks.store(), { code: 'STORE_OK', alreadyHeld: false })

    const replicated = (chunk: typeof id): DdsResponse => ({
      replication: { code: ReplicationCode.REPLICATION_ACCEPTED, chunkCid: digestToWire(chunk) },
    })
    answer(replicated(other))
    await assert.rejects(asks.replicate(), MISBEHAVED)
    answer(replicated(id), replicated(id))
    await assert.rejects(asks.replicate(), MISBEHAVED)
    answer(replicated(id))
    assert.deepEqual(await asks.replicate(), [{ id, code: 'REPLICATION_ACCEPTED' }])
  })

  test('refuses a bitmap that does not fit the ids it asked for', async () => {
    answer({ have: { held: Uint8Array.of(1, 1), kept: Uint8Array.of(1), knownHolders: [] } })
    await assert.rejects(asks.have(), MISBEHAVED)
    answer({ have: { held: Uint8Array.of(1), kept: new Uint8Array(0), knownHolders: [] } })
    await assert.rejects(asks.have(), MISBEHAVED)
  })

  test('reads no more bytes of a chunk than the holder said', async () => {
    answer(retrieved(FRAME_BYTES_MAX + 7), new Uint8Array(FRAME_BYTES_MAX), bytes)
    assert.equal((await asks.retrieve()).byteLength, FRAME_BYTES_MAX + 7)
    answer(retrieved(bytes.byteLength), bytes, Uint8Array.of(1))
    await assert.rejects(asks.retrieve(), MISBEHAVED)
  })
})
