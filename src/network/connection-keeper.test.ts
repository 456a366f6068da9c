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
  for (let index = 0; index < 20; index++) world.offer('exchange', peerNumber(index))
  await world.clock.advance(60_000)
  assert.equal(world.connected.size, 5)
  world.offer('kept', peerNumber(30))
  await world.clock.advance(1_000)
  assert.equal(world.connected.has(peerNumber(30)), true)
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
