import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { Bandwidth, type BandwidthSettings } from './bandwidth.ts'

const KIB = 1024
const FRAME_BYTES = 64 * KIB
const [a, b] = ['a', 'b'] as PeerId[] as [PeerId, PeerId]

test('the whole limit holds within 10 % over 10 s, however many senders there are [B-61]', async () => {
  for (const perSecond of [128 * KIB, 1024 * KIB, 50 * 1024 * KIB]) {
    const { clock, bandwidth } = makeBandwidth({ uploadBytesPerSecond: perSecond })
    const meters = [startSending(bandwidth, a), startSending(bandwidth, a), startSending(bandwidth, b)]
    await clock.advance(10_000)
    assertWithin(
      meters.reduce((sum, meter) => sum + meter.sent, 0),
      10 * perSecond,
      FRAME_BYTES,
    )
    for (const meter of meters) {
      assert.ok(meter.sent > 2 * perSecond, 'every sender gets its share')
      meter.stop()
    }
  }
})

test('a limit per peer holds for each peer by itself [B-61]', async () => {
  const { clock, bandwidth } = makeBandwidth({ uploadBytesPerSecondPerPeer: 512 * KIB })
  const [toA, toB] = [startSending(bandwidth, a), startSending(bandwidth, b)]
  await clock.advance(10_000)
  assertWithin(toA.sent, 5_120 * KIB, FRAME_BYTES)
  assertWithin(toB.sent, 5_120 * KIB, FRAME_BYTES)
  toA.stop()
  toB.stop()
})

test('upload and download are limited apart [B-61]', async () => {
  const { clock, bandwidth } = makeBandwidth({ downloadBytesPerSecond: 256 * KIB })
  assert.equal(bandwidth.upload(a, 2 ** 30), undefined)
  const meter = startSending(bandwidth, a, 'download')
  await clock.advance(10_000)
  assertWithin(meter.sent, 2_560 * KIB, FRAME_BYTES)
  meter.stop()
})

test('a change takes effect at once, also for those who wait [B-61]', async () => {
  const { clock, bandwidth } = makeBandwidth({ uploadBytesPerSecond: 1 })
  const meter = startSending(bandwidth, a)
  await clock.advance(60_000)
  assert.ok(meter.sent <= FRAME_BYTES)
  bandwidth.change({ uploadBytesPerSecond: 1024 * KIB })
  let before = meter.sent
  await clock.advance(10_000)
  assertWithin(meter.sent - before, 10_240 * KIB, FRAME_BYTES)
  bandwidth.change({ uploadBytesPerSecond: 256 * KIB })
  before = meter.sent
  await clock.advance(10_000)
  assertWithin(meter.sent - before, 2_560 * KIB, FRAME_BYTES)
  before = meter.sent
  bandwidth.change({ uploadBytesPerSecond: 0 })
  await clock.advance(1)
  assert.ok(meter.sent - before > 100 * FRAME_BYTES)
  meter.stop()
})

test('the schedule changes the limits by day and time, also past midnight [B-61]', async () => {
  // Thursday, 1 January 2026, local time.
  const start = new Date(2026, 0, 1, 21, 59, 50).getTime()
  const clock = new VirtualClock(start)
  const night = { uploadBytesPerSecond: 1024 * KIB }
  const bandwidth = new Bandwidth(
    { clock },
    {
      uploadBytesPerSecond: 64 * KIB,
      schedule: [{ days: [4], fromMinute: 22 * 60, toMinute: 6 * 60, limits: night }],
    },
  )
  const meter = startSending(bandwidth, a)
  await clock.advance(9_000)
  assert.ok(meter.sent <= 10 * 64 * KIB)
  await clock.advance(2_000)
  const before = meter.sent
  await clock.advance(10_000)
  assertWithin(meter.sent - before, 10 * 1024 * KIB, FRAME_BYTES)
  meter.stop()
  const at = (day: number, hours: number) => {
    const other = new Bandwidth(
      { clock: new VirtualClock(new Date(2026, 0, day, hours, 30).getTime()) },
      {
        uploadBytesPerSecond: 64 * KIB,
        schedule: [{ days: [4], fromMinute: 22 * 60, toMinute: 6 * 60, limits: night }],
      },
    )
    return other.limits.uploadBytesPerSecond / KIB
  }
  assert.deepEqual(
    [at(1, 5), at(1, 21), at(1, 22), at(2, 5), at(2, 6), at(2, 23)],
    [64, 64, 1024, 1024, 64, 64],
  )
})

test('a transfer that waits goes on when the span begins that lets it [B-61]', async () => {
  const clock = new VirtualClock(new Date(2026, 0, 1, 21, 59, 50).getTime())
  const schedule = [
    { days: [], fromMinute: 22 * 60, toMinute: 23 * 60, limits: { uploadBytesPerSecond: 1024 * KIB } },
  ]
  const bandwidth = new Bandwidth({ clock }, { uploadBytesPerSecond: 1, schedule })
  await clock.advance(200)
  assert.equal(bandwidth.upload(a, FRAME_BYTES), undefined)
  let passed = false
  void bandwidth.upload(a, FRAME_BYTES)?.then(() => {
    passed = true
  })
  await clock.advance(9_500)
  assert.equal(passed, false)
  await clock.advance(2_000)
  assert.equal(passed, true)
})

test('who waits can leave, and does not use anything up', async () => {
  const { clock, bandwidth } = makeBandwidth({ uploadBytesPerSecond: 1024 })
  await clock.advance(1_000)
  assert.equal(bandwidth.upload(a, 10 * 1024), undefined)
  const control = new AbortController()
  const waiting = bandwidth.upload(a, 10 ** 9, control.signal)
  const next = bandwidth.upload(a, 1)
  control.abort(new Error('left'))
  await assert.rejects(async () => waiting, /left/)
  let passed = false
  void next?.then(() => {
    passed = true
  })
  await clock.advance(9_000)
  assert.equal(passed, false)
  await clock.advance(2_000)
  assert.equal(passed, true)
  await assert.rejects(
    async () => bandwidth.upload(a, 10 ** 6) ?? bandwidth.upload(a, 1, AbortSignal.abort()),
  )
})

function makeBandwidth(settings: Partial<BandwidthSettings>) {
  const clock = new VirtualClock()
  return { clock, bandwidth: new Bandwidth({ clock }, settings) }
}

/** Sends frames as fast as it may. */
function startSending(bandwidth: Bandwidth, peer: PeerId, direction: 'upload' | 'download' = 'upload') {
  const control = new AbortController()
  const meter = { sent: 0, stop: () => control.abort() }
  const send = async () => {
    for (let frames = 0; frames < 10_000 && !control.signal.aborted; frames++) {
      await bandwidth[direction](peer, FRAME_BYTES, control.signal)
      meter.sent += FRAME_BYTES
    }
  }
  void send().catch(() => {})
  return meter
}

function assertWithin(actual: number, expected: number, frameBytes: number): void {
  // A frame is never cut: one more or less is beyond the limit's power.
  const off = Math.max(Math.abs(actual - expected) - frameBytes, 0)
  assert.ok(off <= expected / 10, `${actual} bytes passed, ${expected} were expected`)
}
