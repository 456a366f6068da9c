import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ContentId } from '../core/content-id.ts'
import type { Node } from './create-node.ts'
import { Departure } from './departure.ts'
import { eventually, sourceOf, TestNodes } from './start-nodes.suite.ts'

const HOUR_MS = 3_600_000
const OBJECTS = 4
const SETTINGS = { repairGraceMs: HOUR_MS }
const LIMIT = { timeout: 60_000 }

describe('leaving', () => {
  let nodes: TestNodes
  beforeEach(() => {
    nodes = new TestNodes()
  })
  afterEach(() => nodes[Symbol.asyncDispose]())

  test('a node that stops while it hands over goes on by itself when it runs again', LIMIT, async () => {
    const home = `${nodes.folder}/leaver`
    const a = await nodes.startInMemory({ ...SETTINGS, home })
    const others = [await nodes.startInMemory(SETTINGS), await nodes.startInMemory(SETTINGS)]
    await nodes.join(a, ...others)
    const ids = await share(a)
    await assert.rejects(leave(a, { afterObjects: 1, act: () => a.stop() }), { code: 'ABORTED' })
    await a.stop()

    const again = await nodes.startInMemory({ ...SETTINGS, home })
    assert.notEqual(again.services.departure.report, undefined)
    await again.services.network.connect(others[0]?.services.network.addresses()[0] ?? '')
    await eventually('it has left', () => again.services.departure.report?.state === 'left')
    const { peerId } = again.services.network
    for (const { services } of others) {
      await eventually('the others know', () =>
        services.community.members().some(({ peer, leaving }) => peer === peerId && leaving === true),
      )
    }
    await again.stop()
    const keepers = others.map(({ services }) => services.content)
    for (const id of ids) {
      const holders = await keepers[0]?.durability(id)
      assert.deepEqual([holders?.confirmed, holders?.holders.includes(peerId)], [2, false])
    }

    const member = await nodes.startInMemory({ ...SETTINGS, home })
    assert.equal(member.services.departure.report, undefined, 'who starts it again wants it back')
  })

  test('whoever asked calls it off by going away, and then nothing goes on', LIMIT, async () => {
    const home = `${nodes.folder}/leaver`
    const a = await nodes.startInMemory({ ...SETTINGS, home })
    await nodes.join(a, await nodes.startInMemory(SETTINGS), await nodes.startInMemory(SETTINGS))
    await share(a)
    const control = new AbortController()
    const { signal } = control
    const asked = leave(a, { afterObjects: 1, act: () => control.abort(new Error('gone')), signal })
    await assert.rejects(asked, /gone/)
    assert.equal(a.services.departure.report, undefined)
    await a.stop()
    const again = await nodes.startInMemory({ ...SETTINGS, home })
    assert.equal(again.services.departure.report, undefined)
    assert.equal(await again.services.departure.cancel(), false)
  })

  test(
    'what goes on after a start forces nothing, waits for room, and can be called off',
    LIMIT,
    async () => {
      const a = await nodes.startInMemory()
      const b = await nodes.startInMemory({ storageForOthersBytesMax: 0 })
      await nodes.join(a, b)
      await share(a)
      const { services } = a
      const restarted = () => new Departure(services, { tryAgainMs: 50 })
      const first = restarted()
      const forced = first.leave({
        force: true,
        signal: new AbortController().signal,
        onProgress: () => void first.stop(),
      })
      await assert.rejects(forced, { code: 'ABORTED' })

      const second = restarted()
      second.start()
      await eventually('it says what would be lost', () => second.report?.lost === OBJECTS)
      await eventually('it waits', () => second.report?.state === 'waiting')
      assert.equal(services.content.isLeaving, false)
      assert.equal(await second.cancel(), true)
      assert.equal(second.report, undefined)
      assert.equal(restarted().report, undefined, 'nothing is remembered')
    },
  )

  test('when room appears, what waited for it goes on', LIMIT, async () => {
    const a = await nodes.startInMemory()
    const b = await nodes.startInMemory({ storageForOthersBytesMax: 0 })
    await nodes.join(a, b)
    await share(a)
    const first = new Departure(a.services)
    await assert.rejects(
      first.leave({ signal: new AbortController().signal, onProgress: () => void first.stop() }),
      { code: 'ABORTED' },
    )
    const second = new Departure(a.services, { tryAgainMs: 50 })
    second.start()
    await eventually('it waits', () => second.report?.state === 'waiting' && second.report.lost > 0)
    await nodes.join(a, b, await nodes.startInMemory())
    await eventually('it has left', () => second.report?.state === 'left')
    await second.stop()
  })

  test('the time that was given counts from the first start on', LIMIT, async () => {
    const a = await nodes.startInMemory()
    const b = await nodes.startInMemory({ storageForOthersBytesMax: 0 })
    await nodes.join(a, b)
    await share(a)
    const first = new Departure(a.services)
    await assert.rejects(
      first.leave({
        withinMs: 500,
        signal: new AbortController().signal,
        onProgress: () => void first.stop(),
      }),
      { code: 'ABORTED' },
    )
    const second = new Departure(a.services, { tryAgainMs: 50 })
    second.start()
    await eventually('it gives up', () => second.report === undefined)
    assert.equal(a.services.content.isLeaving, false)
    assert.equal(new Departure(a.services).report, undefined)
  })
})

async function share({ services }: Node): Promise<ContentId[]> {
  const ids: ContentId[] = []
  for (let index = 0; index < OBJECTS; index++) {
    const bytes = Buffer.alloc(100_000, `text ${index}`)
    const policy = { kind: 'replica', copies: 2 } as const
    ids.push((await services.content.publish(sourceOf(bytes), { policy })).id)
  }
  return ids
}

/** Leaves, and does something in the middle of it. */
function leave(
  { services }: Node,
  options: { afterObjects: number; act: () => unknown; signal?: AbortSignal },
): Promise<unknown> {
  return services.departure.leave({
    signal: options.signal ?? new AbortController().signal,
    onProgress: ({ phase, done }) => {
      if (phase === 'hand over' && done === options.afterObjects) void options.act()
    },
  })
}
