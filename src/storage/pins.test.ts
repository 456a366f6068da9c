import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { openIndexDatabase } from './index-database.ts'
import { MemoryDisk } from './memory-disk.ts'
import { Pins } from './pins.ts'

const idOf = (text: string) => contentIdOf(Buffer.from(text))
const [root, other, one, two, three] = ['root', 'other', '1', '2', '3'].map(idOf) as [
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
]

function create(disk = new MemoryDisk()) {
  const clock = new VirtualClock()
  return { disk, clock, pins: new Pins({ index: openIndexDatabase(disk.openDatabase('index.db')), clock }) }
}

test('a chunk is pinned as long as one owner of one object pins it', () => {
  const { pins } = create()
  pins.add({ root, owner: 'self' }, [root, one, two])
  pins.add({ root, owner: 'space' }, [two])
  pins.add({ root: other, owner: 'self' }, [two, three])
  assert.deepEqual(
    [one, two, three, other].map((id) => pins.has(id)),
    [true, true, true, false],
  )
  assert.deepEqual(pins.rootsOf(two), [root, other])
  assert.deepEqual(pins.chunkIdsOf({ root, owner: 'space' }), [two])
  assert.deepEqual([...pins.chunkIds()].sort(), [root, one, two, three].sort())
  assert.equal(pins.remove(root, 'self'), true)
  assert.equal(pins.remove(root, 'self'), false)
  assert.deepEqual(
    [one, two, three].map((id) => pins.has(id)),
    [false, true, true],
  )
  pins.remove(other, 'self')
  assert.equal(pins.has(two), true)
  pins.remove(root, 'space')
  assert.equal(pins.has(two), false)
  assert.deepEqual(pins.list(), [])
})

test('pinning again adds chunks and sets the end anew', () => {
  const { pins, clock } = create()
  const now = clock.now()
  pins.add({ root, owner: 'self', expiresAt: now + 10 }, [one])
  pins.add({ root, owner: 'self' }, [two])
  assert.deepEqual(pins.list(), [{ root, owner: 'self', addedAt: now, expiresAt: undefined }])
  assert.deepEqual(pins.chunkIdsOf({ root, owner: 'self' }).sort(), [one, two].sort())
})

test('a pin ends at its moment, removed or not', async () => {
  const { pins, clock } = create()
  const expiresAt = clock.now() + 1_000
  pins.add({ root, owner: 'self', expiresAt }, [one])
  pins.add({ root: other, owner: 'self' }, [two])
  await clock.advance(999)
  assert.equal(pins.has(one), true)
  assert.deepEqual(pins.list({ owner: 'self' })[0]?.expiresAt, expiresAt)
  assert.equal(pins.removeExpired(), 0)
  await clock.advance(1)
  assert.equal(pins.has(one), false)
  assert.deepEqual(pins.rootsOf(one), [])
  assert.deepEqual([...pins.chunkIds()], [two])
  assert.deepEqual(
    pins.list().map((pin) => pin.root),
    [other],
  )
  assert.deepEqual(pins.list({ owner: 'nobody' }), [])
  assert.equal(pins.removeExpired(), 1)
  assert.deepEqual(pins.chunkIdsOf({ root, owner: 'self' }), [])
})

test('pins are there after a restart, and many of them are listed in pages', () => {
  const { disk, pins } = create()
  const ids = Array.from({ length: 2_500 }, (_, index) => idOf(`chunk ${index}`))
  pins.add({ root, owner: 'self' }, ids)
  const again = create(disk).pins
  assert.deepEqual([...again.chunkIds()].sort(), ids.toSorted())
})

test('an owner without a name is refused, and nothing is pinned when one id is not one', () => {
  const { pins } = create()
  for (const owner of ['', 'x'.repeat(65)]) {
    assert.throws(
      () => pins.add({ root, owner }, [one]),
      (error) => isKizunaError(error, 'INVALID_INPUT'),
    )
  }
  assert.throws(() => pins.add({ root, owner: 'self' }, [one, 'no id' as typeof one]))
  assert.deepEqual([...pins.chunkIds()], [])
  assert.deepEqual(pins.list(), [])
})

test('some chunks of an object can be let go, for one owner alone', () => {
  const { pins } = create()
  pins.add({ root, owner: 'self' }, [one, two, three])
  pins.add({ root, owner: 'space' }, [two])
  pins.removeChunks({ root, owner: 'self' }, [one, two])
  assert.deepEqual(
    [one, two, three].map((id) => pins.has(id)),
    [false, true, true],
  )
  pins.removeChunks({ root, owner: 'nobody' }, [three])
  pins.removeChunks({ root, owner: 'self' }, [three])
  assert.equal(pins.list({ owner: 'self' }).length, 1, 'the pin stays')
})
