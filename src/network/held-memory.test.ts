import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/virtual-clock.ts'
import { HELD_BYTES_MAX, HeldMemory } from './held-memory.ts'

class FakeStream {
  heldBytes: number
  movedBytes = 0
  dropped = false

  constructor(heldBytes: number) {
    this.heldBytes = heldBytes
  }

  reset(): void {
    this.dropped = true
  }
}

function memoryWith(sizes: readonly number[]) {
  const clock = new VirtualClock()
  let drops = 0
  const memory = new HeldMemory({
    clock,
    onDropped: () => {
      drops++
    },
  })
  const streams = sizes.map((size) => new FakeStream(size))
  for (const stream of streams) memory.add(stream)
  return { clock, memory, streams, drops: () => drops }
}

test('streams that stand still and hold too much together go, the largest first [R-05]', async () => {
  const half = HELD_BYTES_MAX / 2
  const { clock, memory, streams, drops } = memoryWith([half, 1_000, half + 1_000])
  await clock.advance(1_500)
  assert.deepEqual(
    streams.map(({ dropped }) => dropped),
    [false, false, true],
  )
  assert.equal(drops(), 1)
  for (const stream of streams) memory.remove(stream)
  assert.equal(clock.pendingCount, 0)
})

test('whoever moves may stay, and below the limit everybody may [R-05]', async () => {
  const { clock, streams } = memoryWith([HELD_BYTES_MAX, HELD_BYTES_MAX])
  for (let look = 0; look < 5; look++) {
    for (const stream of streams) stream.movedBytes += 10
    await clock.advance(1_000)
  }
  assert.ok(streams.every(({ dropped }) => !dropped))
  const small = memoryWith([1_000, 2_000])
  await small.clock.advance(5_000)
  assert.ok(small.streams.every(({ dropped }) => !dropped))
})
