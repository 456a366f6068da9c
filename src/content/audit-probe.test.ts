import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import { createErasureCode } from '../storage/reed-solomon.ts'
import { probeCopy } from './audit-probe.ts'
import { auditStripe } from './audit-stripe.ts'
import { challengeHolder } from './dds-client.ts'
import { ChallengeCode } from './dds-messages.js'
import { digestToWire, encodeRequest, encodeResponse } from './dds-protocol.ts'
import { randomContent, type TestNode, TestSpace } from './space-under-test.suite.ts'
import type { Stripe } from './stripe-rebuild.ts'

const SHAPE = { k: 3, m: 2 }
const CALL = { timeoutMs: 5_000 }
const signal = new AbortController().signal

describe('one audit', () => {
  let space: TestSpace
  let auditor: TestNode
  let holders: TestNode[]
  beforeEach(async () => {
    space = new TestSpace()
    auditor = await space.addNode({ stores: false, content: { auditsPerHour: 0 } })
    holders = await space.addNodes(5, { content: { auditsPerHour: 0 } })
  })
  afterEach(() => space.stop())

  const parts = () => ({ ...auditor, clock: space.clock, random: space.random, self: auditor.peer })

  /** Shards of a stripe, each with a holder of its own. */
  async function stripeOf(
    chunks: readonly Uint8Array[],
    shardBytes: number,
    parity?: readonly Uint8Array[],
  ): Promise<{ stripe: Stripe; holderOf: Map<ContentId, PeerId> }> {
    const padded = Array.from({ length: SHAPE.k }, (_, place) => {
      const shard = new Uint8Array(shardBytes)
      shard.set(chunks[place] ?? new Uint8Array(0))
      return shard
    })
    const shards = [...chunks, ...(parity ?? createErasureCode(SHAPE.k, SHAPE.m).encode(padded))]
    const ids = shards.map(contentIdOf)
    const holderOf = new Map<ContentId, PeerId>()
    for (const [place, bytes] of shards.entries()) {
      const holder = holders[place] as TestNode
      await holder.chunks.put(ids[place] as ContentId, bytes)
      holderOf.set(ids[place] as ContentId, holder.peer)
    }
    const all = shards.map((bytes, place) => ({ id: ids[place] as ContentId, sizeBytes: bytes.byteLength }))
    const gaps = Array.from({ length: SHAPE.k - chunks.length }, () => undefined)
    const places = [...all.slice(0, chunks.length), ...gaps, ...all.slice(chunks.length)]
    const stripe = { k: chunks.length, ids, shape: SHAPE, places, shardBytes, rebuild: () => [] }
    return { stripe, holderOf }
  }

  function audit({ stripe, holderOf }: Awaited<ReturnType<typeof stripeOf>>, id: ContentId) {
    const peer = holderOf.get(id) as PeerId
    const holdersOf = (shard: ContentId) => [...(holderOf.has(shard) ? [holderOf.get(shard) as PeerId] : [])]
    return auditStripe({ ...parts(), holdersOf }, stripe, { peer, id }, signal)
  }

  test('proves a copy, and what is counted as its bytes is not less than what was sent', async () => {
    const bytes = randomContent(100_000)
    const id = contentIdOf(bytes)
    const [holder] = holders as [TestNode]
    await holder.chunks.put(id, bytes)
    let sent = 0
    space.hub.links.onArrival = ({ sizeBytes }) => {
      sent += sizeBytes
    }
    assert.equal(await probeCopy(parts(), holder.peer, { id, bytes }, signal), 'proved')
    const counted = await auditor.metrics.total('kizuna_audit_bytes_total')
    assert.ok(sent > 100 && sent <= counted, `${sent} sent, ${counted} counted`)
    assert.equal(await probeCopy(parts(), holders[1]?.peer as PeerId, { id, bytes }, signal), 'missing')
    const stranger = await space.addNode({ member: false })
    const asked = challengeHolder(
      stranger.network,
      holder.peer,
      { id, nonce: bytes.subarray(0, 32), offset: 0, length: 1 },
      CALL,
    )
    await assert.rejects(asked, { code: 'UNAUTHORISED_PEER' })
  })

  test('proves every shard of a stripe at once, also of a short one with a short last chunk', async () => {
    const whole = await stripeOf(
      [randomContent(1024, 1), randomContent(1024, 2), randomContent(1024, 3)],
      1024,
    )
    const short = await stripeOf([randomContent(1024, 4), randomContent(100, 5)], 1024)
    for (const each of [whole, short]) {
      for (const id of each.stripe.ids) {
        const { outcomes, suspects, isConclusive } = await audit(each, id)
        assert.ok(isConclusive && suspects.length === 0)
        assert.ok(outcomes.every(({ outcome }) => outcome === 'proved'))
        assert.ok(outcomes.some((proved) => proved.id === id))
      }
    }
  })

  test('what a holder lacks it says; with k answers nothing follows for the others', async () => {
    const all = await stripeOf([randomContent(512, 1), randomContent(512, 2), randomContent(512, 3)], 512)
    const [first, second, third] = all.stripe.ids as [ContentId, ContentId, ContentId]
    await holders[0]?.chunks.delete(first)
    const one = await audit(all, second)
    assert.deepEqual(
      one.outcomes.filter(({ outcome }) => outcome !== 'proved').map(({ id, outcome }) => [id, outcome]),
      [[first, 'missing']],
    )
    assert.equal(one.outcomes.length, 5)
    await holders[1]?.chunks.delete(second)
    const two = await audit(all, third)
    assert.equal(two.isConclusive, false)
    assert.deepEqual(new Set(two.outcomes.map(({ id }) => id)), new Set([first, second]))
  })

  test('parity that was made wrongly makes suspects and no convicts: whoever is read whole is right', async () => {
    const chunks = [randomContent(512, 1), randomContent(512, 2), randomContent(512, 3)]
    const right = createErasureCode(SHAPE.k, SHAPE.m).encode(chunks)
    const all = await stripeOf(chunks, 512, [right[0] as Uint8Array, randomContent(512, 9)])
    const { outcomes, suspects } = await audit(all, all.stripe.ids[0] as ContentId)
    assert.deepEqual(suspects, [{ peer: holders[4]?.peer, id: all.stripe.ids[4] }])
    assert.ok(outcomes.every(({ outcome }) => outcome === 'proved'))
  })

  test('a peer that asks too much is told so, and nobody else is', async () => {
    const bytes = randomContent(300)
    const id = contentIdOf(bytes)
    const [holder, other] = holders as [TestNode, TestNode]
    await holder.chunks.put(id, bytes)
    const challenge = { id, nonce: randomContent(32), offset: 0, length: 300 }
    const codes = new Set<string>()
    for (let number = 0; number < 220; number++) {
      codes.add((await challengeHolder(auditor.network, holder.peer, challenge, CALL)).code)
    }
    assert.deepEqual(codes, new Set(['CHALLENGE_OK', 'CHALLENGE_BUSY']))
    assert.equal((await challengeHolder(other.network, holder.peer, challenge, CALL)).code, 'CHALLENGE_OK')
  })
})

test('the messages match the published vectors', () => {
  const bytes = Buffer.from('kizuna')
  const chunkCid = digestToWire(contentIdOf(bytes))
  const nonce = Uint8Array.from({ length: 32 }, (_, index) => index)
  const proof = Uint8Array.from(hash('sha256', Buffer.concat([nonce, bytes]), 'buffer'))
  const none = new Uint8Array(0)
  const vectors = [
    encodeRequest({ challenge: { chunkCid, nonce, offset: 0, length: 6, reveal: false } }),
    encodeResponse({ challenge: { proof, code: ChallengeCode.CHALLENGE_OK, revealed: none } }),
    encodeRequest({ challenge: { chunkCid, nonce, offset: 128, length: 256, reveal: true } }),
    encodeResponse({
      challenge: { proof: none, code: ChallengeCode.CHALLENGE_OK, revealed: Uint8Array.from(bytes) },
    }),
    encodeResponse({ challenge: { proof: none, code: ChallengeCode.CHALLENGE_MISSING, revealed: none } }),
  ]
  const page = readFileSync(new URL('../../docs/protocol/audits.md', import.meta.url), 'utf8')
  const printed = [...page.matchAll(/^\|.*\| `([0-9a-f]{8,})` \|$/gm)].map(([, hex]) => hex)
  assert.deepEqual(
    vectors.map((vector) => Buffer.from(vector).toString('hex')),
    printed,
  )
})
