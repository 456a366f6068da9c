import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { isKizunaError } from '../../core/kizuna-error.ts'
import { WaitingLine } from './waiting-line.ts'

/** As many as the line lets one of them begin in, while it must. */
const ROUNDS = 16
const LENGTH_MAX = 5_000

function enter(line: WaitingLine, count: number): number[] {
  const entered: number[] = []
  for (let at = 1; at <= count; at++) void line.take().then(() => entered.push(at))
  return entered
}

test('so many begin, and the others in the order in which they came', async () => {
  const line = new WaitingLine(2, () => false)
  const entered = enter(line, 4)
  assert.deepEqual(entered, [], 'not before what has arrived was looked at')
  await setImmediate()
  assert.deepEqual(entered, [1, 2])
  assert.equal(line.isLong, true)
  line.give()
  line.give()
  await setImmediate()
  assert.deepEqual(entered, [1, 2, 3, 4])
  line.give()
  assert.equal(line.isLong, false)
})

test('while something more urgent waits, one begins now and then, and none waits for ever', async () => {
  let isBusy = true
  const line = new WaitingLine(8, () => isBusy)
  const entered = enter(line, 6)
  for (let round = 0; round < 2 * ROUNDS; round++) await setImmediate()
  assert.deepEqual(entered, [1, 2])
  isBusy = false
  await setImmediate()
  assert.deepEqual(entered, [1, 2, 3, 4, 5, 6])
})

test('the line is long when others wait already, although there are turns to be had', async () => {
  const line = new WaitingLine(32, () => true)
  const entered = enter(line, 15)
  assert.equal(line.isLong, false)
  void line.take()
  assert.equal(line.isLong, true)
  for (let round = 0; round < ROUNDS; round++) await setImmediate()
  assert.deepEqual(entered, [1])
  assert.equal(line.isLong, false)
})

test('a line that would take minutes takes nobody more, until it is shorter', async () => {
  const line = new WaitingLine(1, () => false)
  const entered = enter(line, LENGTH_MAX)
  await assert.rejects(line.take(), (error) => isKizunaError(error, 'QUEUE_FULL'))
  await setImmediate()
  assert.deepEqual(entered, [1])
  void line.take()
  await assert.rejects(line.take(), (error) => isKizunaError(error, 'QUEUE_FULL'))
})
