/** A real node killed in the middle of leaving, and started again. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { SeededRandom } from '../../src/core/random.ts'
import { bootstrapTo, NodeGroup } from '../fixtures/node-group.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const OBJECTS = 6
const OBJECT_BYTES = 500_000
/** Handing over all of them takes several seconds. */
const UPLOAD_BYTES_PER_SECOND = 500_000
const PATIENCE_MS = 60_000
/** Nobody makes copies again because a node is away. */
const FLAGS = ['--repair-grace-ms', String(24 * 3_600_000), '--gossip-interval-ms', '2000']

test('a node killed while it hands its copies over goes on by itself when it runs again, and then has left', {
  timeout: 180_000,
}, async () => {
  await using group = new NodeGroup()
  const first = await group.start('oak', FLAGS)
  const others = [
    await group.start('pine', [...FLAGS, ...bootstrapTo(first)]),
    await group.start('birch', [...FLAGS, ...bootstrapTo(first)]),
  ] as const
  await group.together(first, ...others)
  const ids: string[] = []
  for (let index = 0; index < OBJECTS; index++) {
    const path = group.path(`${index}.bin`)
    writeFileSync(path, new SeededRandom(index).bytes(OBJECT_BYTES))
    ids.push(String((await first.json('share', path, '--copies', '2')).id))
  }
  await first.call('config', {
    action: 'set',
    key: 'uploadBytesPerSecondMax',
    value: String(UPLOAD_BYTES_PER_SECOND),
  })

  const kept = async () => {
    const statuses = await Promise.all(others.map((node) => node.call('status')))
    return statuses.reduce((sum, status) => sum + (status.stored as { chunks: number }).chunks, 0)
  }
  const before = await kept()
  const leaving = first.run('leave', '--json')
  await waitUntil('something was handed over', PATIENCE_MS, async () => (await kept()) > before)
  await first.kill()
  assert.notEqual((await leaving).code, 0, 'it died in the middle')

  const again = await group.start('oak', [...FLAGS, ...bootstrapTo(others[0])])
  const { leaving: report } = (await again.call('status')) as { leaving: { state: string } | null }
  assert.notEqual(report, null, 'it says that it leaves')
  await waitUntil('it has left', PATIENCE_MS, async () => {
    const status = (await again.call('status')) as { leaving: { state: string } | null }
    return status.leaving?.state === 'left'
  })
  await again.stop()
  for (const id of ids) {
    await waitUntil('both copies are with the others', PATIENCE_MS, async () => {
      const { confirmed, holders } = await others[0].call('describe', { id })
      return confirmed === 2 && !(holders as string[]).includes(first.peerId)
    })
  }
})
