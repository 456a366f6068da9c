/**
 * The DHT says who has something; the bytes go from peer to peer. Every stream of every node of the test is tapped
 * where it hands bytes over to be sent, before they are multiplexed and encrypted.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { AbstractMessageStream } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { SeededRandom } from '../core/random.ts'
import { KAD_PROTOCOL } from './dht.ts'
import { addressOf, all, LoopbackNetworks, until } from './start-networks.suite.ts'

const CHUNKS = 16
const CHUNK_BYTES = 256 * 1024
const FRAME_BYTES = 60 * 1024
const PULL_PROTOCOL = '/kizuna/test-pull/1.0.0'
/** Long enough that chance does not make it. */
const SAMPLE_BYTES = 16
/** Keys, peers and their addresses for all chunks; less than a chunk, and far less than the file. */
const DHT_BYTES_MAX = 64 * 1024

test('messages of the DHT carry no chunk bytes while a file is found by it and fetched [B-50]', {
  timeout: 240_000,
}, async (context) => {
  await using networks = new LoopbackNetworks()
  const [provider, server, reader] = await Promise.all([1, 2, 3].map(() => networks.start({ dht: true })))
  if (provider === undefined || server === undefined || reader === undefined) throw new Error('too few nodes')
  await provider.connect(addressOf(server))
  await reader.connect(addressOf(server))

  const random = new SeededRandom(50)
  const chunks = new Map<ContentId, Uint8Array>()
  for (let number = 0; number < CHUNKS; number++) {
    const bytes = random.bytes(CHUNK_BYTES)
    chunks.set(contentIdOf(bytes), bytes)
  }
  provider.handle(PULL_PROTOCOL, async function* (request) {
    for await (const id of request) {
      const bytes = chunks.get(Buffer.from(id).toString() as ContentId) ?? new Uint8Array()
      for (let at = 0; at < bytes.length; at += FRAME_BYTES) yield bytes.subarray(at, at + FRAME_BYTES)
    }
  })

  const sent = tap(context)
  await provider.provide([...chunks.keys()], { timeoutMs: 60_000 })
  for (const [id, bytes] of chunks) {
    let holder = ''
    await until(async () => {
      const [found] = await all(reader.findProviders(id, { limit: 1 }))
      holder = found?.peer ?? ''
      // Nothing is answered to an announcement: one that was lost is made again, as a node does from time to time.
      if (found === undefined) await provider.provide([id], { timeoutMs: 60_000 })
      return found !== undefined
    })
    assert.equal(holder, provider.peerId, 'the DHT says who has it')
    const answer: Uint8Array[] = await all(reader.request(provider.peerId, PULL_PROTOCOL, [Buffer.from(id)]))
    assert.equal(contentIdOf(Buffer.concat(answer)), contentIdOf(bytes))
  }

  const dht = Buffer.concat(sent.get(KAD_PROTOCOL) ?? [])
  const pulled = Buffer.concat(sent.get(PULL_PROTOCOL) ?? [])
  context.diagnostic(`${dht.length} bytes by the DHT, ${pulled.length} from peer to peer`)
  assert.ok(dht.length > CHUNKS * 32, 'the tap saw the DHT at work')
  assert.ok(dht.length < DHT_BYTES_MAX, `${dht.length} bytes`)
  assert.ok(pulled.length >= CHUNKS * CHUNK_BYTES, 'all of the file went from peer to peer')
  for (const bytes of chunks.values()) {
    const sample = Buffer.from(bytes.subarray(0, SAMPLE_BYTES))
    assert.ok(pulled.includes(sample), 'the tap would have seen it')
    assert.ok(!dht.includes(sample))
  }
})

/** What every stream of this process sends from now on, by its protocol. */
function tap(context: TestContext): ReadonlyMap<string, Uint8Array[]> {
  const sent = new Map<string, Uint8Array[]>()
  const send = AbstractMessageStream.prototype.send
  context.mock.method(
    AbstractMessageStream.prototype,
    'send',
    function (this: AbstractMessageStream & { protocol?: string }, data: Uint8Array | Uint8ArrayList) {
      const pieces = sent.get(this.protocol ?? '') ?? []
      pieces.push(Uint8Array.from(data.subarray()))
      sent.set(this.protocol ?? '', pieces)
      return send.call(this, data)
    },
  )
  return sent
}
