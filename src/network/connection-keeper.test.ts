import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLogger } from '../core/log.ts'
import { SeededRandom } from '../core/random.ts'
import { type PeerId, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { type Candidate, type CandidateSource, ConnectionKeeper } from './connection-keeper.ts'

const ADDRESS = multiaddr('/ip4/192.0.2.1/tcp/4001')

test('redials a kept peer for ever, with pauses of 0.5 to 5 s', async () => {
  const world = makeWorld({ up: false })
  world.offer('kept', peerNumber(1))
  await world.clock.advance(3_600_000)
  const pauses = world.dialledAt.slice(1).map((at, index) => at - (world.dialledAt[index] ?? 0))
  assert.ok(world.dialledAt.length > 3_600 / 5, `${world.dialledAt.length} dials in an hour`)
  assert.ok(pauses.every((pause) => pause >= 500 && pause <= 5_000))
})

test('gives up on somebody heard of who never answers, and not on a bootstrap peer [K-50]', async () => {
  const heard = makeWorld({ up: false })
  heard.offer('exchange', peerNumber(1))
  await heard.clock.advance(24 * 3_600_000)
  assert.equal(heard.dialledAt.length, 12)
  const bootstrap = makeWorld({ up: false })
  bootstrap.offer('bootstrap', undefined)
  await bootstrap.clock.advance(3_600_000)
  assert.ok(bootstrap.dialledAt.length > 200)
})

test('a known peer that comes back is connected within 10 s of its return while there is nobody else [K-50]', async () => {
  const world = makeWorld({ up: false })
  world.offer('known', peerNumber(1))
  await world.clock.advance(10_000)
  world.up = true
  await world.clock.advance(10_000)
  assert.equal(world.connected.size, 1)
})

test('connects to no more than wanted, except those to keep', async () => {
  const world = makeWorld({ peersWanted: 5 })
  for (let index = 0; index < 20; index++) world.offer('known', peerNumber(index))
  await world.clock.advance(60_000)
  assert.equal(world.connected.size, 5)
  world.offer('kept', peerNumber(30))
  await world.clock.advance(1_000)
  assert.equal(world.connected.has(peerNumber(30)), true)
})

test('at most half of the peers wanted are such as others named [R-07]', async () => {
  const world = makeWorld({ peersWanted: 10 })
  for (let index = 0; index < 40; index++) world.offer('exchange', peerNumber(index))
  await world.clock.advance(60_000)
  assert.equal(world.connected.size, 5)
  for (let index = 50; index < 60; index++) world.offer('known', peerNumber(index))
  await world.clock.advance(60_000)
  // Five of hearsay, and the ten places that are always there for those we know ourselves.
  assert.equal(world.connected.size, 15)
})

test('peers that we know ourselves are dialled although strangers took all places [R-07]', async () => {
  const world = makeWorld({ peersWanted: 10 })
  for (let index = 0; index < 50; index++) world.connected.add(peerNumber(index))
  for (let index = 60; index < 80; index++) world.offer('bootstrap', peerNumber(index))
  world.offer('exchange', peerNumber(90))
  await world.clock.advance(60_000)
  assert.equal(world.connected.size, 50 + 16 + 1)
  for (let index = 91; index < 99; index++) world.offer('exchange', peerNumber(index))
  await world.clock.advance(60_000)
  assert.equal(world.connected.size, 50 + 16 + 4, 'and four of those that others named')
})

test('a peer that goes is tried again within 2 s, and another takes its place', async () => {
  const world = makeWorld({ peersWanted: 1 })
  world.offer('kept', peerNumber(1))
  await world.clock.advance(10)
  world.connected.clear()
  world.keeper.disconnected(peerNumber(1))
  await world.clock.advance(2_000)
  assert.equal(world.connected.has(peerNumber(1)), true)
})

test('dials at most eight at once, and holds at most 1,000 candidates', async () => {
  const world = makeWorld({ up: false, dialMs: 1_000, peersWanted: 2_000 })
  for (let index = 0; index < 3_000; index++) world.offer('exchange', peerNumber(index))
  assert.equal(world.running, 8)
  await world.clock.advance(120_000)
  assert.ok(world.most <= 8)
})

test('a peer that was met is found again within 30 s of the end of a cut of six hours [R-08] [K-50]', async () => {
  for (const source of ['exchange', 'known', 'lan', 'bootstrap', 'kept'] as const) {
    const world = makeWorld({})
    world.offer(source, peerNumber(1))
    await world.clock.advance(1_000)
    world.cut()
    await world.clock.advance(6 * 3_600_000)
    const late = world.dialledAt.slice(-20)
    const pauses = late.slice(1).map((at, index) => at - (late[index] ?? 0))
    assert.ok(Math.max(...pauses) <= 20_001, `${source}: ${pauses}`)
    assert.ok(new Set(pauses.map(Math.round)).size > 10, 'by chance, not in step')
    world.up = true
    await world.clock.advance(20_001)
    assert.equal(world.connected.size, 1, source)
  }
})

test('three hundred dead peers cost at most three dials a second, and delay nobody who matters', async () => {
  const world = makeWorld({ up: false, dialMs: 1 })
  for (let index = 0; index < 300; index++) world.offer('known', peerNumber(index))
  for (let index = 300; index < 330; index++) world.offer('kept', peerNumber(index))
  await world.clock.advance(300_000)
  const before = world.dialledAt.length
  await world.clock.advance(100_000)
  assert.ok(world.dialledAt.length - before <= 3 * 100 + 24, `${world.dialledAt.length - before} dials`)
  // Woken without pause, it is no more.
  const calm = world.dialledAt.length
  for (let second = 0; second < 100; second++) {
    world.keeper.wake()
    await world.clock.advance(1_000)
  }
  assert.ok(world.dialledAt.length - calm <= 3 * 100 + 24, `${world.dialledAt.length - calm} dials`)
  world.up = true
  await world.clock.advance(30_000)
  for (let index = 300; index < 330; index++) assert.ok(world.connected.has(peerNumber(index)))
})

test('dead peers whose dials hang leave places to those just heard of', async () => {
  const world = makeWorld({ up: false, dialMs: 10_000 })
  for (let index = 0; index < 40; index++) world.offer('known', peerNumber(index))
  await world.clock.advance(300_000)
  const before = world.dialledAt.length
  world.offer('exchange', peerNumber(90))
  assert.equal(world.dialledAt.length, before + 1)
})

test('a connection that came about, from either side, wakes those who wait', async () => {
  const world = makeWorld({ up: false })
  for (let index = 0; index < 6; index++) world.offer('known', peerNumber(index))
  await world.clock.advance(3_600_000)
  world.up = true
  world.keeper.wake()
  await world.clock.advance(10)
  assert.equal(world.connected.size, 6)

  const other = makeWorld({ up: false })
  for (let index = 0; index < 6; index++) other.offer('known', peerNumber(index))
  await other.clock.advance(3_600_000)
  other.up = true
  other.offer('kept', peerNumber(50))
  await other.clock.advance(10)
  assert.equal(other.connected.size, 7, 'one success is enough')
})

test('strangers do not take the places of peers that we know ourselves [R-07]', async () => {
  const world = makeWorld({ peersWanted: 100 })
  world.offer('known', peerNumber(1))
  for (let index = 10; index < 50; index++) world.offer('exchange', peerNumber(index))
  await world.clock.advance(10_000)
  world.cut()
  await world.clock.advance(3_600_000)
  const before = world.dialled.filter((peer) => peer === peerNumber(1)).length
  await world.clock.advance(60_000)
  assert.ok(world.dialled.filter((peer) => peer === peerNumber(1)).length - before >= 3)
})

test('stops', async () => {
  const world = makeWorld({ up: false })
  world.offer('kept', peerNumber(1))
  await world.clock.advance(10_000)
  world.keeper.stop()
  const dials = world.dialledAt.length
  await world.clock.advance(3_600_000)
  assert.equal(world.dialledAt.length, dials)
  assert.equal(world.clock.pendingCount, 0)
})

const peers = new Map<number, PeerId>()
function peerNumber(index: number): PeerId {
  const seed = Buffer.alloc(32)
  seed.writeUInt32BE(index)
  const peer = peers.get(index) ?? signingKeyFromSeed(seed).peerId
  peers.set(index, peer)
  return peer
}

function makeWorld(settings: { up?: boolean; dialMs?: number; peersWanted?: number }) {
  const { up = true, dialMs = 1, peersWanted = 50 } = settings
  const clock = new VirtualClock()
  const connected = new Set<PeerId>()
  const world = {
    clock,
    connected,
    up,
    dialledAt: [] as number[],
    dialled: [] as (PeerId | undefined)[],
    /** Every connection goes and none can be made. */
    cut: () => {
      world.up = false
      const gone = [...connected]
      connected.clear()
      for (const peer of gone) world.keeper.disconnected(peer)
    },
    running: 0,
    most: 0,
    offer: (source: CandidateSource, peer: PeerId | undefined) =>
      world.keeper.offer({ source, peer, addresses: [ADDRESS] }),
    keeper: new ConnectionKeeper(
      {
        clock,
        random: new SeededRandom(1),
        log: silentLogger,
        isConnected: (peer) => connected.has(peer),
        connectedCount: () => connected.size,
        async dial({ peer }: Candidate) {
          world.dialledAt.push(clock.monotonic())
          world.dialled.push(peer)
          world.most = Math.max(world.most, ++world.running)
          await clock.sleep(dialMs)
          world.running--
          if (!world.up) throw new Error('nothing answers')
          const found = peer ?? peerNumber(0)
          connected.add(found)
          return found
        },
      },
      { peersWanted },
    ),
  }
  world.keeper.start()
  return world
}
