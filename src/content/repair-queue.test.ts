import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { RepairQueue } from './repair-queue.ts'

const idOf = (name: string) => contentIdOf(Buffer.from(name))

function queueOf(margins: Readonly<Record<string, number>>): RepairQueue<string> {
  const queue = new RepairQueue<string>()
  for (const [what, margin] of Object.entries(margins)) queue.add({ root: idOf(what), margin, what }, 0)
  return queue
}

function drain(queue: RepairQueue<string>): string[] {
  const order: string[] = []
  for (let next = queue.next(); next !== undefined; next = queue.next()) order.push(next.what)
  return order
}

test('what may lose the fewest is repaired first, what came first among equals, what is lost last', () => {
  const queue = queueOf({ calm: 2, lost: -1, pressing: 0, weak: 1, urgent: 0 })
  assert.deepEqual(drain(queue), ['pressing', 'urgent', 'weak', 'calm', 'lost'])
})

test('what became more urgent while it waited moves forward', () => {
  const queue = queueOf({ a: 1, b: 2 })
  queue.add({ root: idOf('b'), margin: 0, what: 'b' }, 0)
  assert.equal(queue.size, 2)
  assert.deepEqual(drain(queue), ['b', 'a'])
})

test('what failed is left alone ever longer, until something changes', () => {
  const queue = new RepairQueue<string>()
  const wish = { root: idOf('a'), margin: 0, what: 'a' }
  queue.failed(wish.root, 0)
  queue.add(wish, 29_000)
  assert.equal(queue.size, 0)
  queue.add(wish, 30_000)
  assert.deepEqual(drain(queue), ['a'])
  queue.failed(wish.root, 30_000)
  queue.add(wish, 80_000)
  assert.equal(queue.size, 0)
  queue.retryAll()
  queue.add(wish, 80_000)
  assert.equal(queue.size, 1)
  queue.done(wish.root)
})

test('a full queue makes room for what is more urgent only', () => {
  const queue = new RepairQueue<string>()
  for (let each = 0; each < 1_000; each++) queue.add({ root: idOf(`${each}`), margin: 1, what: `${each}` }, 0)
  queue.add({ root: idOf('calm'), margin: 2, what: 'calm' }, 0)
  queue.add({ root: idOf('urgent'), margin: 0, what: 'urgent' }, 0)
  assert.equal(queue.size, 1_000)
  const order = drain(queue)
  assert.equal(order[0], 'urgent')
  assert.ok(!order.includes('calm'))
})
