import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgreedClock } from '../core/agreed-clock.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import { TIME_PROTOCOL, TimeKeeper } from './time-keeper.ts'

const DAY_MS = 86_400_000

test('a member whose clock is a day wrong has the right date as soon as it meets two others [R-10]', async () => {
  const { clock, nodes } = await createNodes([0, 0, -DAY_MS])
  for (const { agreed } of nodes) assert.ok(Math.abs(agreed.now() - clock.now()) <= 1)
})

test('strangers are not believed, and are answered', async () => {
  const { clock, nodes } = await createNodes([0, DAY_MS, DAY_MS], () => false)
  assert.equal(nodes[0]?.agreed.now(), clock.now())
  const answer = nodes[0]?.network.request(nodes[1]?.network.peerId ?? never(), TIME_PROTOCOL, [])
  const [frames] = await Promise.all([Array.fromAsync(answer ?? []), clock.advance(100)])
  assert.equal(Buffer.from(frames[0] ?? []).readBigUInt64BE(), BigInt(clock.now() - 99 + DAY_MS))
})

test('an answer that is no date is not believed, nor one that was long underway', async () => {
  const { clock, hub, nodes } = await createNodes([0, 0])
  for (const [seed, bytes] of [
    [11, Buffer.alloc(7)],
    [12, Buffer.alloc(8, 255)],
  ] as const) {
    const liar = hub.createNetwork(signingKeyFromSeed(Buffer.alloc(32, seed)))
    await liar.start()
    liar.handle(TIME_PROTOCOL, async function* () {
      yield bytes
    })
    await Promise.all([liar.connect(nodes[0]?.network.addresses()[0] ?? ''), clock.advance(100)])
  }
  await clock.advance(120_000)
  assert.equal(nodes[0]?.agreed.now(), clock.now())
})

/** Connected nodes whose machines' clocks are wrong by so much, after they had time to ask each other. */
async function createNodes(errorsMs: readonly number[], isMember = () => true) {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const hub = new MemoryNetworkHub({ clock, random }, { delayMs: 1 })
  const nodes = errorsMs.map((errorMs, index) => {
    const machine = new Proxy(clock, {
      get: (target, name) => {
        if (name === 'now') return () => target.now() + errorMs
        const value = Reflect.get(target, name) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const network = hub.createNetwork(signingKeyFromSeed(Buffer.alloc(32, index + 1)))
    const agreed = new AgreedClock(machine)
    const metrics = createMetrics({ processMetrics: false })
    const keeper = new TimeKeeper({ network, clock: agreed, random, log: silentLogger, metrics, isMember })
    return { network, agreed, keeper }
  })
  for (const { network, keeper } of nodes) {
    await network.start()
    keeper.start()
  }
  const dials = nodes.flatMap(({ network }, index) =>
    nodes.slice(index + 1).map((other) => network.connect(other.network.addresses()[0] ?? '')),
  )
  await Promise.all([Promise.all(dials), clock.advance(1_000)])
  return { clock, hub, nodes }
}

function never(): never {
  throw new Error('there is such a node')
}
