import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { eventually, readAll, TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'

const LIMIT = { timeout: 60_000 }
const HOUR_MS = 3_600_000

test(
  'a node that leaves hands its copies over, and counts no more at once, whatever the grace',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const settings = { repairGraceMs: HOUR_MS }
    const [a, b, c] = [
      await nodes.startInMemory(settings),
      await nodes.startInMemory(settings),
      await nodes.startInMemory(settings),
    ]
    await nodes.join(a, b, c)
    const text = 'x'.repeat(300_000)
    const { id } = await ask(a, 'share', { text, name: 'x.txt', copies: 2 })
    const self = a.services.network.peerId
    assert.ok((await ask(a, 'describe', { id })).holders.includes(self))

    const plan = await ask(a, 'leave', { dryRun: true })
    assert.deepEqual([plan.left, plan.handedOver, plan.weaker.length + plan.lost.length], [false, 1, 1])
    assert.equal(a.services.content.isLeaving, false)

    const phases = new Set<string>()
    const result = await ask(a, 'leave', {}, { progress: ({ phase }) => phases.add(phase) })
    assert.deepEqual([result.left, result.handedOver, result.lostCount, result.weakerCount], [true, 1, 0, 0])
    assert.ok(phases.has('handing over'))
    for (const other of [b, c]) {
      await eventually('it counts no more', async () => {
        const { confirmed, holders } = await ask(other, 'describe', { id })
        return confirmed === 2 && !holders.includes(self)
      })
    }
    await a.stop()
    assert.equal((await readAll(c, id)).toString(), text)
    assert.equal((await ask(b, 'describe', { id })).confirmed, 2)
  },
)

test('leaving is refused while something would be lost, unless it is forced', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory({ storageForOthersBytesMax: 0 })]
  await nodes.join(a, b)
  const { id } = await ask(a, 'share', { text: 'only here', name: 'x.txt' })
  await assert.rejects(ask(a, 'leave'), (error) => {
    assert.ok(isKizunaError(error, 'LEAVE_WOULD_LOSE'))
    assert.match(error.hint ?? '', /--force/)
    assert.deepEqual(error.details?.lost, [id])
    return true
  })
  assert.equal(a.services.content.isLeaving, false)
  const result = await ask(a, 'leave', { force: true })
  assert.deepEqual([result.left, result.lostCount, result.lost[0].id], [true, 1, id])
  await eventually('others hear of it', () => b.services.community.members()[0]?.leaving === true)
})

test('a node that left is a member again when it starts again', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory({ home: `${nodes.folder}/again` }), await nodes.startInMemory()]
  await nodes.join(a, b)
  const { id } = await ask(a, 'share', { text: 'x'.repeat(300_000), name: 'x.txt', copies: 2 })
  await ask(a, 'leave')
  await eventually('one copy is left', async () => (await ask(b, 'describe', { id })).confirmed === 1)
  await a.stop()
  const again = await nodes.startInMemory({ home: `${nodes.folder}/again` })
  await again.services.network.connect(b.services.network.addresses()[0] ?? '')
  await eventually('both copies count', async () => (await ask(b, 'describe', { id })).confirmed === 2)
})

test(
  'a leave that a restart broke off shows in status and doctor, and can be called off',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const home = `${nodes.folder}/half`
    const [a, b] = [
      await nodes.startInMemory({ home }),
      await nodes.startInMemory({ storageForOthersBytesMax: 0 }),
    ]
    await nodes.join(a, b)
    await ask(a, 'share', { text: 'only here', name: 'x.txt' })
    assert.equal((await ask(a, 'status')).leaving, null)
    await assert.rejects(ask(a, 'leave', { force: true }, { progress: () => void a.stop() }), {
      code: 'ABORTED',
    })
    await a.stop()

    const again = await nodes.startInMemory({ home })
    await again.services.network.connect(b.services.network.addresses()[0] ?? '')
    await eventually('it says what would be lost', async () => {
      const { leaving } = await ask(again, 'status')
      return leaving.state === 'waiting' && leaving.lost === 1
    })
    const { healthy, steps } = await ask(again, 'doctor')
    const step = steps.find((each: { step: string }) => each.step === 'leaving')
    assert.deepEqual([healthy, step.outcome], [false, 'failed'])
    assert.match(step.finding, /1 contents would be lost.*--cancel/)

    assert.equal((await ask(again, 'leave', { cancel: true })).cancelled, true)
    assert.equal((await ask(again, 'status')).leaving, null)
    assert.equal((await ask(again, 'leave', { cancel: true })).cancelled, false)
  },
)
