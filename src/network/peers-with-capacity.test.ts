import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../core/signing-key.ts'
import { peersWithCapacity } from './peers-with-capacity.ts'

test('finds peers with free bytes and open slots, the most trusted first [B-10]', () => {
  const peers = [
    { peer: 'full' as PeerId, freeBytes: 99, freeSlots: 9, score: 90 },
    { peer: 'busy' as PeerId, freeBytes: 1000, freeSlots: 0, score: 90 },
    { peer: 'exact' as PeerId, freeBytes: 100, freeSlots: 1, score: 5 },
    { peer: 'roomy' as PeerId, freeBytes: 900, freeSlots: 4, score: 5 },
    { peer: 'trusted' as PeerId, freeBytes: 200, freeSlots: 2, score: 50 },
  ]
  const found = peersWithCapacity(peers, { sizeBytes: 100 })
  assert.deepEqual(
    found.map(({ peer }) => peer),
    ['trusted', 'roomy', 'exact'],
  )
  assert.deepEqual(peersWithCapacity(peers, { sizeBytes: 1001 }), [])
})
