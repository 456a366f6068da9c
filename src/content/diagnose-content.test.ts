import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import type { Diagnosis, DiagnosisStep } from './content.ts'
import { randomContent, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

const failing = (diagnosis: Diagnosis): DiagnosisStep['step'][] =>
  diagnosis.steps.filter(({ outcome }) => outcome === 'failed').map(({ step }) => step)

describe('a diagnosis names the step that fails', () => {
  let space: TestSpace
  let a: TestNode
  let reader: TestNode
  let id: ContentId
  beforeEach(async () => {
    space = new TestSpace()
    a = await space.addNode()
    reader = await space.addNode({ stores: false })
    id = (
      await a.content.publish(sourceOf(randomContent(2 ** 20)), { policy: { kind: 'replica', copies: 1 } })
    ).id
  })
  afterEach(() => space.stop())

  const diagnose = (node: TestNode, wanted: ContentId) => node.content.diagnose(wanted, { timeoutMs: 1_000 })

  test('none, when it can be read, with a map of who has which chunk [B-31] [S-55]', async () => {
    const diagnosis = await diagnose(reader, id)
    assert.equal(diagnosis.readable, true)
    assert.deepEqual(failing(diagnosis), [])
    assert.equal(diagnosis.chunkMap.length, 4)
    for (const { peers } of diagnosis.chunkMap) assert.deepEqual(peers, [a.peer])
    assert.deepEqual(
      diagnosis.steps.map(({ step }) => step),
      ['id', 'local', 'manifest', 'providers', 'connect', 'permission', 'chunks', 'integrity'],
    )
  })

  test('providers, when nobody has it [S-55]', async () => {
    const diagnosis = await diagnose(reader, contentIdOf(Buffer.from('nobody')))
    assert.equal(diagnosis.readable, false)
    assert.deepEqual(failing(diagnosis), ['manifest', 'providers'])
  })

  test('connect, when those who have it are away [S-55]', async () => {
    await reader.content.sync()
    space.kill(a)
    const diagnosis = await diagnose(reader, id)
    assert.equal(diagnosis.readable, false)
    assert.deepEqual(failing(diagnosis), ['manifest', 'connect'])
  })

  test('permission, when those who have it refuse [S-55]', async () => {
    const stranger = await space.addNode({ member: false })
    const diagnosis = await diagnose(stranger, id)
    assert.equal(diagnosis.readable, false)
    assert.deepEqual(failing(diagnosis), ['manifest', 'permission'])
  })

  test('chunks, when some are only with those who are away [S-55]', async () => {
    const cache = await space.addNode({ stores: false })
    const chunk = await aChunkOf(a)
    for await (const _ of (await cache.content.retrieve(id)).bytes);
    await cache.chunks.delete(chunk)
    await reader.content.sync()
    space.kill(a)
    const diagnosis = await diagnose(reader, id)
    assert.equal(diagnosis.readable, false)
    assert.deepEqual(failing(diagnosis), ['chunks'])
    assert.deepEqual(diagnosis.chunkMap.find((entry) => entry.id === chunk)?.peers, [])
  })

  test('connect, when those who have it are away and others are here [S-55]', async () => {
    await space.addNode({ stores: false })
    await reader.content.sync()
    space.kill(a)
    assert.deepEqual(failing(await diagnose(reader, id)), ['manifest', 'connect'])
  })

  test('integrity, when the only holder lost a chunk or holds wrong bytes [S-55]', async () => {
    const chunk = await aChunkOf(a)
    const { get } = a.chunks
    a.chunks.get = async (wanted, options) => {
      const bytes = await get.call(a.chunks, wanted, options)
      return wanted === chunk ? bytes.map((byte) => byte ^ 1) : bytes
    }
    const wrong = await diagnose(reader, id)
    a.chunks.get = get
    assert.deepEqual([wrong.readable, failing(wrong)], [false, ['integrity']])
    assert.deepEqual(wrong.chunkMap.find((entry) => entry.id === chunk)?.peers, [])

    await a.chunks.delete(chunk)
    for (const node of [reader, a]) {
      const lost = await diagnose(node, id)
      assert.deepEqual([lost.readable, failing(lost)], [false, ['integrity']])
    }
  })

  test('none, when a damaged chunk is whole somewhere else [S-55]', async () => {
    const other = await space.addNode()
    await other.content.keep(id)
    await a.chunks.delete(await aChunkOf(a))
    const diagnosis = await diagnose(reader, id)
    assert.deepEqual([diagnosis.readable, failing(diagnosis)], [true, []])
  })

  const aChunkOf = async (node: TestNode) =>
    [...(await node.stored())].find((other) => other !== id) as ContentId
})
