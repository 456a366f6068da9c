import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { type KizunaError, toKizunaError } from '../core/kizuna-error.ts'
import { SeededRandom } from '../core/random.ts'
import { type PeerId, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { LinkFaults } from './memory-links.ts'
import { MemoryNetworkHub } from './memory-network.ts'
import type { MemoryNetworkOptions } from './memory-network-node.ts'
import { FRAMES_BUFFERED_MAX } from './memory-stream.ts'
import type { Network } from './network.ts'

const PROTOCOL = '/kizuna/test/1.0.0'

test('a delayed link answers after one round trip', async () => {
  const { clock, a, b } = await makeWorld({ delayMs: 50 })
  const answer = ask(a, b.peerId)
  await clock.advance(99)
  assert.equal(answer.state, 'running')
  await clock.advance(1)
  assert.equal(answer.state, 'answered')
})

test('a narrow link passes no more bytes than it can', async () => {
  const { clock, a, b } = await makeWorld({ bytesPerSecond: 64 * 1024 })
  const request = Array.from({ length: 10 }, () => new Uint8Array(64 * 1024))
  const answer = ask(a, b.peerId, { request, timeoutMs: 60_000 })
  // Ten frames there, one second each, and the last one back.
  await clock.advance(10_900)
  assert.equal(answer.state, 'running')
  await clock.advance(200)
  assert.equal(answer.state, 'answered')
})

test('a lost frame ends in a typed error by the deadline, never in a wrong answer', async () => {
  const { clock, a, b } = await makeWorld({ dropRate: 0.2, delayMs: 5 })
  const outcomes: string[] = []
  for (let round = 0; round < 60; round++) {
    const answer = ask(a, b.peerId, { timeoutMs: 1_000 })
    await clock.advance(1_500)
    assert.notEqual(answer.state, 'running')
    outcomes.push(answer.error?.code ?? 'answered')
  }
  assert.deepEqual([...new Set(outcomes)].toSorted(), [
    'CONNECTION_LOST',
    'DEADLINE_EXCEEDED',
    'PEER_UNREACHABLE',
    'answered',
  ])
})

test('a bridge in a partition reaches both sides, which do not reach each other', async () => {
  const { clock, hub, a, b } = await makeWorld({ delayMs: 5 })
  const bridge = hub.createNetwork(signingKeyFromSeed(new Uint8Array(32).fill(9)))
  await bridge.start()
  hub.partition([
    [a.peerId, bridge.peerId],
    [bridge.peerId, b.peerId],
  ])
  const across = ask(a, b.peerId, { timeoutMs: 1_000 })
  const dials = [a, b].map((side) => bridge.connect(side.addresses()[0] ?? ''))
  await clock.advance(5_000)
  await Promise.all(dials)
  assert.notEqual(across.state, 'answered')
  assert.equal(bridge.isConnected(a.peerId) && bridge.isConnected(b.peerId), true)
})

test('a partition holds messages, is noticed after 4 s and ends with heal', async () => {
  const { clock, hub, a, b } = await makeWorld({ delayMs: 5 })
  hub.partition([[a.peerId], [b.peerId]])
  const short = ask(a, b.peerId, { timeoutMs: 60_000 })
  await clock.advance(3_900)
  assert.equal(short.state, 'running')
  hub.heal()
  await clock.advance(100)
  assert.equal(short.state, 'answered')

  hub.partition([[a.peerId], [b.peerId]])
  const long = ask(a, b.peerId, { timeoutMs: 60_000 })
  await clock.advance(4_100)
  assert.equal(long.error?.code, 'CONNECTION_LOST')
  assert.equal(a.isConnected(b.peerId), false)
  const across = ask(a, b.peerId, { timeoutMs: 60_000 })
  await clock.advance(6_000)
  assert.equal(across.error?.code, 'PEER_UNREACHABLE')
  hub.heal()
  const healed = ask(a, b.peerId)
  await clock.advance(100)
  assert.equal(healed.state, 'answered')
})

test('a crash fails requests at both ends, and the same key comes back with its known peers', async () => {
  const { clock, hub, a, b, keyB } = await makeWorld({ delayMs: 5 })
  let handlerStopped = false
  a.handle('/kizuna/slow/1.0.0', async function* (_request, { signal }) {
    signal.addEventListener('abort', () => {
      handlerStopped = true
    })
    yield await new Promise<Uint8Array>(() => {})
  })
  const fromA = ask(a, b.peerId, { protocol: '/kizuna/never/1.0.0', timeoutMs: 60_000 })
  const fromB = ask(b, a.peerId, { protocol: '/kizuna/slow/1.0.0', timeoutMs: 60_000 })
  await clock.advance(8)
  hub.crash(b.peerId)
  await clock.advance(1)
  assert.equal(fromA.error?.code, 'CONNECTION_LOST')
  assert.equal(fromB.error?.code, 'CONNECTION_LOST')
  assert.equal(handlerStopped, true)
  assert.equal(a.isConnected(b.peerId), false)
  const dead = ask(b, a.peerId)
  await clock.advance(10)
  assert.equal(dead.error?.code, 'PEER_UNREACHABLE')

  const again = hub.createNetwork(keyB)
  await again.start()
  await clock.advance(50)
  assert.equal(again.isConnected(a.peerId), true)
})

test('a broadcast on a doubling link is heard twice, on a losing one not at all', async () => {
  const { clock, hub, a, b } = await makeWorld({})
  let heard = 0
  b.listen('topic', () => heard++)
  hub.setLink(a.peerId, b.peerId, { duplicateRate: 1 })
  await a.broadcast('topic', Uint8Array.of(1))
  await clock.advance(1)
  assert.equal(heard, 2)
  hub.setLink(a.peerId, b.peerId, { duplicateRate: 0, dropRate: 1 })
  await a.broadcast('topic', Uint8Array.of(1))
  await clock.advance(1)
  assert.equal(heard, 2)
})

test('a reader that sleeps holds no more frames than the buffer', async () => {
  const { clock, hub, a, b } = await makeWorld({})
  b.handle('/kizuna/endless/1.0.0', async function* () {
    for (;;) yield new Uint8Array(1)
  })
  const frames = a.request(b.peerId, '/kizuna/endless/1.0.0', [])[Symbol.asyncIterator]()
  await frames.next()
  await clock.advance(100)
  assert.equal(hub.bufferedFramesMax(), FRAMES_BUFFERED_MAX)
  await frames.return?.()
})

test('no node has more connections than its limit [B-17]', async () => {
  const { hub, clock, random, b } = await makeWorld({}, { connectionsMax: 3 })
  const others: Network[] = []
  for (let index = 0; index < 6; index++) {
    const other = hub.createNetwork(signingKeyFromSeed(random.bytes(32)))
    await other.start()
    others.push(other)
    const error = await other.connect(b.addresses()[0] ?? '').then(() => undefined, toKizunaError)
    assert.ok(b.connectedPeers().length <= 3)
    // One of the three places is taken by the world's other node.
    assert.equal(error?.code, index < 2 ? undefined : 'PEER_UNREACHABLE')
  }
  await clock.advance(1)
  assert.equal(b.connectedPeers().length, 3)
})

test('a peer behind a router is reached through its relay, and lost with it', async () => {
  const { hub, clock, random, a } = await makeWorld({ delayMs: 10 })
  const [relay, home] = [{ relays: true }, { behindRouter: true }].map((options) =>
    hub.createNetwork(signingKeyFromSeed(random.bytes(32)), options),
  ) as [Network, Network]
  home.handle(PROTOCOL, echo)
  await Promise.all([relay.start(), home.start()])
  await Promise.all([home.connect(relay.addresses()[0] ?? ''), clock.advance(100)])
  assert.equal(home.addresses().length, 1)
  await Promise.all([a.connect(home.addresses()[0] ?? ''), clock.advance(100)])
  assert.equal(a.connectedPeers().find(({ peer }) => peer === home.peerId)?.path, 'relayed')
  const answer = ask(a, home.peerId)
  await clock.advance(39)
  assert.equal(answer.state, 'running')
  await clock.advance(1)
  assert.equal(answer.state, 'answered')
  hub.crash(relay.peerId)
  assert.equal(a.isConnected(home.peerId), false)
})

test('provider records end, and need the table to be on', async () => {
  const { clock, a, b } = await makeWorld({})
  const id = contentIdOf(Buffer.from('x'))
  await b.provide([id])
  const find = async (network: Network) => {
    const found: PeerId[] = []
    for await (const { peer } of network.findProviders(id, { limit: 5 })) found.push(peer)
    return found
  }
  assert.deepEqual(await find(a), [b.peerId])
  await clock.advance(49 * 60 * 60 * 1000)
  assert.deepEqual(await find(a), [])
  const off = await makeWorld({}, { dht: false })
  await off.b.provide([id])
  assert.deepEqual(await find(off.a), [])
})

test('one seed gives one run', async () => {
  const run = async (seed: number) => {
    const { clock, a, b } = await makeWorld({ dropRate: 0.1, jitterMs: 20, delayMs: 3 }, {}, seed)
    const story: string[] = []
    for (let round = 0; round < 40; round++) {
      const answer = ask(a, b.peerId, { timeoutMs: 500 })
      void answer.ended.then(() => story.push(`${round} ${answer.error?.code ?? 'ok'} ${clock.monotonic()}`))
      await clock.advance(100)
    }
    return story.join('\n')
  }
  assert.equal(await run(3), await run(3))
  assert.notEqual(await run(3), await run(4))
})

async function makeWorld(faults: Partial<LinkFaults>, options: Partial<MemoryNetworkOptions> = {}, seed = 7) {
  const clock = new VirtualClock()
  const random = new SeededRandom(seed)
  const hub = new MemoryNetworkHub({ clock, random }, {})
  const keyA = signingKeyFromSeed(new SeededRandom(1).bytes(32))
  const keyB = signingKeyFromSeed(new SeededRandom(2).bytes(32))
  const [a, b] = [hub.createNetwork(keyA, options), hub.createNetwork(keyB, options)]
  b.handle(PROTOCOL, echo)
  b.handle('/kizuna/never/1.0.0', async function* () {
    yield await new Promise<Uint8Array>(() => {})
  })
  await Promise.all([a.start(), b.start()])
  await a.connect(b.addresses()[0] ?? '')
  hub.setAllLinks(faults)
  return { clock, random, hub, a, b, keyB }
}

interface Asked {
  state: 'running' | 'answered' | 'failed'
  error: KizunaError | undefined
  ended: Promise<void>
}

function ask(
  network: Network,
  peer: PeerId,
  options: { request?: Uint8Array[]; protocol?: string; timeoutMs?: number } = {},
): Asked {
  const { request = [Uint8Array.of(1)], protocol = PROTOCOL, ...rest } = options
  const asked: Asked = { state: 'running', error: undefined, ended: Promise.resolve() }
  const run = async () => {
    try {
      let index = 0
      for await (const frame of network.request(peer, protocol, request, rest)) {
        assert.deepEqual(frame, request[index++])
      }
      assert.equal(index, request.length)
      asked.state = 'answered'
    } catch (error) {
      asked.state = 'failed'
      asked.error = toKizunaError(error)
    }
  }
  asked.ended = run()
  return asked
}

async function* echo(request: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* request
}
