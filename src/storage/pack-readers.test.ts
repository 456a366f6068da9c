import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from './disk.ts'
import { MemoryDisk } from './memory-disk.ts'
import { PackReaders } from './pack-readers.ts'

/** A disk that counts what is open, and whose reads wait to be let through while `isHeld`. */
async function counted(packs: number) {
  const inner = new MemoryDisk().session()
  const state = { opened: 0, closed: 0, held: undefined as Promise<void> | undefined }
  await inner.makeFolder('packs')
  for (let number = 0; number < packs; number++) {
    await inner.writeFile(`packs/${number}`, new Uint8Array([number, 1, 2]))
  }
  const disk: Disk = {
    ...inner,
    async open(path, mode) {
      const file = await inner.open(path, mode)
      state.opened++
      return {
        ...file,
        async read(position, length) {
          await state.held
          return file.read(position, length)
        },
        async close() {
          state.closed++
          await file.close()
        },
      }
    },
  }
  return { readers: new PackReaders(disk), state }
}

test('a pack stays open between reads, eight at most, and all are closed at the end', async () => {
  const { readers, state } = await counted(12)
  for (let round = 0; round < 3; round++) {
    for (let number = 0; number < 8; number++) {
      assert.deepEqual([...(await readers.read(`packs/${number}`, 0, 1))], [number])
    }
  }
  assert.deepEqual([state.opened, state.closed], [8, 0])
  for (let number = 8; number < 12; number++) await readers.read(`packs/${number}`, 0, 1)
  assert.equal(state.opened - state.closed, 8)
  await readers.close()
  assert.equal(state.opened, state.closed)
})

test('a pack is opened anew after a number of reads, and after one that failed', async () => {
  const { readers, state } = await counted(1)
  for (let count = 0; count < 65; count++) await readers.read('packs/0', 0, 1)
  assert.deepEqual([state.opened, state.closed], [2, 1])
  await assert.rejects(readers.read('packs/none', 0, 1))
  await readers.forget('packs/none')
  await readers.close()
  assert.equal(state.opened, state.closed)
})

test('a pack that is let go of in mid-read is closed by its last read', async () => {
  const { readers, state } = await counted(10)
  const { promise, resolve } = Promise.withResolvers<void>()
  await readers.read('packs/0', 0, 1)
  state.held = promise
  const reading = [readers.read('packs/0', 1, 1), readers.read('packs/0', 2, 1)]
  await readers.forget('packs/0')
  assert.equal(state.closed, 0)
  resolve()
  assert.deepEqual(
    (await Promise.all(reading)).map(([byte]) => byte),
    [1, 2],
  )
  assert.deepEqual([state.opened, state.closed], [1, 1])
  await readers.close()
})
