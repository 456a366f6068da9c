import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { PeerId } from '@libp2p/interface'
import { VirtualClock } from '../core/virtual-clock.ts'
import { type GuardedTable, TableDiversity } from './table-diversity.ts'

type Leaf = { peers: { kadId: Uint8Array; peerId: PeerId }[] }
type Table = Leaf | { left: Table; right: Table }

/** A table of two buckets, or of many of which two are given, and peers whose ids name their network: `network/number`. */
function guardedTable(make = (zero: Leaf, one: Leaf): Table => ({ left: zero, right: one })) {
  const zero: Leaf = { peers: [] }
  const one: Leaf = { peers: [] }
  const asked: string[] = []
  const table: GuardedTable = {
    kb: {
      root: make(zero, one),
      verify: async ({ peerId }) => {
        asked.push(String(peerId))
        return !String(peerId).includes('dead')
      },
    },
  }
  const networkOf = async (peer: PeerId) => {
    const [network = ''] = String(peer).split('/')
    return network === 'local' ? undefined : network
  }
  const clock = new VirtualClock()
  new TableDiversity({ clock, networkOf }).guard(table)
  const add = async (name: string, bucket: Leaf, firstByte = bucket === zero ? 0 : 255) => {
    const kadId = Uint8Array.from(hash('sha256', name, 'buffer'))
    kadId[0] = firstByte
    const peer = { kadId, peerId: name as unknown as PeerId }
    const taken = await table.kb.verify(peer)
    if (taken) bucket.peers.push(peer)
    return taken
  }
  return { zero, one, asked, clock, add }
}

test('two peers of one network get into a bucket, the third is not even asked [R-07]', async () => {
  const { zero, one, asked, add } = guardedTable()
  assert.equal(await add('sybil/1', zero), true)
  assert.equal(await add('sybil/2', zero), true)
  assert.equal(await add('sybil/3', zero), false)
  assert.deepEqual(asked, ['sybil/1', 'sybil/2'])
  assert.equal(await add('other/1', zero), true)
  assert.equal(await add('sybil/4', one), true)
  assert.deepEqual([zero.peers.length, one.peers.length], [3, 1])
})

test('many that come at once are no more than two, and one that does not answer takes no place [R-07]', async () => {
  const { zero, add } = guardedTable()
  assert.equal(await add('sybil/dead', zero), false)
  await Promise.all(Array.from({ length: 20 }, (_, index) => add(`sybil/${index}`, zero)))
  assert.equal(zero.peers.length, 2)
})

test('peers of this machine and of private networks are not limited [R-07]', async () => {
  const { zero, add } = guardedTable()
  for (let index = 0; index < 20; index++) assert.equal(await add(`local/${index}`, zero), true)
})

test('small buckets deep in the table are one region: two of a network in all of them together [R-07]', async () => {
  // Ids that begin with seven and with eight zeros, or with six zeros and a one, have six bits in common.
  const deep = (zero: Leaf, one: Leaf): Table => {
    let table: Table = { left: zero, right: one }
    for (let depth = 6; depth > 0; depth--) table = { left: table, right: { peers: [] } }
    return table
  }
  const { zero, one, add } = guardedTable(deep)
  assert.equal(await add('sybil/1', zero, 0b0000_0000), true)
  assert.equal(await add('sybil/2', one, 0b0000_0010), true)
  assert.equal(await add('sybil/3', zero, 0b0000_0001), false)
  assert.equal(await add('sybil/4', one, 0b0000_0011), false)
  assert.equal(await add('other/1', zero, 0b0000_0001), true)
})

test('a peer that has left the table makes room for another of its network [R-07]', async () => {
  const { zero, clock, add } = guardedTable()
  assert.equal(await add('sybil/1', zero), true)
  assert.equal(await add('sybil/2', zero), true)
  zero.peers.pop()
  await clock.advance(6_000)
  assert.equal(await add('sybil/3', zero), true)
  assert.equal(await add('sybil/4', zero), false)
})

test('who stays is not forgotten for hundreds that come and go [R-07]', async () => {
  const { zero, one, clock, add } = guardedTable()
  assert.equal(await add('sybil/1', zero), true)
  assert.equal(await add('sybil/2', zero), true)
  for (let index = 0; index < 600; index++) {
    await clock.advance(6_000)
    assert.equal(await add(`sybil/passing ${index}`, one), true)
    one.peers.pop()
  }
  assert.equal(await add('sybil/3', zero), false)
})
