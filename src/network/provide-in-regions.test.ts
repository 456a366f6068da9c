import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contentIdOf, digestOf } from '../core/content-id.ts'
import { SeededRandom } from '../core/random.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { byDistanceTo, CLOSEST_PEERS, pointOf, type RegionPeer, sharedBits } from './key-regions.ts'
import { RegionalProvider } from './provide-in-regions.ts'

test('10,000 ids on a DHT of 200 nodes cost 98 % fewer look-ups than one by one, and each is found [S-49]', async () => {
  const dht = new SimulatedDht(200)
  const keys = makeKeys(10_000)
  const outcome = await dht.provider.provide(keys, neverAborts())
  assert.equal(outcome.lookups, dht.lookups)
  assert.equal(outcome.kept, 10_000)
  assert.ok(dht.lookups <= 0.02 * keys.length, `${dht.lookups} look-ups`)
  let atClosest = 0
  for (const key of keys) {
    const closest = dht.closest(key).map(({ peer }) => dht.keptBy(peer, key))
    assert.ok(closest.slice(0, 3).some(Boolean), 'a reader asks the closest peers first')
    atClosest += closest.filter(Boolean).length
  }
  const share = atClosest / (CLOSEST_PEERS * keys.length)
  assert.ok(share > 0.8, `${share} of the copies are where Kademlia wants them`)
})

test('batches of one announcement share what was learnt [S-49]', async () => {
  const dht = new SimulatedDht(200)
  const keys = makeKeys(2_560)
  for (let offset = 0; offset < keys.length; offset += 256) {
    await dht.provider.provide(keys.slice(offset, offset + 256), neverAborts())
  }
  assert.ok(dht.lookups <= 0.1 * keys.length, `${dht.lookups} look-ups`)
})

test('what was learnt is not believed for ever', async () => {
  const dht = new SimulatedDht(50)
  const keys = makeKeys(10)
  await dht.provider.provide(keys, neverAborts())
  const first = dht.lookups
  await dht.clock.advance(6 * 60_000)
  await dht.provider.provide(keys, neverAborts())
  assert.ok(dht.lookups > first)
})

test('in a network smaller than k everybody keeps everything after one look-up', async () => {
  const dht = new SimulatedDht(7)
  const keys = makeKeys(100)
  const outcome = await dht.provider.provide(keys, neverAborts())
  assert.deepEqual(outcome, { lookups: 1, kept: 100 })
  for (const { peer } of dht.peers) assert.ok(keys.every((key) => dht.keptBy(peer, key)))
})

test('says that nothing was kept when nobody is there or nobody answers', async () => {
  assert.equal((await new SimulatedDht(0).provider.provide(makeKeys(3), neverAborts())).kept, 0)
  const deaf = new SimulatedDht(7)
  deaf.answers = () => false
  assert.equal((await deaf.provider.provide(makeKeys(3), neverAborts())).kept, 0)
})

test('goes on when some peers do not answer, and does not count on them again', async () => {
  const dht = new SimulatedDht(100)
  dht.answers = (peer) => peer % 3 !== 0
  const keys = makeKeys(500)
  const outcome = await dht.provider.provide(keys, neverAborts())
  assert.equal(outcome.kept, 500)
  for (const key of keys) assert.ok(dht.closest(key).some(({ peer }) => dht.keptBy(peer, key)))
})

test('stops when told to', async () => {
  const dht = new SimulatedDht(200)
  const control = new AbortController()
  dht.answers = () => {
    control.abort(new Error('enough'))
    return true
  }
  await assert.rejects(dht.provider.provide(makeKeys(1_000), control.signal), /enough/)
})

test('the shared bits and the distance of points agree', () => {
  const point = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(point, point, point, (a, b, c) => {
      assert.equal(sharedBits(a, b), sharedBits(b, a))
      assert.equal(sharedBits(a, a), 256)
      if (sharedBits(a, b) > sharedBits(a, c)) assert.ok(byDistanceTo(a)(b, c) < 0)
    }),
  )
})

/** Nodes that know each other perfectly; counts what it is asked. */
class SimulatedDht {
  readonly clock = new VirtualClock()
  readonly peers: RegionPeer<number>[]
  readonly provider: RegionalProvider<number>
  readonly #kept = new Map<number, Set<string>>()
  lookups = 0
  answers: (peer: number) => boolean = () => true

  constructor(count: number) {
    const random = new SeededRandom(count)
    this.peers = Array.from({ length: count }, (_, peer) => ({ peer, point: pointOf(random.bytes(38)) }))
    this.provider = new RegionalProvider({
      clock: this.clock,
      records: {
        closestPeers: async (key) => {
          this.lookups++
          return this.closest(key)
        },
        tell: async (peer, keys) => {
          if (!this.answers(peer)) throw new Error('no answer')
          const kept = this.#kept.get(peer) ?? new Set()
          this.#kept.set(peer, kept)
          for (const key of keys) kept.add(Buffer.from(key).toString('hex'))
        },
      },
    })
  }

  closest(key: Uint8Array): RegionPeer<number>[] {
    const order = byDistanceTo(pointOf(key))
    return this.peers.toSorted((a, b) => order(a.point, b.point)).slice(0, CLOSEST_PEERS)
  }

  keptBy(peer: number, key: Uint8Array): boolean {
    return this.#kept.get(peer)?.has(Buffer.from(key).toString('hex')) === true
  }
}

function makeKeys(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([Buffer.from([0x12, 0x20]), digestOf(contentIdOf(Buffer.from(`chunk ${index}`)))]),
  )
}

function neverAborts(): AbortSignal {
  return new AbortController().signal
}
