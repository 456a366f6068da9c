import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgreedClock } from './agreed-clock.ts'
import { testClock } from './clock.suite.ts'
import { signingKeyFromSeed } from './signing-key.ts'
import { VirtualClock } from './virtual-clock.ts'

const DAY_MS = 86_400_000
const [ash, beech, cedar] = [1, 2, 3].map((seed) => signingKeyFromSeed(Buffer.alloc(32, seed)).peerId)
assert.ok(ash !== undefined && beech !== undefined && cedar !== undefined)

testClock('AgreedClock', () => {
  const inner = new VirtualClock()
  return { clock: new AgreedClock(inner), pass: (durationMs) => inner.advance(durationMs) }
})

test('is the machine’s own clock while nobody says otherwise, small steps included', async () => {
  const { inner, clock } = create()
  await inner.advance(5_000)
  assert.equal(clock.now(), inner.now())
  inner.jump(-30_000)
  assert.equal(clock.now(), inner.now())
  assert.equal(clock.correctionMs, 0)
})

test('a clock that is a day wrong is outvoted by two peers, ahead and behind [R-10]', () => {
  for (const error of [DAY_MS, -DAY_MS]) {
    const { inner, clock } = create()
    const right = inner.now()
    inner.jump(error)
    const wrong = new AgreedClock(inner)
    wrong.observe(ash, right)
    wrong.observe(beech, right + 20)
    assert.ok(Math.abs(wrong.now() - right) <= 20)
    assert.ok(Math.abs(wrong.correctionMs + error) <= 20)
    assert.equal(wrong.ownNow(), inner.now())
    assert.equal(clock.monotonic(), inner.monotonic())
  }
})

test('one wrong peer among three changes nothing [R-10]', () => {
  const { inner, clock } = create()
  clock.observe(ash, inner.now() + DAY_MS)
  assert.equal(clock.now(), inner.now(), 'one voice against one')
  clock.observe(beech, inner.now() + 5)
  clock.observe(cedar, inner.now() - 5)
  assert.equal(clock.now(), inner.now())
})

test('a jump is not believed against the one peer there is, and is when the peer agrees [R-10]', async () => {
  const { inner, clock } = create()
  clock.observe(ash, inner.now())
  const right = clock.now()
  inner.jump(-DAY_MS)
  assert.equal(clock.now(), right)
  inner.jump(DAY_MS)
  await inner.advance(1_000)
  assert.equal(clock.now(), right + 1_000)
  inner.jump(DAY_MS)
  assert.equal(clock.now(), right + 1_000)
  clock.observe(ash, right + 1_000 + DAY_MS)
  assert.equal(clock.now(), inner.now(), 'both were wrong before')
})

test('alone, a jump is believed after an hour; one that goes back before never was [R-10]', async () => {
  const { inner, clock } = create()
  const right = clock.now()
  inner.jump(DAY_MS)
  assert.equal(clock.now(), right)
  await inner.advance(1_800_000)
  assert.equal(clock.now(), right + 1_800_000)
  inner.jump(-DAY_MS)
  assert.equal(clock.now(), inner.now())
  inner.jump(-DAY_MS)
  assert.equal(clock.now(), right + 1_800_000)
  await inner.advance(3_600_000)
  assert.equal(clock.now(), inner.now())
})

test('a frozen clock goes on by the monotonic one [R-10]', async () => {
  const inner = new VirtualClock()
  const frozenAt = inner.now()
  let isFrozen = false
  const machine = new Proxy(inner, {
    get: (target, name) => {
      if (name === 'now' && isFrozen) return () => frozenAt
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const clock = new AgreedClock(machine)
  isFrozen = true
  for (let minute = 1; minute <= 600; minute++) {
    await inner.advance(60_000)
    assert.ok(
      Math.abs(clock.now() - inner.now()) <= 120_000,
      `${minute} minutes: ${clock.now() - inner.now()}`,
    )
  }
})

test('what peers said before the machine slept is void: its monotonic clock stood still', () => {
  const { inner, clock } = create()
  const before = clock.now()
  for (const peer of [ash, beech]) clock.observe(peer, inner.now())
  inner.jump(8 * 3_600_000)
  assert.equal(clock.now(), before, 'held until somebody says what time it is')
  for (const peer of [ash, beech]) clock.observe(peer, inner.now())
  assert.equal(clock.now(), inner.now())
})

test('remembers no more than 64 peers', () => {
  const { inner, clock } = create()
  const peers = Array.from(
    { length: 80 },
    (_, index) => signingKeyFromSeed(Buffer.alloc(32, index + 1)).peerId,
  )
  for (const [index, peer] of peers.entries()) clock.observe(peer, inner.now() + (index < 40 ? DAY_MS : 0))
  // Of the first 40, who were wrong, 24 are left, against 40 and ourselves.
  assert.equal(clock.now(), inner.now())
})

function create() {
  const inner = new VirtualClock()
  return { inner, clock: new AgreedClock(inner) }
}
