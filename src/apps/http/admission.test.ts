import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../core/metrics.ts'
import { SeededRandom } from '../../core/random.ts'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { Admission, type RequestLoad } from './admission.ts'

/** An admission on a clock that stands still, and what became of those who asked, by name. */
function createAdmission(workShare = 1) {
  const clock = new VirtualClock()
  const parts = { clock, random: new SeededRandom(1), metrics: createMetrics({ processMetrics: false }) }
  const node = { workShare }
  const admission = new Admission({ ...parts, workShare: () => node.workShare })
  const inside = new Map<string, () => void>()
  const refused = new Map<string, { code: string; status: number; retryAfterSeconds: number }>()
  const ask = async (name: string, load: RequestLoad, signal = new AbortController().signal) => {
    admission.enter(load, signal).then(
      (leave) => inside.set(name, leave),
      (error) => refused.set(name, error),
    )
    await clock.advance(0)
  }
  const fill = async (count: number, load: RequestLoad) => {
    for (let index = 0; index < count; index++) await ask(`${load} ${index}`, load)
  }
  const leave = async (name: string) => {
    inside.get(name)?.()
    inside.delete(name)
    await clock.advance(0)
  }
  return { admission, clock, node, inside, refused, ask, fill, leave }
}

test('sixteen light requests, eight reads or four writes are at work at once; the next one waits for a place [R-12]', async () => {
  for (const [count, load] of [
    [16, 'light'],
    [8, 'read'],
    [4, 'write'],
  ] as const) {
    const { admission, inside, refused, ask, fill, leave } = createAdmission()
    await fill(count, load)
    await ask('next', load)
    assert.equal(inside.size, count)
    assert.equal(admission.waiting, 1)
    await leave(`${load} 0`)
    assert.ok(inside.has('next'))
    assert.equal(refused.size, 0)
  }
})

test('whoever waits a tenth of a second at a busy node is refused, and told when to come again [R-12]', async () => {
  const { admission, clock, inside, refused, ask, fill } = createAdmission()
  await fill(16, 'light')
  await ask('late', 'light')
  await clock.advance(80)
  assert.equal(refused.size, 0)
  await clock.advance(20)
  const error = refused.get('late')
  assert.equal(error?.code, 'OVERLOADED')
  assert.equal(error?.status, 503)
  assert.ok((error?.retryAfterSeconds ?? 0) >= 1 && (error?.retryAfterSeconds ?? 9) <= 3)
  assert.equal(admission.waiting, 0)
  assert.equal(inside.size, 16)
})

test('where some have been waiting all the time, only those who came just now get a place [R-12]', async () => {
  const { clock, inside, refused, ask, fill, leave } = createAdmission()
  await fill(16, 'light')
  for (let time = 0; time < 10; time++) {
    await ask(`crowd ${time}`, 'light')
    await clock.advance(15)
  }
  await ask('fresh', 'light')
  await clock.advance(3)
  await ask('fresher', 'light')
  await clock.advance(1)
  await leave('light 0')
  assert.ok(inside.has('fresher'), 'waited for 1 ms')
  await leave('light 1')
  assert.ok(inside.has('fresh'), 'waited for 4 ms')
  await leave('light 2')
  assert.ok(!inside.has('crowd 9'), 'waited for 19 ms')
  assert.equal(refused.get('crowd 9')?.code, 'OVERLOADED')
})

test('uploads that fill the node leave room for those who read and ask, and they for an upload [R-12]', async () => {
  const one = createAdmission()
  await one.fill(4, 'write')
  await one.fill(4, 'light')
  await one.fill(2, 'read')
  assert.equal(one.inside.size, 10)
  await one.ask('light more', 'light')
  await one.ask('read more', 'read')
  assert.equal(one.inside.size, 10)

  const other = createAdmission()
  await other.fill(16, 'light')
  await other.ask('upload', 'write')
  assert.ok(other.inside.has('upload'))
})

test('while requests of one load have to wait, those of another take no more than their share [R-12]', async () => {
  const { clock, inside, ask, fill, leave } = createAdmission()
  await fill(4, 'write')
  await ask('upload that waits', 'write')
  await clock.advance(100)
  for (const name of ['write 0', 'write 1', 'write 2']) await leave(name)
  await fill(5, 'light')
  assert.ok(inside.has('light 3') && !inside.has('light 4'))
  await clock.advance(1_000)
  await ask('later', 'light')
  assert.ok(inside.has('later'), 'nobody else had to wait for a second')
})

test('a node that is idle refuses nobody: those inside wait for readers and peers [R-12]', async () => {
  const { clock, inside, refused, fill } = createAdmission(0.1)
  await fill(40, 'read')
  await clock.advance(20)
  assert.equal(inside.size, 40)
  assert.equal(refused.size, 0)
})

test('a request that has been inside for two seconds holds no place any more', async () => {
  const { clock, inside, ask, fill } = createAdmission()
  await fill(4, 'write')
  await clock.advance(2_001)
  await ask('next', 'write')
  await clock.advance(20)
  assert.ok(inside.has('next'))
})

test('the queue has an end, and who went away is not in it', async () => {
  const { admission, clock, inside, refused, ask, fill, leave } = createAdmission()
  await fill(16, 'light')
  const gone = new AbortController()
  await ask('gone', 'light', gone.signal)
  for (let count = 1; count < 64; count++) await ask(`waiting ${count}`, 'light')
  await ask('too many', 'light')
  assert.deepEqual([...refused.keys()], ['too many'])
  gone.abort(new Error('gone'))
  await clock.advance(0)
  assert.equal(admission.waiting, 63)
  await leave('light 0')
  assert.ok(!inside.has('gone') && inside.has('waiting 1'))
})

test('a place that is given back twice is one place', async () => {
  const { inside, ask, fill } = createAdmission()
  await fill(16, 'light')
  const back = inside.get('light 0')
  back?.()
  back?.()
  await ask('one', 'light')
  await ask('two', 'light')
  assert.ok(inside.has('one') && !inside.has('two'))
})
