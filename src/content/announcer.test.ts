import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { Network, PeerListener } from '../network/network.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { ANNOUNCE_FIRST, ANNOUNCE_LATER, Announcer } from './announcer.ts'

const HOUR = 3_600_000
const ids = (count: number) =>
  Array.from({ length: count }, (_, number) => contentIdFromDigest(hash('sha256', `${number}`, 'buffer')))

/** Neighbours in the key space, which is that of digests. */
const byDigest = (a: ContentId, b: ContentId) => Buffer.compare(digestOf(a), digestOf(b))

/** A network of which only `provide` and `onPeer` are used: it writes down the batches, and fails while `isDown`. */
function createAnnouncers() {
  const clock = new VirtualClock()
  const disk = new MemoryDisk()
  const batches: ContentId[][] = []
  const state = { isDown: false, connected: () => {} }
  const network = {
    onPeer: (listener: PeerListener) => {
      state.connected = () => listener({ kind: 'connected', peer: 'someone' as PeerId })
      return () => {}
    },
    provide: async (batch: Iterable<ContentId>) => {
      if (state.isDown) throw new Error('no DHT')
      batches.push([...batch])
    },
  } as unknown as Network
  const create = (announces = true) => {
    const index = openIndexDatabase(disk.openDatabase('index.db'))
    const metrics = createMetrics({ processMetrics: false })
    const announcer = new Announcer({ index, network, clock, log: silentLogger, metrics }, { announces })
    announcer.start()
    return announcer
  }
  return { clock, batches, state, create }
}

test('manifests go first, chunks in sorted batches of neighbours [S-33] [B-04]', async () => {
  const { clock, batches, create } = createAnnouncers()
  const announcer = create()
  const [root, ...chunks] = ids(601) as [ContentId, ...ContentId[]]
  announcer.announce(chunks, ANNOUNCE_LATER)
  announcer.announce([root], ANNOUNCE_FIRST)
  assert.equal(announcer.waiting, 601)
  await clock.advance(1_000)
  assert.deepEqual(batches[0], [root])
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [1, 256, 256, 88],
  )
  assert.deepEqual(batches.slice(1).flat(), [...chunks].sort(byDigest))
  assert.equal(announcer.waiting, 0)
  await announcer.stop()
})

test('ids are announced again before their records expire, and not after they are let go', async () => {
  const { clock, batches, create } = createAnnouncers()
  const announcer = create()
  announcer.announce(ids(3), ANNOUNCE_LATER)
  await clock.advance(1_000)
  await clock.advance(23 * HOUR)
  assert.equal(batches.length, 2, 'records live 48 h')
  announcer.withdraw(ids(3))
  await clock.advance(48 * HOUR)
  assert.equal(batches.length, 2)
  await announcer.stop()
})

test('a failure is tried again, and the queue outlives the process [K-49]', async () => {
  const { clock, batches, state, create } = createAnnouncers()
  state.isDown = true
  const announcer = create()
  announcer.announce(ids(5), ANNOUNCE_LATER)
  await clock.advance(1_000)
  assert.equal(announcer.waiting, 5)
  await announcer.stop()
  state.isDown = false
  const again = create()
  assert.equal(again.waiting, 5)
  await clock.advance(1_000)
  assert.deepEqual(batches, [ids(5).sort(byDigest)])
  await again.stop()
})

test('a failure is tried again as soon as somebody connects, and nothing is lost by stopping early [B-24]', async () => {
  const { clock, batches, state, create } = createAnnouncers()
  state.isDown = true
  const announcer = create()
  announcer.announce(ids(5), ANNOUNCE_LATER)
  await announcer.stop()
  const again = create()
  assert.equal(again.waiting, 5)
  await clock.advance(1_000)
  state.isDown = false
  state.connected()
  await clock.advance(1_500)
  assert.deepEqual(batches, [ids(5).sort(byDigest)])
  await again.stop()
})

test('nodes that only download announce nothing [B-26]', async () => {
  const { clock, batches, create } = createAnnouncers()
  const announcer = create(false)
  announcer.announce(ids(5), ANNOUNCE_FIRST)
  await clock.advance(HOUR)
  assert.deepEqual(batches, [])
  assert.equal(announcer.waiting, 0)
  await announcer.stop()
})
