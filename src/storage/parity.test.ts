import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { SeededRandom } from '../core/random.ts'
import { type Chunk, chunkOf } from './chunk.ts'
import { freshMemory } from './chunk-memory.ts'
import { decodeManifest } from './content-manifest.ts'
import type { ErasureCode } from './erasure-code.ts'
import { ManifestBuilder } from './manifest-builder.ts'
import { ManifestLayout } from './manifest-layout.ts'
import { addParity, rebuildStripe, shardIds } from './parity.ts'
import { createErasureCode } from './reed-solomon.ts'
import { StripeMemory } from './stripe-memory.ts'

const random = new SeededRandom(21)
const code = createErasureCode(4, 2)

async function* asChunks(sizes: readonly number[]): AsyncGenerator<Chunk> {
  for (const size of sizes) yield chunkOf(random.bytes(size))
}

const inRooms = (chunkBytesMax = 100_000) => ({
  memory: new StripeMemory({ outside: freshMemory }, { chunkBytesMax }),
})

async function publish(sizes: readonly number[], erasureCode: ErasureCode) {
  const builder = new ManifestBuilder({ profile: 'cdc', k: erasureCode.k, m: erasureCode.m })
  const stored = new Map<ContentId, Uint8Array>()
  const order: string[] = []
  for await (const { kind, chunk, stripe, shard } of addParity(asChunks(sizes), erasureCode, inRooms())) {
    stored.set(chunk.id, chunk.bytes.slice())
    order.push(`${kind} ${stripe}.${shard}`)
    if (kind === 'data') builder.addChunk(chunk.id, chunk.bytes.byteLength)
    else builder.addParity([chunk.id])
  }
  const { chunk } = builder.finish({ sha256: new Uint8Array(32) })
  const layout = new ManifestLayout(decodeManifest(chunk.bytes), async () => new Uint8Array(0))
  return { stored, order, layout }
}

test('parity follows each stripe, also a short last one', async () => {
  const { order } = await publish([1_000, 1_000, 1_000, 1_000, 500], code)
  assert.deepEqual(order, [
    'data 0.0',
    'data 0.1',
    'data 0.2',
    'data 0.3',
    'parity 0.4',
    'parity 0.5',
    'data 1.0',
    'parity 1.4',
    'parity 1.5',
  ])
  assert.deepEqual((await publish([], code)).order, [])
})

test('any two shards of a stripe of four and two can go; what comes back has its true length', async () => {
  const { stored, layout } = await publish([1_000, 70_001, 128, 1, 300, 7], code)
  for (const index of [0, 1]) {
    const stripe = await layout.stripe(index)
    const ids = shardIds(stripe, code.k).filter((id) => id !== undefined)
    for (const first of ids) {
      for (const second of ids) {
        const held = new Map([...stored].filter(([id]) => id !== first && id !== second))
        const rebuilt = rebuildStripe(stripe, held, code)
        assert.deepEqual(new Set(rebuilt.map(({ id }) => id)), new Set([first, second]))
        for (const { id, bytes } of rebuilt) {
          assert.equal(contentIdOf(bytes), id)
          assert.equal(bytes.byteLength, stored.get(id)?.byteLength)
        }
      }
    }
    assert.deepEqual(rebuildStripe(stripe, stored, code), [])
  }
})

test('with too few shards it says so', async () => {
  const { stored, layout } = await publish([900, 900, 900, 900], code)
  const stripe = await layout.stripe(0)
  const held = new Map([...stored].slice(0, 3))
  assert.throws(
    () => rebuildStripe(stripe, held, code),
    (error) => isKizunaError(error, 'NOT_ENOUGH_SHARDS'),
  )
})

test('parity that was made wrongly never gives wrong bytes', async () => {
  const { stored, layout } = await publish([900, 900, 900, 900], code)
  const stripe = await layout.stripe(0)
  const lying = chunkOf(random.bytes(stripe.shardBytes))
  const forged = { ...stripe, parityIds: [lying.id, stripe.parityIds[1] as ContentId] }
  const [lost] = stripe.data
  const held = new Map([...stored, [lying.id, lying.bytes]] as [ContentId, Uint8Array][])
  held.delete(lost?.id as ContentId)
  held.delete(stripe.parityIds[1] as ContentId)
  assert.throws(
    () => rebuildStripe(forged, held, code),
    (error) => isKizunaError(error, 'STRIPE_INCONSISTENT'),
  )
})

test('a shard of the wrong length counts as missing, a stripe of another code is refused', async () => {
  const { stored, layout } = await publish([900, 900, 900, 900], code)
  const stripe = await layout.stripe(0)
  const held = new Map(stored)
  const [first] = stripe.data
  held.set(first?.id as ContentId, new Uint8Array(5))
  assert.deepEqual(
    rebuildStripe(stripe, held, code).map(({ id }) => id),
    [first?.id],
  )
  assert.throws(
    () => rebuildStripe(stripe, held, createErasureCode(4, 3)),
    (error) => isKizunaError(error, 'INVALID_INPUT'),
  )
})

test('only one stripe is held at a time', async () => {
  let pulled = 0
  async function* endless() {
    for (;;) {
      pulled++
      yield chunkOf(random.bytes(100))
    }
  }
  let seen = 0
  for await (const { kind } of addParity(endless(), code)) {
    if (kind === 'data') seen++
    assert.ok(pulled - seen <= 1)
    if (seen === 20) break
  }
})
