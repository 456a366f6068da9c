import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { randomContent, readAll, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

describe('content in a space of five', () => {
  let space: TestSpace
  let nodes: TestNode[]
  before(async () => {
    space = new TestSpace()
    nodes = await space.addNodes(5)
  })
  after(() => space.stop())

  for (const sizeBytes of [0, 1, 262_143, 262_144, 262_145, 10 * 2 ** 20]) {
    test(`gives back ${sizeBytes} bytes as they were, on another node [K-27] [S-20] [S-21]`, async () => {
      const [a, , c] = nodes as [TestNode, TestNode, TestNode]
      const bytes = randomContent(sizeBytes, sizeBytes)
      const published = await a.content.publish(sourceOf(bytes))
      assert.equal(published.chunks, Math.ceil(sizeBytes / 262_144))
      const got = await readAll(await c.content.retrieve(published.id))
      assert.ok(got.equals(bytes))
    })
  }
})
