import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { ChunkNotFoundError } from '../storage/errors.ts'
import { createMemoryChunkStore } from '../storage/memory-chunk-store.ts'
import type { Community } from './community.ts'
import { signCorruptionNotice } from './corruption-notice.ts'
import { CorruptionNotices } from './corruption-notices.ts'
import { sendCorruptionNotice, storeChunk } from './dds-client.ts'
import type { DdsResponse } from './dds-messages.js'
import { encodeResponse } from './dds-protocol.ts'
import type { Holdings } from './holdings.ts'
import { advanceUntil, inTime } from './rot-healing.suite.ts'
import { openRottingStore, type RottingStore, rotChunk } from './rotting-store.suite.ts'
import { randomContent, type TestNode, TestSpace } from './space-under-test.suite.ts'

const CALL = { timeoutMs: 5_000 }

describe('corruption notices', () => {
  const bytes = randomContent(60_000)
  const id = contentIdOf(bytes)
  let clock: VirtualClock
  let space: TestSpace
  let store: RottingStore
  let holder: TestNode
  let sender: TestNode
  let other: TestNode
  let reads: ContentId[]

  beforeEach(async () => {
    clock = new VirtualClock()
    space = new TestSpace({ clock })
    store = await openRottingStore(clock)
    reads = []
    // Quiet but for the notices: no audits, and chunks are read for nothing else.
    const content = { auditsPerHour: 0, settleMs: 3_600_000, scrubCycleMs: 1e12 }
    const chunks = counting(store.chunks, reads)
    holder = await inTime(clock, space.addNode({ chunks, content }))
    sender = await inTime(clock, space.addNode({ content, chunks: createMemoryChunkStore() }))
    other = await inTime(clock, space.addNode({ content }))
    const object = {
      root: id,
      publisher: sender.peer,
      policy: { kind: 'replica', copies: 2 } as const,
      sizeBytes: bytes.byteLength,
    }
    for (const node of [holder, other]) {
      await inTime(clock, storeChunk(sender.network, node.peer, { id, bytes, object }, CALL))
    }
    reads.length = 0
  })
  afterEach(() => inTime(clock, space.stop()))

  function notice(from: TestNode, about = id) {
    const signed = signCorruptionNotice(from.key, { id: about, holder: holder.peer, noticedAt: clock.now() })
    return inTime(clock, sendCorruptionNotice(from.network, holder.peer, signed, CALL))
  }

  test('a peer that is told reads that very chunk, and heals it when it is damaged [K-43]', async () => {
    await rotChunk(store, id, 'bit', space.random)
    assert.equal(await notice(sender), true)
    assert.deepEqual(new Set(reads), new Set([id]))
    const isWhole = () =>
      store.chunks.get(id).then(
        (got) => Buffer.from(got).equals(bytes),
        () => false,
      )
    assert.ok(await advanceUntil(clock, isWhole, 60_000), 'healed from the other holder')
    assert.equal(await notice(sender), false)
  })

  test('a liar makes it read one chunk once a minute, and takes nothing from it', async () => {
    for (let number = 0; number < 50; number++) assert.equal(await notice(sender), false)
    for (let number = 0; number < 50; number++) assert.equal(await notice(other), false)
    assert.ok(reads.length <= 3, `${reads.length} reads, one or two of them by the scrubber`)
    assert.ok(await store.chunks.has(id))
  })

  test('notices about many chunks cost one sender’s share of reads, and others’ are still heard', async () => {
    const ids: ContentId[] = []
    for (let seed = 0; seed < 120; seed++) {
      const chunk = randomContent(1_000, seed + 100)
      ids.push(contentIdOf(chunk))
      await store.chunks.put(contentIdOf(chunk), chunk)
    }
    for (const each of ids) await notice(sender, each)
    assert.ok(reads.length >= 64 && reads.length < 110, `${reads.length} reads`)
    const before = reads.length
    await notice(other, id)
    assert.equal(reads.length, before + 1)
  })

  test('only who signed a notice may send it', async () => {
    const signed = signCorruptionNotice(other.key, { id, holder: holder.peer, noticedAt: clock.now() })
    const replayed = sendCorruptionNotice(sender.network, holder.peer, signed, CALL)
    await assert.rejects(inTime(clock, replayed), { code: 'UNAUTHORISED_PEER' })
    assert.deepEqual(holder.reports, [])
  })

  test('a disk that refuses to read for a moment is not taken for damage for good', async () => {
    store.disk.fail({ operation: 'read', code: 'EIO', count: 3 })
    assert.equal(await notice(sender), true)
    assert.ok(await advanceUntil(clock, () => holder.content.queues().repair === 0, 60_000))
    assert.equal(await notice(sender), false)
    assert.equal(holder.content.holdings().count, 1, 'it counts as kept again')
  })
})

describe('who tells and who is told', () => {
  const id = contentIdOf(Buffer.from('a chunk'))
  const own = signingKeyFromSeed(new Uint8Array(32).fill(1))
  const holder = signingKeyFromSeed(new Uint8Array(32).fill(2))

  /** One end on its own: what its notices are answered, and whether it reaches anybody, is said by the test. */
  function end(answer: () => DdsResponse, chunks: Partial<ChunkStore> = {}) {
    const metrics = createMetrics({ processMetrics: false })
    const reach = { isConnected: true }
    const lost: { peer: string; ids: readonly ContentId[] }[] = []
    const events: string[] = []
    const notices = new CorruptionNotices({
      chunks: { ...createMemoryChunkStore(), ...chunks },
      key: own,
      clock: new VirtualClock(),
      metrics,
      log: { ...silentLogger, debug: (event) => void events.push(event) },
      holdings: {
        keepersOf: () => [],
        noteLost: (peer: string, ids: readonly ContentId[]) => void lost.push({ peer, ids }),
      } as unknown as Holdings,
      community: { isMember: () => true } as unknown as Community,
      network: {
        peerId: own.peerId,
        isConnected: () => reach.isConnected,
        request: async function* () {
          yield encodeResponse(answer())
        },
      } as unknown as Network,
      report: () => {},
      isKept: () => true,
      onDamaged: () => events.push('damaged'),
      onHint: () => {},
    })
    return { notices, metrics, reach, lost, events }
  }
  const sent = 'kizuna_corruption_notices_sent_total'
  const settled = () => new Promise((resolve) => setImmediate(resolve))

  test('a holder that finds its copy damaged is not counted on any more', async () => {
    const { notices, lost } = end(() => ({ corruption: { damaged: true } }))
    notices.tell(id, holder.peerId)
    await settled()
    assert.deepEqual(lost, [{ peer: holder.peerId, ids: [id] }])
  })

  test('a notice that does not arrive is noted, and no more', async () => {
    const { notices, lost, events } = end(() => {
      throw new Error('no way')
    })
    notices.tell(id, holder.peerId)
    await settled()
    assert.deepEqual([lost, events], [[], ['corruption notice not delivered']])
  })

  test('the same is not told twice within ten minutes; of a thousand things told the oldest is forgotten', async () => {
    const { notices, metrics, reach } = end(() => ({ corruption: { damaged: false } }))
    const ids = Array.from({ length: 1_001 }, (_, number) => contentIdOf(Buffer.from(`${number}`)))
    reach.isConnected = false
    for (const each of ids) notices.tell(each, holder.peerId)
    reach.isConnected = true
    notices.tell(ids.at(-1) ?? assert.fail(), holder.peerId)
    assert.equal(await metrics.total(sent), 0)
    notices.tell(ids[0] ?? assert.fail(), holder.peerId)
    assert.equal(await metrics.total(sent), 1)
  })

  test('a copy that goes while it is looked at was not damaged', async () => {
    const { notices, events } = end(() => assert.fail(), {
      has: async () => true,
      get: async () => {
        throw new ChunkNotFoundError({ id })
      },
    })
    const notice = signCorruptionNotice(holder, { id, holder: own.peerId, noticedAt: 1 })
    assert.equal(await notices.answer(notice, holder.peerId), false)
    assert.deepEqual(events, ['chunk not looked at'])
  })
})

function counting(inner: ChunkStore, reads: ContentId[]): ChunkStore {
  return {
    put: (id, bytes, options) => inner.put(id, bytes, options),
    get: (id, options) => {
      reads.push(id)
      return inner.get(id, options)
    },
    has: (id) => inner.has(id),
    sizeOf: (id) => inner.sizeOf(id),
    delete: (id) => inner.delete(id),
    ids: () => inner.ids(),
    usage: () => inner.usage(),
    close: () => inner.close(),
  }
}
