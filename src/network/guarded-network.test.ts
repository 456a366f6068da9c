import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SystemClock } from '../core/clock.ts'
import { type KizunaError, toKizunaError } from '../core/kizuna-error.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { type PeerId, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { Bandwidth, type BandwidthSettings } from './bandwidth.ts'
import { createGuardedNetwork } from './guarded-network.ts'
import { MemoryNetworkHub } from './memory-network.ts'
import { testNetwork } from './network.suite.ts'
import type { Network } from './network.ts'
import { type RateLimitOptions, RateLimits } from './rate-limits.ts'
import { forgetfulReputationStore, Reputation } from './reputation.ts'

const PROTOCOL = '/kizuna/test/1.0.0'
const KIB = 1024

testNetwork('guarded memory network', async (count) => {
  const random = new SeededRandom(1)
  const clock = new SystemClock()
  const hub = new MemoryNetworkHub({ clock, random })
  const networks = Array.from({ length: count }, () => {
    const inner = hub.createNetwork(signingKeyFromSeed(random.bytes(32)))
    return guard(inner, clock).network
  })
  for (const network of networks) await network.start()
  return {
    networks,
    async connectAll() {
      for (const [index, network] of networks.entries()) {
        for (const other of networks.slice(index + 1)) await network.connect(other.addresses()[0] ?? '')
      }
    },
    async stop() {
      await Promise.all(networks.map((network) => network.stop()))
    },
  }
})

test('a peer that asks too often is told when to come back, and others are not touched [B-65] [S-53]', async () => {
  const { clock, a, b, c } = await makeWorld({ limits: { requestsPerSecond: 10 } })
  const codes = await outcomes(b.inner, a.network.peerId, 50)
  assert.equal(codes.filter((code) => code === 'ok').length, 20)
  assert.equal(codes.filter((code) => code === 'RATE_LIMITED').length, 30)
  assert.deepEqual(
    await outcomes(c.inner, a.network.peerId, 5),
    Array.from({ length: 5 }, () => 'ok'),
  )
  const error = await ask(b.inner, a.network.peerId)
  assert.equal(error?.code, 'RATE_LIMITED')
  await clock.advance(error?.details.retryAfterMs as number)
  assert.equal(await ask(b.inner, a.network.peerId), undefined)
  assert.equal(a.reputation.isSuspended(b.network.peerId), false)
})

test('bytes of one peer are slowed down to its limit [B-65]', async () => {
  const { clock, a, b } = await makeWorld({ limits: { bytesPerSecond: 128 * KIB } })
  let received = 0
  a.network.handle('/kizuna/sink/1.0.0', async function* (request) {
    for await (const frame of request) received += frame.byteLength
    yield new Uint8Array(0)
  })
  const endless = (function* () {
    for (;;) yield new Uint8Array(32 * KIB)
  })()
  const frames = b.inner.request(a.network.peerId, '/kizuna/sink/1.0.0', endless, { timeoutMs: 60_000 })
  const ended = frames[Symbol.asyncIterator]().next().catch(toKizunaError)
  await clock.advance(5_000)
  const before = received
  await clock.advance(10_000)
  const passed = received - before
  assert.ok(Math.abs(passed - 1_280 * KIB) <= 128 * KIB, `${passed} bytes passed in 10 s`)
  await clock.advance(60_000)
  assert.equal(((await ended) as KizunaError).code, 'DEADLINE_EXCEEDED')
})

test('one peer has no more requests open than its places, and gets them back [S-53]', async () => {
  const { clock, a, b } = await makeWorld({ limits: { openRequestsMax: 8 } })
  const done = Promise.withResolvers<void>()
  a.network.handle('/kizuna/slow/1.0.0', async function* () {
    await done.promise
    yield Uint8Array.of(1)
  })
  const asked = Array.from({ length: 20 }, () => ask(b.inner, a.network.peerId, '/kizuna/slow/1.0.0'))
  await clock.advance(1)
  assert.equal(a.limits.freeSlots(b.network.peerId), 0)
  done.resolve()
  const codes = (await Promise.all(asked)).map((error) => error?.code ?? 'ok')
  assert.equal(codes.filter((code) => code === 'ok').length, 8)
  assert.equal(a.limits.openRequests(b.network.peerId), 0)
  assert.equal(await ask(b.inner, a.network.peerId), undefined)
})

test('a suspended peer is neither answered nor asked, and both again afterwards', async () => {
  const { clock, a, b } = await makeWorld({})
  while (!a.reputation.isSuspended(b.network.peerId)) a.reputation.report(b.network.peerId, 'bad-chunk')
  await clock.advance(1)
  assert.equal(a.network.isConnected(b.network.peerId), false)
  assert.equal((await ask(b.inner, a.network.peerId))?.code, 'PEER_SUSPENDED')
  assert.equal((await ask(a.network, b.network.peerId))?.code, 'PEER_SUSPENDED')
  await clock.advance(a.reputation.suspendedForMs(b.network.peerId))
  assert.equal(await ask(b.inner, a.network.peerId), undefined)
  assert.equal(await ask(a.network, b.network.peerId), undefined)
})

test('a peer that floods a topic is silenced, then scored out; a lively one is not [S-66]', async () => {
  const { clock, a, b, c } = await makeWorld({ limits: { messagesPerSecond: 10 } })
  const heard = new Map<PeerId, number>()
  a.network.listen('topic', (_bytes, from) => heard.set(from, (heard.get(from) ?? 0) + 1))
  for (let second = 0; second < 10; second++) {
    for (let index = 0; index < 200; index++) await b.inner.broadcast('topic', Uint8Array.of(index))
    for (let index = 0; index < 5; index++) await c.inner.broadcast('topic', Uint8Array.of(index))
    await clock.advance(1_000)
  }
  assert.equal(heard.get(c.network.peerId), 50)
  assert.ok((heard.get(b.network.peerId) ?? 0) <= 120)
  assert.equal(a.reputation.isSuspended(b.network.peerId), true)
  assert.equal(a.reputation.isBanned(b.network.peerId), false)
  assert.equal(a.reputation.score(c.network.peerId), 0)
})

test('a peer that lets a deadline pass loses some reputation, once', async () => {
  const { clock, a, b } = await makeWorld({})
  b.network.handle('/kizuna/never/1.0.0', async function* () {
    yield await new Promise<Uint8Array>(() => {})
  })
  const asked = ask(a.network, b.network.peerId, '/kizuna/never/1.0.0')
  await clock.advance(10_000)
  assert.equal((await asked)?.code, 'DEADLINE_EXCEEDED')
  assert.equal(a.reputation.score(b.network.peerId), -5)
})

test('a deadline used up by our own limits is kept and not held against the peer; a sleeping reader uses none', async () => {
  const { clock, a, b } = await makeWorld({ bandwidth: { downloadBytesPerSecond: 1 } })
  b.network.handle('/kizuna/big/1.0.0', async function* () {
    for (let index = 0; index < 100; index++) yield new Uint8Array(KIB)
  })
  await clock.advance(1_000)
  const asked = ask(a.network, b.network.peerId, '/kizuna/big/1.0.0')
  // One frame may pass on credit, and the time counts anew with it.
  await clock.advance(25_000)
  assert.equal((await asked)?.code, 'DEADLINE_EXCEEDED')
  assert.equal(a.reputation.score(b.network.peerId), 0)

  a.bandwidth.change({ downloadBytesPerSecond: 0 })
  const frames = a.network.request(b.network.peerId, '/kizuna/big/1.0.0', [])[Symbol.asyncIterator]()
  await frames.next()
  await clock.advance(10_001)
  let read = 1
  while ((await frames.next()).done !== true) read++
  assert.equal(read, 100)
  assert.equal(a.reputation.score(b.network.peerId), 0)
})

test('requests keep to the bandwidth limits in both directions [B-61]', async () => {
  const { clock, a, b } = await makeWorld({
    bandwidth: { uploadBytesPerSecond: 256 * KIB, downloadBytesPerSecond: 128 * KIB },
  })
  let uploaded = 0
  b.network.handle('/kizuna/endless/1.0.0', async function* (request) {
    for await (const frame of request) {
      uploaded += frame.byteLength
      if (uploaded < 0) yield frame
    }
  })
  b.network.handle('/kizuna/source/1.0.0', async function* () {
    for (;;) yield new Uint8Array(16 * KIB)
  })
  const endless = (function* () {
    for (;;) yield new Uint8Array(16 * KIB)
  })()
  const control = new AbortController()
  const options = { timeoutMs: 60_000, signal: control.signal }
  const up = ask(a.network, b.network.peerId, '/kizuna/endless/1.0.0', { ...options, request: endless })
  let downloaded = 0
  const down = (async () => {
    for await (const frame of a.network.request(b.network.peerId, '/kizuna/source/1.0.0', [], options)) {
      downloaded += frame.byteLength
    }
  })().catch(toKizunaError)
  await clock.advance(2_000)
  const before = { uploaded, downloaded }
  await clock.advance(10_000)
  const [sent, got] = [uploaded - before.uploaded, downloaded - before.downloaded]
  assert.ok(Math.abs(sent - 2_560 * KIB) <= 256 * KIB, `${sent} bytes sent`)
  assert.ok(Math.abs(got - 1_280 * KIB) <= 128 * KIB, `${got} bytes received`)
  control.abort()
  await clock.advance(60_000)
  assert.deepEqual([(await up)?.code, (await down)?.code], ['ABORTED', 'ABORTED'])
})

test('counts the bytes that pass', async () => {
  const { a, b } = await makeWorld({})
  await ask(a.network, b.network.peerId, PROTOCOL, { request: [new Uint8Array(100)] })
  assert.equal(await a.metrics.total('kizuna_network_bytes_total'), 200)
})

test('keeps count of no more than 4,096 peers', () => {
  const limits = new RateLimits({ clock: new VirtualClock() })
  limits.beginRequest('busy' as PeerId)
  for (let index = 0; index < 10_000; index++) limits.takeMessage(`peer ${index}` as PeerId)
  assert.equal(limits.peers, 4_096)
  assert.equal(limits.openRequests('busy' as PeerId), 1)
})

interface Settings {
  limits?: Partial<RateLimitOptions>
  bandwidth?: Partial<BandwidthSettings>
}

function guard(inner: Network, clock: SystemClock | VirtualClock, settings: Settings = {}) {
  const metrics = createMetrics({ processMetrics: false })
  const reputation = new Reputation({ clock, store: forgetfulReputationStore, log: silentLogger, metrics })
  const limits = new RateLimits({ clock }, settings.limits)
  const bandwidth = new Bandwidth({ clock }, settings.bandwidth)
  const network = createGuardedNetwork(inner, {
    reputation,
    limits,
    bandwidth,
    clock,
    metrics,
    log: silentLogger,
  })
  return { inner, network, reputation, limits, bandwidth, metrics }
}

/** Three connected nodes, guarded; `inner` is what a node without manners would use. */
async function makeWorld(settings: Settings) {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const hub = new MemoryNetworkHub({ clock, random })
  const make = (own: Settings) => guard(hub.createNetwork(signingKeyFromSeed(random.bytes(32))), clock, own)
  const [a, b, c] = [make(settings), make({}), make({})]
  for (const { network } of [a, b, c]) {
    network.handle(PROTOCOL, async function* (request) {
      yield* request
    })
    await network.start()
  }
  await b.network.connect(a.network.addresses()[0] ?? '')
  await c.network.connect(a.network.addresses()[0] ?? '')
  return { clock, hub, a, b, c }
}

/** What the request failed with, or undefined. */
async function ask(
  network: Network,
  peer: PeerId,
  protocol = PROTOCOL,
  options: { request?: Iterable<Uint8Array>; timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<KizunaError | undefined> {
  const { request = [Uint8Array.of(1)], ...rest } = options
  try {
    for await (const _frame of network.request(peer, protocol, request, rest));
    return undefined
  } catch (error) {
    return toKizunaError(error)
  }
}

function outcomes(network: Network, peer: PeerId, count: number): Promise<string[]> {
  const asked = Array.from({ length: count }, () => ask(network, peer))
  return Promise.all(asked.map(async (error) => (await error)?.code ?? 'ok'))
}
