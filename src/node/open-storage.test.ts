/** What the chunk store finds damaged reaches those who heal, whoever read it; and the index is kept twice. */
import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { eventually, readAll, sourceOf, TestNodes } from './start-nodes.suite.ts'

const LIMIT = { timeout: 60_000 }

test('a chunk found damaged by whatever reader is put down for healing [R-02] [K-43]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const home = join(nodes.folder, 'home')
  const { services } = await nodes.start({ home })
  await services.content.publish(sourceOf(Buffer.alloc(300_000, 7)))
  const [file = ''] = globSync(join(home, 'chunks/??/bafk*'))
  const bytes = readFileSync(file)
  bytes[100] = (bytes[100] ?? 0) ^ 1
  writeFileSync(file, bytes)
  const id = file.slice(file.lastIndexOf('/') + 1) as Parameters<typeof services.chunks.get>[0]
  assert.equal(services.content.queues().repair, 0)
  await assert.rejects(services.chunks.get(id), (error) => isKizunaError(error, 'CHUNK_CORRUPT'))
  await eventually('it waits for somebody who has it', () => services.content.queues().repair === 1)
})

test('a node whose index rotted comes back with everything it kept [R-02]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const home = join(nodes.folder, 'home')
  const first = await nodes.start({ home })
  const text = Buffer.from('kept through it all')
  const { id } = await first.services.content.publish(sourceOf(text))
  const space = first.services.membership.space().id
  await first.stop()
  writeFileSync(join(home, 'index.db'), Buffer.alloc(50_000, 3))
  const again = await nodes.start({ home })
  assert.ok((await readAll(again, id)).equals(text))
  assert.deepEqual(
    again.services.content.keptObjects().map((object) => object.id),
    [id],
  )
  assert.equal(again.services.membership.space().id, space)
})

test('no more chunks than the setting allows, however small they are', LIMIT, async () => {
  await using nodes = new TestNodes()
  const { services } = await nodes.start({ storageChunksMax: 3 })
  // A chunk and its manifest each.
  await services.content.publish(sourceOf(Buffer.from('one')))
  await assert.rejects(services.content.publish(sourceOf(Buffer.alloc(2_000_000, 1))), (error) =>
    isKizunaError(error, 'QUOTA_EXCEEDED'),
  )
  assert.ok((await services.chunks.usage()).chunks <= 3)
})
