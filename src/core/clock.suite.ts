import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import type { Clock } from './clock.ts'

/** A clock under test, and how to let time pass on it. */
export interface ClockUnderTest {
  clock: Clock
  /** Resolves when at least `durationMs` have passed on the clock. */
  pass(durationMs: number): Promise<void>
}

/** What every {@link Clock} keeps; each implementation's test calls it. */
export function testClock(name: string, create: () => ClockUnderTest): void {
  test(`${name}: a timer fires once, not before its time`, async () => {
    const { clock, pass } = create()
    const startMs = clock.monotonic()
    const firedAtMs: number[] = []
    clock.after(20, () => firedAtMs.push(clock.monotonic()))
    await pass(60)
    assert.equal(firedAtMs.length, 1)
    // Node's timers may fire up to a millisecond early.
    assert.ok((firedAtMs[0] ?? 0) - startMs >= 19)
  })

  test(`${name}: timers fire in the order of their times`, async () => {
    const { clock, pass } = create()
    const fired: string[] = []
    clock.after(40, () => fired.push('third'))
    clock.after(1, () => fired.push('first'))
    clock.after(20, () => fired.push('second'))
    await pass(80)
    assert.deepEqual(fired, ['first', 'second', 'third'])
  })

  test(`${name}: a stopped timer does not fire, and may be stopped again, also after it fired`, async () => {
    const { clock, pass } = create()
    const fired: string[] = []
    const stopped = clock.after(5, () => fired.push('stopped'))
    const kept = clock.after(5, () => fired.push('kept'))
    stopped.stop()
    stopped.stop()
    await pass(30)
    kept.stop()
    assert.deepEqual(fired, ['kept'])
  })

  test(`${name}: a delay below zero is none`, async () => {
    const { clock, pass } = create()
    const fired: string[] = []
    clock.after(-1000, () => fired.push('fired'))
    await pass(10)
    assert.deepEqual(fired, ['fired'])
  })

  test(`${name}: monotonic time passes and never goes back, wall time is a date`, async () => {
    const { clock, pass } = create()
    const [monotonic, wall] = [clock.monotonic(), clock.now()]
    await pass(15)
    assert.ok(clock.monotonic() - monotonic >= 14)
    assert.ok(Math.abs(clock.now() - wall - (clock.monotonic() - monotonic)) < 1000)
    assert.ok(clock.now() > Date.UTC(2025, 0))
  })

  test(`${name}: a sleep ends in time, or with the signal's reason`, async () => {
    const { clock, pass } = create()
    const controller = new AbortController()
    const slept = clock.sleep(10, controller.signal)
    const interrupted = assert.rejects(clock.sleep(60_000, controller.signal), /enough/)
    await pass(20)
    await slept
    controller.abort(new Error('enough'))
    await interrupted
    await assert.rejects(clock.sleep(1, controller.signal), /enough/)
  })

  test(`${name}: a deadline aborts in time, with a TimeoutError`, async () => {
    const { clock, pass } = create()
    const signal = clock.deadline(10, undefined)
    assert.equal(signal.aborted, false)
    await pass(25)
    assert.equal(signal.aborted, true)
    assert.equal(signal.reason.name, 'TimeoutError')
  })

  test(`${name}: a deadline aborts as soon as one of its signals does, with that reason`, () => {
    const { clock } = create()
    const [first, second] = [new AbortController(), new AbortController()]
    const signal = clock.deadline(60_000, first.signal, undefined, second.signal)
    second.abort(new Error('left'))
    assert.match(signal.reason.message, /left/)
    first.abort(new Error('late'))
    assert.match(signal.reason.message, /left/)
    assert.match(clock.deadline(60_000, first.signal).reason.message, /late/)
  })

  test(`${name}: a deadline wakes who listens to it, whoever is the first to end it`, async () => {
    const { clock, pass } = create()
    const control = new AbortController()
    const heard: string[] = []
    const listen = (word: string, signal: AbortSignal) =>
      signal.addEventListener('abort', () => heard.push(word), { once: true })
    listen('time', clock.deadline(10, control.signal))
    listen('signal', clock.deadline(60_000, control.signal))
    await pass(25)
    assert.deepEqual(heard, ['time'])
    control.abort()
    assert.deepEqual(heard, ['time', 'signal'])
  })

  test(`${name}: thousands of deadlines leave nothing on a signal that outlives them`, () => {
    const { clock } = create()
    const { signal } = new AbortController()
    for (let call = 0; call < 2_000; call++) {
      const deadline = clock.deadline(60_000, signal)
      const listener = () => {}
      deadline.addEventListener('abort', listener)
      deadline.removeEventListener('abort', listener)
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
}
