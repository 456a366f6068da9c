import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { DiskRoom } from './disk-room.ts'
import { MemoryDisk } from './memory-disk.ts'

const MIB = 1024 * 1024
const full = (error: unknown) => isKizunaError(error, 'DISK_FULL')

/** A disk whose room is set by the test, and how often it was asked. */
function create(facts: { freeBytes: number; totalBytes: number }) {
  const asked = { times: 0 }
  const disk = Object.assign(new MemoryDisk().session(), {
    async space() {
      asked.times++
      return facts
    },
  })
  return { room: new DiskRoom(disk), facts, asked }
}

test('the last 64 MiB of a disk, or the last eighth of a small one, are not for chunks [R-03]', async () => {
  const large = create({ freeBytes: 65 * MIB, totalBytes: 1_000 * MIB })
  await large.room.take(MIB, 'chunks')
  large.facts.freeBytes = 64 * MIB
  await assert.rejects(large.room.take(MIB, 'chunks'), full)
  const small = create({ freeBytes: 3 * MIB, totalBytes: 16 * MIB })
  await assert.rejects(small.room.take(1.5 * MIB, 'chunks'), full)
  await small.room.take(MIB, 'chunks')
})

test('writing goes on as soon as there is room again', async () => {
  const { room, facts } = create({ freeBytes: 10 * MIB, totalBytes: 1_000 * MIB })
  await assert.rejects(room.take(100, 'chunks'), full)
  facts.freeBytes = 200 * MIB
  await room.take(100, 'chunks')
})

test('the disk is asked now and then, more often the fuller it is', async () => {
  const { room, facts, asked } = create({ freeBytes: 900 * MIB, totalBytes: 1_000 * MIB })
  for (let count = 0; count < 64; count++) await room.take(MIB, 'chunks')
  assert.equal(asked.times, 1)
  facts.freeBytes = 72 * MIB
  for (let count = 0; count < 4; count++) await room.take(MIB, 'chunks')
  assert.equal(asked.times, 3)
})

test('a file system that does not know its size is written to', async () => {
  const { room } = create({ freeBytes: 0, totalBytes: 0 })
  await room.take(MIB, 'chunks')
})
