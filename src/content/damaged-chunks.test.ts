import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ContentId } from '../core/content-id.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { advanceUntil, inTime } from './rot-healing.suite.ts'
import { openRottingStore, type RottingStore } from './rotting-store.suite.ts'
import { randomContent, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

const MINUTE_MS = 60_000

describe('a chunk that the disk cannot read', () => {
  let clock: VirtualClock
  let space: TestSpace
  let store: RottingStore
  let node: TestNode
  let ids: ContentId[]

  beforeEach(async () => {
    clock = new VirtualClock()
    space = new TestSpace({ clock })
    store = await openRottingStore(clock)
    // Nobody repairs from outside meanwhile, and no audits.
    const quiet = { holdingsIntervalMs: MINUTE_MS, repairIntervalMs: MINUTE_MS }
    const content = { auditsPerHour: 0, settleMs: 1e9, graceMs: 1e9, ...quiet }
    node = await inTime(clock, space.addNode({ chunks: store.chunks, content }))
    await inTime(clock, space.addNode({ content }))
    const policy = { kind: 'replica', copies: 2 } as const
    await inTime(clock, node.content.publish(sourceOf(randomContent(900_000)), { policy }))
    ids = [...(await node.stored())]
    assert.ok(ids.length >= 4)
  })
  afterEach(() => inTime(clock, space.stop()))

  const fileOf = (id: ContentId) => `chunks/${id.slice(-3, -1)}/${id}`
  /** The chunks in files of their own. */
  const large = () => ids.filter((id) => store.disk.paths().includes(fileOf(id)))

  test('is left alone while the disk gives nothing, and counts again as soon as it can be read', async () => {
    store.disk.fail({ operation: 'read', code: 'EIO', count: Number.POSITIVE_INFINITY })
    for (const id of ids) node.content.noteDamaged(id)
    assert.equal(node.content.holdings().count, 0, 'what cannot be read is no copy')
    await clock.advance(120 * MINUTE_MS)
    for (const id of ids) assert.ok(await store.chunks.has(id), 'it may be the last copy')
    store.disk.heal()
    const isBack = () => node.content.holdings().count === ids.length
    assert.ok(await advanceUntil(clock, isBack, 15 * MINUTE_MS))
    const fetched = await node.metrics.total('kizuna_chunks_fetched_total')
    assert.ok(fetched <= 1, `${fetched} fetched, and only the manifest was wanted meanwhile`)
  })

  test('on a bad place of a disk that reads the others is given up after a while, and fetched again', async () => {
    const [bad] = large() as [ContentId]
    const path = fileOf(bad)
    store.disk.fail({ operation: 'read', path, code: 'EIO', count: Number.POSITIVE_INFINITY })
    node.content.noteDamaged(bad)
    await clock.advance(10 * MINUTE_MS)
    assert.ok(store.disk.paths().includes(path), 'not at once')
    await clock.advance(20 * MINUTE_MS)
    assert.equal(await node.metrics.total('kizuna_chunks_fetched_total'), 1)
    // Where it is written anew the memory disk knows no other place; the medium is good again.
    store.disk.heal()
    const isBack = () => node.content.holdings().count === ids.length
    assert.ok(await advanceUntil(clock, isBack, 15 * MINUTE_MS))
    assert.equal((await store.chunks.get(bad)).byteLength > 0, true)
  })
})
