/** Every test runs with gossip off, except the one that shows what gossip adds: correctness rests on reconciliation alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CborValue, encodeCanonical } from '../core/encoding.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom, shuffled } from '../core/random.ts'
import { type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import type { Network } from '../network/network.ts'
import { type IndexDatabase, openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { InvalidRecordError, UnknownAuthorError } from './errors.ts'
import { signRecord } from './record-codec.ts'
import type { MembershipTest, RecordKind, RecordSets } from './record-sets.ts'
import { encodeRequest, packRecords, RECORDS_PROTOCOL } from './records-protocol.ts'
import { spaceIdOf } from './space.ts'
import { createRecordSets } from './sqlite-record-sets.ts'

const HOUR_MS = 60 * 60 * 1000
const founder = signingKeyFromSeed(new Uint8Array(32).fill(1))
const space = spaceIdOf(founder.peerId, new Uint8Array(16))

const note: RecordKind = {
  name: 'note',
  lifetimeMsMax: 24 * HOUR_MS,
  newestWins: 'per author and key',
  perAuthorMax: 5_000,
  refuse: (record) => (record.body === 'bad' ? 'it says bad things' : undefined),
}
const title: RecordKind = { ...note, name: 'title', newestWins: 'per key' }
const few: RecordKind = { ...note, name: 'few', perAuthorMax: 3 }
const brief: RecordKind = { ...note, name: 'brief', lifetimeMsMax: 2 * 60_000 }
const KINDS = [note, title, few, brief]

interface SetsNode {
  key: SigningKey
  network: Network
  index: IndexDatabase
  records: RecordSets
  /** Requests sent and the bytes in them and in their answers. */
  traffic: { requests: number; bytes: number }
}

class World {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly hub: MemoryNetworkHub
  readonly nodes: SetsNode[] = []

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.hub = new MemoryNetworkHub({ clock: this.clock, random: this.random })
  }

  async addNode(
    options: {
      isMember?: MembershipTest
      gossip?: boolean
      index?: IndexDatabase
      key?: SigningKey
      syncIntervalMs?: number
    } = {},
  ): Promise<SetsNode> {
    const key = options.key ?? signingKeyFromSeed(this.random.bytes(32))
    const inner = this.hub.createNetwork(key)
    const traffic = { requests: 0, bytes: 0 }
    const network = counting(inner, traffic)
    const index = options.index ?? openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
    const { clock, random } = this
    const metrics = createMetrics({ processMetrics: false })
    const records = createRecordSets(
      {
        key,
        index,
        network,
        clock,
        random,
        log: silentLogger,
        metrics,
        isMember: options.isMember ?? (() => true),
      },
      { space, gossip: options.gossip ?? false, syncIntervalMs: options.syncIntervalMs ?? 30_000 },
    )
    for (const kind of KINDS) records.defineKind(kind)
    await network.start()
    await records.start()
    const node = { key, network, index, records, traffic }
    this.nodes.push(node)
    return node
  }

  async connect(a: SetsNode, b: SetsNode): Promise<void> {
    await a.network.connect(b.network.addresses()[0] ?? '')
  }

  async until(condition: () => boolean, limitMs = 60_000): Promise<void> {
    for (let passed = 0; passed <= limitMs; passed += 500) {
      for (let turn = 0; turn < 60; turn++) {
        if (condition()) return
        await new Promise((resolve) => setImmediate(resolve))
      }
      await this.clock.advance(500)
    }
    throw new Error(`the condition did not hold within ${limitMs} ms`)
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => stopNode(node)))
  }
}

async function stopNode(node: SetsNode): Promise<void> {
  await node.records.stop()
  await node.network.stop()
}

function counting(inner: Network, traffic: { requests: number; bytes: number }): Network {
  return new Proxy(inner, {
    get(target, property) {
      const value = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      if (property !== 'request') return value.bind(target)
      return async function* (...[peer, protocol, frames, options]: Parameters<Network['request']>) {
        traffic.requests++
        for (const frame of frames as Uint8Array[]) traffic.bytes += frame.byteLength
        for await (const frame of target.request(peer, protocol, frames, options)) {
          traffic.bytes += frame.byteLength
          yield frame
        }
      }
    },
  })
}

function winners(node: SetsNode): string[] {
  return KINDS.flatMap(({ name }) => node.records.list(name).map(({ id }) => id)).sort()
}

test('keeps what it is given, and the newest of each author and key wins', async () => {
  const world = new World()
  const { records, key } = await world.addNode()
  const first = await records.put('note', 'a', { text: 'one' }, { lifetimeMs: HOUR_MS })
  const second = await records.put('note', 'a', { text: 'two' }, { lifetimeMs: HOUR_MS })
  assert.ok(
    second.createdAt > first.createdAt,
    'the clock stands still and the newer record is later all the same',
  )
  assert.deepEqual(records.newest('note', 'a'), second)
  assert.deepEqual(records.list('note', { author: key.peerId }), [second])
  await records.put('note', 'b', null, { lifetimeMs: HOUR_MS })
  assert.deepEqual(
    records.list('note').map((record) => record.key),
    ['a', 'b'],
  )
  assert.deepEqual(records.list('note', { keyPrefix: 'b' }).length, 1)
  assert.deepEqual(records.list('note', { limit: 1 }).length, 1)
  assert.equal(records.count('note'), 2)
  // The older one is refused nothing and changes nothing.
  assert.equal((await records.accept(first.bytes)).id, first.id)
  assert.deepEqual(records.newest('note', 'a'), second)
  await world.stop()
})

test('per key, the newest of all authors wins', async () => {
  const world = new World()
  const { records } = await world.addNode()
  const other = signingKeyFromSeed(new Uint8Array(32).fill(5))
  const mine = await records.put('title', 'x', 'mine', { lifetimeMs: HOUR_MS })
  const theirs = signRecord(other, {
    space,
    kind: 'title',
    key: 'x',
    createdAt: mine.createdAt + 1,
    expiresAt: mine.createdAt + HOUR_MS,
    body: 'theirs',
  })
  await records.accept(theirs.bytes)
  assert.deepEqual(
    records.list('title').map(({ body }) => body),
    ['theirs'],
  )
  await world.stop()
})

test('the same record twice is fine and is told once', async () => {
  const world = new World()
  const { records } = await world.addNode()
  const told: string[] = []
  const stop = records.onRecord('note', (record, origin) => told.push(`${origin} ${record.key}`))
  const record = draftOf(signingKeyFromSeed(new Uint8Array(32).fill(5)), world)
  await records.accept(record.bytes)
  await records.accept(record.bytes)
  await records.put('note', 'own', null, { lifetimeMs: HOUR_MS })
  assert.deepEqual(told, ['peer k', 'own own'])
  stop()
  await records.put('note', 'later', null, { lifetimeMs: HOUR_MS })
  assert.equal(told.length, 2)
  await world.stop()
})

test('refuses what is forged, of another space or kind, expired, early, long-lived or against the rules of its kind', async () => {
  const world = new World()
  const { records } = await world.addNode()
  const key = signingKeyFromSeed(new Uint8Array(32).fill(5))
  const now = world.clock.now()
  const make = (change: Record<string, unknown>) => draftOf(key, world, change).bytes
  const forged = Uint8Array.from(make({}))
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  const cases: [RegExp, Uint8Array][] = [
    [/signature|canonical|out of range|expires/, forged],
    [/another space/, make({ space: spaceIdOf(key.peerId, new Uint8Array(16)) })],
    [/kind is unknown/, make({ kind: 'unheard-of' })],
    [/has expired/, make({ createdAt: now - 2 * HOUR_MS, expiresAt: now })],
    [/5 minutes ahead/, make({ createdAt: now + 5 * 60_000 + 1, expiresAt: now + HOUR_MS })],
    [/lives longer/, make({ expiresAt: now + 24 * HOUR_MS + 1 })],
    [/bad things/, make({ body: 'bad' })],
  ]
  for (const [reason, bytes] of cases) {
    await assert.rejects(
      records.accept(bytes),
      (error) => error instanceof InvalidRecordError && reason.test(error.message),
      String(reason),
    )
  }
  await assert.rejects(records.put('unheard-of', 'a', null, { lifetimeMs: 1 }), InvalidRecordError)
  await assert.rejects(records.put('note', 'a', 'bad', { lifetimeMs: 1 }), /bad things/)
  assert.equal(records.count('note'), 0)
  // Five minutes ahead is still fine: clocks differ.
  await records.accept(make({ createdAt: now + 5 * 60_000, expiresAt: now + HOUR_MS }))
  await world.stop()
})

test('one author fills only their share: their own node says so, and from peers the oldest go', async () => {
  const world = new World()
  const { records } = await world.addNode()
  for (const key of ['a', 'b', 'c']) await records.put('few', key, null, { lifetimeMs: HOUR_MS })
  await assert.rejects(records.put('few', 'd', null, { lifetimeMs: HOUR_MS }), /the most there may be/)
  await records.put('few', 'c', 'changed', { lifetimeMs: HOUR_MS })
  const greedy = signingKeyFromSeed(new Uint8Array(32).fill(5))
  const all = Array.from({ length: 10 }, (_, index) =>
    draftOf(greedy, world, { kind: 'few', key: `k${index}`, createdAt: world.clock.now() + index }),
  )
  for (const record of shuffled(world.random, all)) await records.accept(record.bytes)
  assert.deepEqual(
    records.list('few', { author: greedy.peerId }).map(({ key }) => key),
    ['k9', 'k8', 'k7'],
  )
  await world.stop()
})

test('a restart keeps every record but those that live minutes', async () => {
  const world = new World()
  const node = await world.addNode()
  for (let index = 0; index < 50; index++)
    await node.records.put('note', `k${index}`, { index }, { lifetimeMs: HOUR_MS })
  await node.records.put('brief', 'status', null, { lifetimeMs: 60_000 })
  const before = node.records.list('note')
  await stopNode(node)
  world.nodes.length = 0
  const again = await world.addNode({ key: node.key, index: node.index })
  assert.deepEqual(again.records.list('note'), before)
  assert.equal(again.records.count('brief'), 0)
  await world.stop()
})

test('drops what has expired everywhere, and it does not come back', async () => {
  const world = new World()
  const [a, b] = [await world.addNode(), await world.addNode()]
  await a.records.put('note', 'short', null, { lifetimeMs: 40_000 })
  await a.records.put('brief', 'shorter', null, { lifetimeMs: 20_000 })
  await a.records.put('note', 'long', null, { lifetimeMs: HOUR_MS })
  await world.connect(a, b)
  await world.until(() => winners(b).length === 3)
  await world.clock.advance(41_000)
  for (const node of [a, b]) {
    assert.deepEqual(
      node.records.list('note').map(({ key }) => key),
      ['long'],
    )
    assert.equal(node.records.newest('note', 'short'), undefined)
    assert.equal(node.records.count('brief'), 0)
    assert.equal(node.index.get<{ count: number }>('SELECT count(*) AS count FROM record')?.count, 1)
  }
  await world.stop()
})

test('a node that was away during 1,000 new records has them within 30 s of its return, without gossip [K-51] [K-61]', async () => {
  const world = new World()
  const [a, b] = [await world.addNode(), await world.addNode()]
  await world.connect(a, b)
  await a.records.put('note', 'before', null, { lifetimeMs: HOUR_MS })
  await world.until(() => winners(b).length === 1)
  await stopNode(b)
  for (let index = 0; index < 1_000; index++)
    await a.records.put('note', `k${index}`, { name: `file ${index}` }, { lifetimeMs: HOUR_MS })
  const back = await world.addNode({ key: b.key, index: b.index })
  await world.connect(back, a)
  await world.until(() => winners(back).length === 1_001, 30_000)
  assert.deepEqual(winners(back), winners(a))
  await stopNode(a)
  await stopNode(back)
})

test('both sides learn everything whoever begins, with differences in both, and then exchange only fingerprints [K-35] [K-61]', async () => {
  const world = new World()
  const [a, b] = [await world.addNode(), await world.addNode()]
  for (let index = 0; index < 700; index++) {
    await a.records.put('note', `a${index}`, null, { lifetimeMs: HOUR_MS })
    await b.records.put('note', `b${index}`, null, { lifetimeMs: HOUR_MS })
    await world.clock.advance(1)
  }
  await a.network.connect(b.network.addresses()[0] ?? '')
  await world.until(() => winners(a).length === 1_400 && winners(b).length === 1_400)
  assert.deepEqual(winners(a), winners(b))
  await world.clock.advance(200)
  const before = { ...a.traffic }
  assert.deepEqual(await a.records.sync({ peers: [b.key.peerId] }), { peers: 1, sent: 0, received: 0 })
  assert.equal(a.traffic.requests - before.requests, 1)
  assert.ok(a.traffic.bytes - before.bytes < 200, `${a.traffic.bytes - before.bytes} bytes`)
  // At every interval one such question goes out.
  const quiet = { ...a.traffic }
  await world.clock.advance(300_000)
  const questions = a.traffic.requests - quiet.requests
  assert.ok(questions >= 8 && questions <= 12, `${questions} questions`)
  assert.ok((a.traffic.bytes - quiet.bytes) / questions < 200)
  await world.stop()
})

test('a replaced record meets its replacement once, and both sides then agree', async () => {
  const world = new World()
  const [a, b] = [
    await world.addNode({ syncIntervalMs: HOUR_MS }),
    await world.addNode({ syncIntervalMs: HOUR_MS }),
  ]
  const author = signingKeyFromSeed(new Uint8Array(32).fill(5))
  const old = draftOf(author, world)
  const newer = draftOf(author, world, { createdAt: world.clock.now() + 5, body: 'newer' })
  await a.records.accept(old.bytes)
  await b.records.accept(newer.bytes)
  await world.connect(a, b)
  await world.until(() => a.records.newest('note', 'k')?.body === 'newer')
  assert.deepEqual(b.records.newest('note', 'k')?.body, 'newer')
  const before = b.traffic.requests
  assert.deepEqual(await b.records.sync(), { peers: 1, sent: 0, received: 0 })
  assert.equal(b.traffic.requests - before, 1)
  await world.stop()
})

test('any schedule of writes, syncs and clock jumps ends with the same winners everywhere, and then in silence', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), async (seed) => {
      const world = new World(seed)
      const { random } = world
      const nodes: SetsNode[] = []
      for (let index = 0; index < 4; index++)
        nodes.push(await world.addNode({ syncIntervalMs: 24 * HOUR_MS }))
      for (const [index, node] of nodes.entries()) {
        for (const other of nodes.slice(index + 1)) await world.connect(node, other)
      }
      const pick = () => nodes[random.integer(nodes.length)] as SetsNode
      for (let step = 0; step < 60; step++) {
        const node = pick()
        const key = `k${random.integer(4)}`
        const choice = random.integer(8)
        if (choice < 4) {
          const kind = ['note', 'title', 'few', 'brief'][choice] as string
          const lifetimeMs = kind === 'brief' ? 100_000 : HOUR_MS
          await node.records.put(kind, key, random.integer(1_000), { lifetimeMs }).catch((error) => {
            assert.ok(error instanceof InvalidRecordError)
          })
        } else if (choice === 4) {
          await syncPair(node, pick())
        } else if (choice === 5) {
          await world.clock.advance(random.integer(20))
        } else if (choice === 6) {
          // Two syncs that overlap.
          await Promise.all([syncPair(node, pick()), syncPair(pick(), node)])
        } else {
          world.clock.jump(random.integer(2_000) - 1_000)
        }
      }
      for (let round = 0; round < 3; round++) {
        for (const node of nodes) for (const other of nodes) await syncPair(node, other)
      }
      for (const node of nodes.slice(1)) assert.deepEqual(winners(node), winners(nodes[0] as SetsNode))
      for (const node of nodes) {
        const before = node.traffic.requests
        const result = await node.records.sync()
        assert.deepEqual([result.sent, result.received], [0, 0])
        assert.equal(node.traffic.requests - before, nodes.length - 1)
      }
      await world.stop()
    }),
    { numRuns: 25 },
  )
})

test('only members are served, and a peer that is none learns nothing', async () => {
  const world = new World()
  const a = await world.addNode({ isMember: () => false })
  const b = await world.addNode()
  await a.records.accept(draftOf(a.key, world).bytes).catch(() => undefined)
  await world.connect(b, a)
  const result = await b.records.sync({ peers: [a.key.peerId] })
  assert.deepEqual(result, { peers: 0, sent: 0, received: 0 })
  const ask = async (request: Uint8Array[]) => {
    for await (const _ of b.network.request(a.key.peerId, RECORDS_PROTOCOL, request))
      assert.fail('it answered')
  }
  await assert.rejects(ask([encodeRequest({ op: 'compare', space, fingerprint: '' })]), {
    code: 'NOT_A_MEMBER',
  })
  await assert.rejects(
    ask([encodeRequest({ op: 'put', space }), ...packRecords([draftOf(b.key, world).bytes])]),
    { code: 'NOT_A_MEMBER' },
  )
  const otherSpace = spaceIdOf(b.key.peerId, new Uint8Array(16))
  await assert.rejects(ask([encodeRequest({ op: 'get', space: otherSpace, keys: [] })]), {
    code: 'OTHER_SPACE',
  })
  await world.stop()
})

test('malformed, oversize and unknown messages are refused with a typed error, and the node goes on [K-61]', async () => {
  const world = new World()
  const [a, b] = [await world.addNode(), await world.addNode()]
  await world.connect(b, a)
  const ask = async (...frames: Uint8Array[]) => {
    for await (const frame of b.network.request(a.key.peerId, RECORDS_PROTOCOL, frames)) return frame
    return undefined
  }
  const bad: CborValue[] = [
    { op: 'explode', space: new Uint8Array(32) },
    { op: 'get', space: new Uint8Array(32), keys: [new Uint8Array(3)] },
    { op: 'get', space: new Uint8Array(32), keys: Array.from({ length: 1_001 }, () => new Uint8Array(38)) },
    { op: 'compare', space: new Uint8Array(31), fingerprint: '' },
    [1, 2, 3],
    'x'.repeat(60_000),
  ]
  for (const message of bad)
    await assert.rejects(ask(encodeCanonical(message)), { code: 'MALFORMED_MESSAGE' })
  await assert.rejects(ask(new Uint8Array(50_000)), { code: 'MALFORMED_MESSAGE' })
  await assert.rejects(ask(encodeRequest({ op: 'reconcile', space, message: Uint8Array.of(9, 9, 9) })), {
    code: 'INVALID_INPUT',
  })
  // Records that are no records are answered one by one.
  const mixed = [new Uint8Array(10), draftOf(b.key, world).bytes]
  assert.ok((await ask(encodeRequest({ op: 'put', space }), ...packRecords(mixed))) !== undefined)
  assert.equal(a.records.count('note'), 1)
  await world.stop()
})

test('a peer that answers with more than was asked for, or with rubbish, is left, and nothing of it is kept', async () => {
  const world = new World()
  const honest = await world.addNode()
  const liar = world.hub.createNetwork(signingKeyFromSeed(world.random.bytes(32)))
  await liar.start()
  let answers: Uint8Array[] = []
  liar.handle(RECORDS_PROTOCOL, async function* () {
    yield* answers
  })
  await honest.network.connect(liar.addresses()[0] ?? '')
  for (const answer of [
    [],
    [new Uint8Array(5)],
    [encodeCanonical({ message: Uint8Array.of(1, 38, 0) })],
    [encodeCanonical([])],
  ]) {
    answers = answer
    assert.deepEqual(await honest.records.sync({ peers: [liar.peerId] }), { peers: 0, sent: 0, received: 0 })
  }
  assert.equal(honest.records.count('note'), 0)
  await liar.stop()
  await world.stop()
})

test('a record of somebody who is not known as a member waits for the certificate, in any number of steps', async () => {
  const world = new World()
  const members = new Set<string>()
  const node = await world.addNode({ isMember: (peer) => members.has(peer) })
  const author = signingKeyFromSeed(new Uint8Array(32).fill(5))
  const record = draftOf(author, world)
  await assert.rejects(node.records.accept(record.bytes), UnknownAuthorError)
  assert.equal(node.records.count('note'), 0)
  members.add(author.peerId)
  node.records.reconsider({ membersLost: false })
  assert.deepEqual(
    node.records.list('note').map(({ id }) => id),
    [record.id],
  )
  members.delete(author.peerId)
  node.records.reconsider({ membersLost: true })
  assert.equal(node.records.count('note'), 0)
  await world.stop()
})

test('gossip and pushing bring a new record at once, long before the next reconciliation', async () => {
  const world = new World()
  const nodes = [await world.addNode({ gossip: true }), await world.addNode({ gossip: true })]
  const [a, b] = nodes
  assert.ok(a && b)
  await world.connect(a, b)
  await world.clock.advance(1_000)
  const asked = b.traffic.requests
  await a.records.put('note', 'news', null, { lifetimeMs: HOUR_MS })
  await world.clock.advance(200)
  assert.equal(b.records.count('note'), 1)
  assert.equal(b.traffic.requests, asked)
  await world.stop()
})

test('a status every 30 s from 50 members costs no disk and little traffic', async () => {
  const world = new World()
  const [a, b] = [await world.addNode(), await world.addNode()]
  await world.connect(a, b)
  const members = Array.from({ length: 50 }, () => signingKeyFromSeed(world.random.bytes(32)))
  for (let round = 0; round < 4; round++) {
    for (const member of members) {
      const createdAt = Math.floor(world.clock.now())
      const record = draftOf(member, world, {
        kind: 'brief',
        key: member.peerId,
        createdAt,
        expiresAt: createdAt + 120_000,
      })
      await a.records.accept(record.bytes)
    }
    await world.clock.advance(30_000)
  }
  await world.until(() => b.records.count('brief') === 50)
  assert.equal(b.index.get<{ count: number }>('SELECT count(*) AS count FROM record')?.count, 0)
  const perRound = (a.traffic.bytes + b.traffic.bytes) / 4
  assert.ok(perRound < 200_000, `${perRound} bytes per round`)
  await world.stop()
})

function draftOf(key: SigningKey, world: World, change: Record<string, unknown> = {}) {
  const createdAt = world.clock.now()
  return signRecord(key, {
    space,
    kind: 'note',
    key: 'k',
    createdAt,
    expiresAt: createdAt + HOUR_MS,
    body: null,
    ...change,
  })
}

async function syncPair(a: SetsNode, b: SetsNode): Promise<void> {
  if (a !== b) await a.records.sync({ peers: [b.key.peerId] })
}
