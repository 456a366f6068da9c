/** What keeping and forgetting do to folders, and what taking something off the list does at other members. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Node } from '../node/create-node.ts'
import { eventually, TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'

const LIMIT = { timeout: 90_000 }
const SETTINGS = { gossipIntervalMs: 200 }

function makeFolder(nodes: TestNodes, name: string, files: Record<string, string>): string {
  const folder = join(nodes.folder, name)
  mkdirSync(folder)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}

/** Chunks that count as kept on a node, for anybody. */
function heldBy(node: Node): number {
  return node.services.content.holdings().count
}

test(
  'a folder is kept with its files, and forgotten with those that no other folder needs',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [
      await nodes.startInMemory(SETTINGS),
      await nodes.startInMemory({ ...SETTINGS, storageForOthersBytesMax: 0 }),
    ]
    await nodes.join(a, b)
    const spring = makeFolder(nodes, 'spring', { 'elm.txt': 'elm', 'oak.txt': 'oak in spring' })
    const autumn = makeFolder(nodes, 'autumn', { 'elm.txt': 'elm', 'oak.txt': 'oak in autumn' })
    const first = await ask(a, 'share', { path: spring, copies: 1, private: false })
    const second = await ask(a, 'share', { path: autumn, copies: 1, private: false })
    await eventually('both are on the other’s list', async () => (await ask(b, 'list')).total === 2)
    assert.equal((await ask(b, 'keep', { id: first.id })).files, 2)
    await ask(b, 'keep', { id: second.id })
    const kept = () => b.services.content.keptObjects().length
    assert.equal(kept(), 5, 'two listings, one file that both have, two that each has alone')
    const { forgotten, files } = await ask(b, 'forget', { id: first.id })
    assert.deepEqual([forgotten, files], [true, 1])
    assert.equal(kept(), 3)
    await ask(b, 'forget', { id: second.id })
    assert.equal(kept(), 0)
    assert.equal(heldBy(b), 0)
  },
)

test('what is taken off the list is let go of by the members that kept it for the space', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b, c] = [
    await nodes.startInMemory(SETTINGS),
    await nodes.startInMemory(SETTINGS),
    await nodes.startInMemory(SETTINGS),
  ]
  await nodes.join(a, b, c)
  const file = await ask(a, 'share', { text: 'an acorn', copies: 3 })
  const folder = await ask(a, 'share', {
    path: makeFolder(nodes, 'grove', { 'ash.txt': 'ash', 'fir.txt': 'fir' }),
    copies: 3,
  })
  const stays = await ask(a, 'share', { text: 'a cone', copies: 3 })
  await eventually('members have copies', () => heldBy(b) === heldBy(a) && heldBy(c) === heldBy(a))
  await ask(c, 'keep', { id: file.id })
  await ask(a, 'forget', { id: file.id, everywhere: true })
  await ask(a, 'forget', { id: folder.id, everywhere: true })
  const left = heldBy(a)
  assert.ok(left > 0, 'what was not forgotten stays')
  await eventually('members let go', () => heldBy(b) === left)
  // Bytes may lie there until the garbage is collected; what counts is what is kept.
  assert.deepEqual(
    c.services.content.keptObjects().map(({ id, policy }) => [id, policy]),
    [[file.id, { kind: 'replica', copies: 1 }]],
    'whoever wants it keeps it, and brings it to nobody',
  )
  await ask(c, 'sync')
  assert.deepEqual([heldBy(b), heldBy(c)], [left, left + 2])
  assert.deepEqual(
    (await ask(b, 'list')).files.map(({ id }: { id: string }) => id),
    [stays.id],
  )
})

test('only the publisher, or who leads the space, has copies withdrawn', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b, c] = [
    await nodes.startInMemory(SETTINGS),
    await nodes.startInMemory(SETTINGS),
    await nodes.startInMemory(SETTINGS),
  ]
  await nodes.join(a, b, c)
  const file = await ask(b, 'share', { text: 'an acorn', copies: 3 })
  await eventually('members have copies', () => heldBy(a) > 0 && heldBy(c) > 0)
  await eventually('it is on the list', async () => (await ask(c, 'list')).total === 1)
  const before = [heldBy(a), heldBy(b)]
  await ask(c, 'forget', { id: file.id, everywhere: true })
  await c.services.records.sync()
  await a.services.records.sync()
  assert.equal(a.services.records.list('removal').length, 1, 'it was heard')
  assert.deepEqual([heldBy(a), heldBy(b)], before)
  await ask(a, 'forget', { id: file.id, everywhere: true })
  await eventually('the founder’s word counts', () => heldBy(c) === 0)
})
