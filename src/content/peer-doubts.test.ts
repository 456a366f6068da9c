import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { DOUBTS_MAX, PeerDoubts } from './peer-doubts.ts'

const OAK = 'oak' as PeerId

test('three bad answers in a row set a peer aside for a minute, one good chunk takes it back [R-04]', async () => {
  const clock = new VirtualClock()
  const doubts = new PeerDoubts(clock)
  for (let count = 1; count <= DOUBTS_MAX; count++) {
    assert.equal(doubts.isSetAside(OAK), false)
    doubts.note(OAK)
    assert.equal(doubts.count(OAK), count)
  }
  assert.equal(doubts.isSetAside(OAK), true)
  await clock.advance(60_000)
  assert.equal(doubts.isSetAside(OAK), false)
  doubts.condemn(OAK)
  assert.equal(doubts.isSetAside(OAK), true)
  doubts.clear(OAK)
  assert.equal(doubts.isSetAside(OAK), false)
})

test('a peer is proven for a minute after a good chunk, unless something bad follows [R-04]', async () => {
  const clock = new VirtualClock()
  const doubts = new PeerDoubts(clock)
  assert.equal(doubts.isProven(OAK), false)
  doubts.clear(OAK)
  assert.equal(doubts.isProven(OAK), true)
  doubts.note(OAK)
  assert.equal(doubts.isProven(OAK), false)
  doubts.clear(OAK)
  await clock.advance(60_000)
  assert.equal(doubts.isProven(OAK), false)
})

test('remembers at most 1,024 peers, those heard of last', () => {
  const doubts = new PeerDoubts(new VirtualClock())
  for (let index = 0; index < 1_100; index++) doubts.note(`peer ${index}` as PeerId)
  assert.equal(doubts.count('peer 0' as PeerId), 0)
  assert.equal(doubts.count('peer 1099' as PeerId), 1)
})
