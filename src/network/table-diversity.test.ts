import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { PeerId } from '@libp2p/interface'
import { VirtualClock } from '../core/virtual-clock.ts'
import { type GuardedTable, TableDiversity } from './table-diversity.ts'

type Leaf = { prefix: string; peers: { kadId: Uint8Array; peerId: PeerId }[] }

/** A table of two buckets, and peers whose ids name their network: `network/number`. */
function guardedTable() {
  const zero: Leaf = { prefix: '0', peers: [] }
  const one: Leaf = { prefix: '1', peers: [] }
  const asked: string[] = []
  const table: GuardedTable = {
    kb: {
      root: { left: zero, right: one },
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
  new TableDiversity({ clock: new VirtualClock(), networkOf }).guard(table)
  const add = async (name: string, bucket: Leaf) => {
    const kadId = Uint8Array.from(hash('sha256', name, 'buffer'))
    kadId[0] = bucket === zero ? 0 : 255
    const peer = { kadId, peerId: name as unknown as PeerId }
    const taken = await table.kb.verify(peer)
    if (taken) bucket.peers.push(peer)
    return taken
  }
  return { zero, one, asked, add }
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
