/** How repair behaves over hours: whole spaces in virtual time, with the waits of real life. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { ContentId } from '../core/content-id.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { randomContent, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const LIFE = {
  graceMs: 10 * MINUTE_MS,
  settleMs: 15_000,
  standbyMs: MINUTE_MS,
  repairIntervalMs: 30_000,
  holdingsIntervalMs: 2 * MINUTE_MS,
  trimAfterMs: HOUR_MS,
  auditsPerHour: 0,
}
/** Turns of the event loop in which work that needs no time gets done. */
const TURNS = 4

describe('repair over hours', () => {
  let clock: VirtualClock
  let space: TestSpace
  beforeEach(() => {
    clock = new VirtualClock()
    space = new TestSpace({ clock })
  })
  afterEach(() => space.stop())

  async function pass(timeMs: number): Promise<void> {
    const endAt = clock.monotonic() + timeMs
    while (clock.monotonic() < endAt) {
      for (let turn = 0; turn < TURNS; turn++) await setImmediate()
      clock.fireNext()
    }
  }

  async function during<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const ended = work.finally(() => {
      isDone = true
    })
    ended.catch(() => {})
    while (!isDone) {
      for (let turn = 0; turn < TURNS; turn++) await setImmediate()
      if (!isDone) clock.fireNext()
    }
    return ended
  }

  async function share(node: TestNode, copies: number): Promise<ContentId> {
    const policy = { kind: 'replica', copies } as const
    return (await during(node.content.publish(sourceOf(randomContent(600_000)), { policy }))).id
  }

  async function holdersOf(watcher: TestNode, id: ContentId): Promise<TestNode[]> {
    const { holders } = await during(watcher.content.durability(id))
    return space.nodes.filter(({ peer }) => holders.includes(peer))
  }

  async function back(node: TestNode): Promise<TestNode> {
    return await during(space.addNode({ after: node, content: LIFE }))
  }

  const sum = async (name: string) => {
    const totals = await Promise.all(space.nodes.map(({ metrics }) => metrics.total(name)))
    return totals.reduce((all, each) => all + each, 0)
  }

  test('one loss is repaired once, although every holder could: exactly the lost chunks are sent [S-44] [R-09]', async () => {
    const nodes = await during(space.addNodes(7, { content: LIFE }))
    const a = nodes[0] as TestNode
    const id = await share(a, 4)
    const before = await sum('kizuna_chunks_pushed_total')
    const victim = (await holdersOf(a, id)).find((node) => node !== a) as TestNode
    const lost = (await victim.stored()).size
    space.kill(victim)
    await pass(HOUR_MS)
    assert.equal((await during(a.content.durability(id))).confirmed, 4)
    assert.equal((await sum('kizuna_chunks_pushed_total')) - before, lost)
    assert.ok((await sum('kizuna_repair_bytes_total')) >= 600_000)
  })

  test('a member that keeps going and coming back is soon waited for: its absences make no copies [R-09]', async () => {
    const nodes = await during(space.addNodes(7, { content: LIFE }))
    const a = nodes[0] as TestNode
    const id = await share(a, 3)
    let away = (await holdersOf(a, id)).find((node) => node !== a) as TestNode
    const pushed = async () =>
      (await sum('kizuna_chunks_pushed_total')) + (await sum('kizuna_chunks_fetched_total'))
    const counts: number[] = []
    for (let time = 0; time < 6; time++) {
      const before = await pushed()
      space.kill(away)
      await pass(25 * MINUTE_MS)
      counts.push((await pushed()) - before)
      away = await back(away)
      await pass(10 * MINUTE_MS)
    }
    assert.ok((counts[0] ?? 0) > 0, 'the first absence is longer than the grace')
    assert.deepEqual(counts.slice(1), [0, 0, 0, 0, 0])
  })

  test('copies beyond the policy’s and one to spare go after a while, one after the other, never too many', async () => {
    const nodes = await during(space.addNodes(8, { content: LIFE }))
    const a = nodes[0] as TestNode
    const id = await share(a, 3)
    const victims = (await holdersOf(a, id)).filter((node) => node !== a)
    assert.equal(victims.length, 2)
    for (const victim of victims) space.kill(victim)
    await pass(HOUR_MS)
    assert.equal((await holdersOf(a, id)).length, 3)
    for (const victim of victims) await back(victim)
    await pass(10 * MINUTE_MS)
    assert.equal((await holdersOf(a, id)).length, 5)
    let least = 5
    for (let step = 0; step < 15; step++) {
      await pass(10 * MINUTE_MS)
      least = Math.min(least, (await holdersOf(a, id)).length)
    }
    assert.equal(least, 4)
    assert.equal((await holdersOf(a, id)).length, 4)
    assert.ok((await holdersOf(a, id)).includes(a), 'what its owner shared stays')
    // The manifest and three chunks.
    assert.equal(await sum('kizuna_copies_trimmed_total'), 4)
  })

  test('what owners keep for themselves is never let go, however many copies there are', async () => {
    const nodes = await during(space.addNodes(5, { content: LIFE }))
    const a = nodes[0] as TestNode
    const id = await share(a, 1)
    for (const node of nodes.slice(1)) await during(node.content.keep(id))
    await pass(3 * HOUR_MS)
    assert.equal((await holdersOf(a, id)).length, 5)
    assert.equal(await sum('kizuna_copies_trimmed_total'), 0)
  })

  test('repair waits for its share of the bandwidth, and sharing does not', async () => {
    let paid = 0
    const budget = async (sizeBytes: number) => {
      paid += sizeBytes
    }
    const nodes = await during(space.addNodes(5, { content: { ...LIFE, budget } }))
    const a = nodes[0] as TestNode
    const id = await share(a, 3)
    assert.equal(paid, 0)
    space.kill((await holdersOf(a, id)).find((node) => node !== a) as TestNode)
    await pass(HOUR_MS)
    assert.equal((await during(a.content.durability(id))).confirmed, 3)
    assert.ok(paid >= 600_000 && paid < 1_000_000, `${paid}`)
  })

  test('nothing is forgotten over a restart: who repairs starts anew and repairs [S-43]', async () => {
    const nodes = await during(space.addNodes(5, { content: LIFE }))
    const a = nodes[0] as TestNode
    const id = await share(a, 3)
    const [b, c] = (await holdersOf(a, id)).filter((node) => node !== a)
    space.kill(a)
    space.kill(b as TestNode)
    await pass(11 * MINUTE_MS)
    space.kill(c as TestNode)
    await pass(30 * MINUTE_MS)
    const again = await back(c as TestNode)
    await pass(HOUR_MS)
    assert.equal((await during(again.content.durability(id))).confirmed, 3)
  })

  test('handing over goes on where it was ended, and tells what nobody has room for', async () => {
    const nodes = await during(space.addNodes(4, { content: LIFE }))
    const [a, ...others] = nodes as [TestNode, TestNode, TestNode, TestNode]
    for (const other of others) other.view.stores = false
    space.tell()
    const ids = [await share(a, 2), await share(a, 2)]
    ids.push((await during(a.content.publish(sourceOf(randomContent(50_000, 9))))).id)
    assert.deepEqual(
      (await during(a.content.handOver({}))).map(({ margin }) => margin),
      [-1, -1],
    )
    for (const other of others) other.view.stores = true
    space.tell()
    const control = new AbortController()
    const ended = a.content.handOver({
      signal: control.signal,
      onProgress: ({ phase }) => {
        if (phase === 'hand over') control.abort()
      },
    })
    await assert.rejects(during(ended))
    assert.equal((await during(a.content.handOver({ dryRun: true }))).length, 1)
    assert.deepEqual(await during(a.content.handOver({})), [])
    a.content.leave()
    for (const id of ids) {
      const { confirmed, holders } = await during(a.content.durability(id))
      assert.ok(confirmed >= 2)
      assert.ok(!holders.includes(a.peer))
    }
  })

  test('what was kept before its policy was known takes the true one when somebody tells it', async () => {
    const nodes = await during(space.addNodes(2, { content: LIFE }))
    const a = nodes[0] as TestNode
    const keeper = await during(space.addNode({ content: LIFE, stores: false }))
    const id = await share(a, 2)
    const policyAt = () => keeper.content.keptObjects()[0]?.policy
    await during(keeper.content.keep(id))
    assert.deepEqual(policyAt(), { kind: 'replica', copies: 3 })
    const policy = { kind: 'replica', copies: 2 } as const
    await during(keeper.content.keep(id, { facts: { publisher: a.peer, policy } }))
    assert.deepEqual(policyAt(), policy)
    await during(keeper.content.keep(id))
    assert.deepEqual(policyAt(), policy)
  })
})
