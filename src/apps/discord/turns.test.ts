import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

test('so many are let in, and the others in the order in which they came', async () => {
  const turns = new Turns(2)
  const entered: number[] = []
  const all = [1, 2, 3, 4].map((at) => turns.take().then(() => entered.push(at)))
  await Promise.all(all.slice(0, 2))
  assert.deepEqual(entered, [1, 2])
  turns.give()
  turns.give()
  await Promise.all(all)
  assert.deepEqual(entered, [1, 2, 3, 4])
})
